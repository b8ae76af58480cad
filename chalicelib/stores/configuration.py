"""Which failures of AWS calls are mistakes of configuration, and what mends each."""

import json
from collections.abc import Mapping
from typing import Any

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError

_SIGN_IN = "sign in again, such as by `aws sso login`, or set other credentials"
_CREDENTIALS = "check AWS_PROFILE, or AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
_EXCEPTIONS: dict[type[BotoCoreError], str] = {
    exceptions.NoCredentialsError: "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    exceptions.PartialCredentialsError: "set what is missing, or AWS_PROFILE instead",
    exceptions.CredentialRetrievalError: _SIGN_IN,
    exceptions.SSOError: _SIGN_IN,
    exceptions.TokenRetrievalError: _SIGN_IN,
    exceptions.NoRegionError: "set AWS_REGION, or a region in the profile",
    exceptions.InvalidRegionError: "set AWS_REGION to a region such as eu-west-1",
    exceptions.ProfileNotFound: "set AWS_PROFILE to one of `aws configure list-profiles`, or unset it",
    exceptions.ConfigNotFound: "check AWS_CONFIG_FILE",
    exceptions.ConfigParseError: "mend that file",
    exceptions.InvalidConfigError: "mend the profile",
}
_MISSING = (
    "in this account and region. Check REALTIME_ENV and the name in docs/settings.md, AWS_PROFILE and"
    " AWS_REGION, and that the stack is deployed"
)
_CODES: dict[str, str] = {
    **dict.fromkeys(
        ("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"),
        f"the credentials have expired: {_SIGN_IN}",
    ),
    **dict.fromkeys(
        ("UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", "AuthFailure"),
        f"AWS does not know the credentials: {_CREDENTIALS}",
    ),
    **dict.fromkeys(
        ("InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignature"),
        f"the secret key is wrong, or this machine's clock is: {_CREDENTIALS}, and the clock",
    ),
    **dict.fromkeys(
        ("MissingAuthenticationToken", "MissingAuthenticationTokenException"),
        f"the call had no credentials: {_CREDENTIALS}",
    ),
    **dict.fromkeys(
        ("RequestTimeTooSkewed", "RequestExpired"), "this machine's clock is wrong: set it by a time server"
    ),
    **dict.fromkeys(
        ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"),
        "the bucket is in another region: set AWS_REGION to it",
    ),
    **dict.fromkeys(
        ("OptInRequired", "SubscriptionRequiredException", "NotSignedUp"),
        "this account has not enabled the service or the region: enable it, or set AWS_REGION",
    ),
}
_NOT_FOUND = {
    "ResourceNotFoundException",
    "TableNotFoundException",
    "NoSuchBucket",
    "QueueDoesNotExist",
    "AWS.SimpleQueueService.NonExistentQueue",
}
_DENIED = ("AccessDenied", "AuthorizationError", "UnauthorizedOperation", "KMS")
_NAMES = {
    "TableName": "table",
    "StreamName": "stream",
    "StreamARN": "stream",
    "QueueName": "queue",
    "QueueUrl": "queue",
    "DeliveryStreamName": "delivery stream",
    "SecretId": "secret",
}


def explain_misconfiguration(error: BaseException) -> str | None:
    """What is wrong and the remedy, in one sentence or two; None if waiting may mend it."""
    if isinstance(error, ClientError):
        return _explain_refusal(error)
    for kind, remedy in _EXCEPTIONS.items():
        if isinstance(error, kind):
            return f"{str(error).rstrip('.')}: {remedy}."
    return None


def _explain_refusal(error: ClientError) -> str | None:
    refusal: Mapping[str, Any] = error.response.get("Error", {})
    code = str(refusal.get("Code", ""))
    resource = refusal.get("Asked") or "such resource"
    if code in _NOT_FOUND:
        return f"There is no {resource} {_MISSING} ({code})."
    if any(part in code for part in _DENIED):
        message = refusal.get("Message") or "no reason given"
        return (
            f"AWS denies {error.operation_name} on the {resource} ({code}): {message}"
            " Allow it in the policy of this role or user, or use the right account."
        )
    remedy = _CODES.get(code)
    return f"AWS refuses {error.operation_name}: {remedy} ({code})." if remedy else None


def name_resource(request: Mapping[str, Any]) -> str:
    """What botocore's ``request`` is about, such as "table 'x'"; empty if it does not say so.

    It reads names of resources only, never a key or an item.
    """
    bucket = request.get("context", {}).get("s3_redirect", {}).get("bucket")
    if bucket:
        return f"bucket {bucket!r}"
    try:
        body = json.loads(request.get("body") or b"{}")
    except (ValueError, TypeError):
        return ""
    if not isinstance(body, dict):
        return ""
    for field, kind in _NAMES.items():
        if isinstance(body.get(field), str):
            return f"{kind} {body[field].rpartition('/')[2]!r}"
    tables = set(body.get("RequestItems", ()))
    for item in body.get("TransactItems", ()):
        tables |= {action["TableName"] for action in item.values() if "TableName" in action}
    return "table " + " or ".join(map(repr, sorted(tables))) if tables else ""
