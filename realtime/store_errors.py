"""What a command says of a store that fails."""

import os

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

from chalicelib.domain.errors import Misconfigured, StorageUnavailable
from chalicelib.stores.configuration import explain_misconfiguration


def describe_store_error(error: StorageUnavailable | BotoCoreError | ClientError) -> str:
    """One line, with the remedy if there is one."""
    if isinstance(error, Misconfigured):
        return error.reason
    cause = error.__cause__ if isinstance(error, StorageUnavailable) else error
    if isinstance(cause, (ConnectionError, HTTPClientError)):
        return _describe_silence(cause)
    reason = explain_misconfiguration(cause) if cause else None
    return reason or f"{error} (Asked: {os.environ.get('AWS_ENDPOINT_URL', 'AWS')}.)"


def _describe_silence(error: BotoCoreError) -> str:
    address = os.environ.get("AWS_ENDPOINT_URL") or str(
        vars(error).get("kwargs", {}).get("endpoint_url", "AWS")
    )
    if "127.0.0.1" in address or "localhost" in address:
        return f"Nothing answers at {address}; is `make run` up, on this AWS_PORT?"
    return f"Nothing answers at {address}: check AWS_REGION, AWS_ENDPOINT_URL and the network, and try again."
