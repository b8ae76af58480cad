"""What botocore is asked to do, in IAM's words."""

from collections.abc import Iterator, Mapping
from typing import Any

RENAMED = {"Invoke": "InvokeFunction", "SendMessageBatch": "SendMessage"}
NAMING = (
    *("TableName", "StreamName", "Bucket", "QueueName", "QueueUrl", "DeliveryStreamName", "SecretId"),
    *("FunctionName", "StackName"),
)
"""Parameters that name a call's resource."""


def actions(service: str, operation: str, params: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each action of one call, and the name of its resource; empty where a call names none."""
    if operation == "TransactWriteItems":
        for item in params["TransactItems"]:
            ((verb, what),) = item.items()
            yield f"{service}:{verb}Item", what["TableName"]
        return
    if "RequestItems" in params:
        names = list(params["RequestItems"])
    else:
        names = [params[field].rpartition("/")[2] for field in NAMING if field in params] or [""]
    for name in names:
        yield f"{service}:{RENAMED.get(operation, operation)}", name
