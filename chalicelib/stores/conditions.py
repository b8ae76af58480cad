"""What a conditional write says when it is refused."""

from typing import Any

from botocore.exceptions import ClientError

from chalicelib.domain.errors import StorageUnavailable


def refused(error: ClientError) -> Any:
    """The item that stands in the way (``ReturnValuesOnConditionCheckFailure``); any other error goes on."""
    if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
        raise error
    item: Any = error.response.get("Item")
    if not item:
        raise StorageUnavailable from error
    return item
