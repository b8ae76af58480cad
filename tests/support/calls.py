"""The IAM actions of botocore's calls."""

from collections.abc import Iterator, Mapping
from typing import Any

IAM_NAMES = {"Invoke": "InvokeFunction", "ListObjectsV2": "ListBucket", "SendMessageBatch": "SendMessage"}
RESOURCE_PARAMETERS = (
    *("TableName", "StreamName", "Bucket", "QueueName", "QueueUrl", "DeliveryStreamName", "SecretId"),
    *("FunctionName", "StackName"),
)
"""Parameters that name a call's resource."""


def list_actions(service: str, operation: str, params: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each action of a call and the name of its resource, which is empty if the call names none."""
    if operation == "TransactWriteItems":
        for item in params["TransactItems"]:
            ((verb, parameters),) = item.items()
            yield f"{service}:{verb}Item", parameters["TableName"]
        return
    if "RequestItems" in params:
        names = list(params["RequestItems"])
    else:
        names = [params[field].rpartition("/")[2] for field in RESOURCE_PARAMETERS if field in params] or [""]
    for name in names:
        yield f"{service}:{IAM_NAMES.get(operation, operation)}", name
