"""What a command could not do, as one line for its user."""

from chalicelib.domain.errors import RealtimeError, StorageUnavailable
from realtime.cli.program import UsageError, describe_store_error, describe_system_error
from realtime.local.ports import LocalError


def describe_failure(error: Exception) -> tuple[str, int] | None:
    """The line and the exit status; None for a mistake of ours, which needs its traceback."""
    if isinstance(error, StorageUnavailable):
        return describe_store_error(error), 1
    if isinstance(error, OSError):
        return describe_system_error(error), 1
    if isinstance(error, UsageError):
        return str(error), error.status
    if isinstance(error, LocalError | RealtimeError | ValueError):
        return str(error), 1
    return (describe_store_error(error), 1) if type(error).__module__.startswith("botocore.") else None
