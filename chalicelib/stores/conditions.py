"""Conditional writes that were refused."""

from typing import Any

from botocore.exceptions import ClientError

from chalicelib.domain.errors import StorageUnavailable


def get_existing_item(error: ClientError) -> Any:
    """The item for which the condition failed (``ReturnValuesOnConditionCheckFailure``).

    Raises any other error again.
    """
    if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
        raise error
    item: Any = error.response.get("Item")
    if not item:
        raise StorageUnavailable from error
    return item
