"""The outcome of an evaluation as data."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from chalicelib.domain.definitions.model import Evaluation
from chalicelib.domain.errors import InvalidInput, RealtimeError
from chalicelib.domain.reasons import OPENFEATURE


class ErrorCode(StrEnum):
    """As OpenFeature names them."""

    FLAG_NOT_FOUND = "FLAG_NOT_FOUND"
    GENERAL = "GENERAL"
    INVALID_CONTEXT = "INVALID_CONTEXT"
    PARSE_ERROR = "PARSE_ERROR"  # this client is too old for the definition
    PROVIDER_NOT_READY = "PROVIDER_NOT_READY"
    TARGETING_KEY_MISSING = "TARGETING_KEY_MISSING"
    TYPE_MISMATCH = "TYPE_MISMATCH"


class Failure(Exception):
    """There is no answer, so the caller's default is meant."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Details(NamedTuple):
    """``value`` is the caller's default if there is an error, or if the flag leaves it to the caller.

    ``reason`` is OpenFeature's; ``metadata`` has the service's own, and the version of the definition.
    """

    value: Any
    variant: str | None = None
    reason: str = "ERROR"
    error_code: ErrorCode | None = None
    error_message: str | None = None
    metadata: Mapping[str, str | int] = {}


MAX_READ = 10_000
_read: dict[str, tuple[str, dict[str, str | int]]] = {}


def read_reason(evaluation: Evaluation) -> tuple[str, dict[str, str | int]]:
    """OpenFeature's reason, and the metadata. To read them once saves a microsecond each time."""
    known = _read.get(evaluation.openfeature)
    if known is None:
        reason = evaluation.reason
        known = OPENFEATURE[reason], {"reason": str(reason), "version": evaluation.version}
        if evaluation.openfeature and len(_read) < MAX_READ:
            _read[evaluation.openfeature] = known
    return known[0], known[1].copy()


def describe(evaluation: Evaluation, value: Any) -> Details:
    reason, metadata = read_reason(evaluation)
    return Details(value, evaluation.variant, reason, metadata=metadata)


def describe_failure(failure: Failure, default: Any) -> Details:
    return Details(default, error_code=failure.code, error_message=failure.message)


def read_error(error: RealtimeError) -> Failure:
    """What an error of the engine means to the caller."""
    if error.code == "targeting_key_missing":
        return Failure(ErrorCode.TARGETING_KEY_MISSING, str(error))
    is_input = isinstance(error, InvalidInput)
    return Failure(ErrorCode.INVALID_CONTEXT if is_input else ErrorCode.GENERAL, str(error))


_COPIED = (dict, list)


def copy_value(value: Any) -> Any:
    """A JSON value of the caller's own: what it changes in it, nobody else sees."""
    if isinstance(value, dict):
        return {key: copy_value(each) if isinstance(each, _COPIED) else each for key, each in value.items()}
    if isinstance(value, list):
        return [copy_value(each) if isinstance(each, _COPIED) else each for each in value]
    return value
