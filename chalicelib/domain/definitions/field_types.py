"""The types of the fields of definitions, and the base of all documents."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
)

from chalicelib.domain.bucketing import KEY_PATTERN
from chalicelib.domain.definitions.percent import (
    read_percentage,
    read_share,
    read_weight,
)
from chalicelib.domain.event_types import EVENT_TYPE_PATTERN, find_event_type_problem
from chalicelib.domain.general_form.readers.times import read_instant
from chalicelib.domain.general_form.values import UNREADABLE

MAX_DEFINITION_BYTES = 350_000
"""As JSON in UTF-8. An item of DynamoDB has at most 400 KB, with attribute names and other attributes."""
Key = Annotated[str, Field(pattern=f"^{KEY_PATTERN}$")]


def _check_event_type(event_type: str) -> str:
    problem = find_event_type_problem(event_type)
    if problem is not None:
        raise ValueError(problem)
    return event_type


EventType = Annotated[
    str, Field(json_schema_extra={"pattern": f"^{EVENT_TYPE_PATTERN}$"}), AfterValidator(_check_event_type)
]
Share = Annotated[float, Field(ge=0, le=1), BeforeValidator(read_share)]
Percentage = Annotated[float, Field(ge=0, le=100), BeforeValidator(read_percentage)]


def _require_instant(value: Any) -> Any:
    """RFC 3339 with an offset. A number could be seconds or milliseconds; pydantic would guess."""
    if isinstance(value, datetime) or (isinstance(value, str) and read_instant(value) is not UNREADABLE):
        return value
    raise ValueError("must be a date-time with an offset, such as 2026-01-31T09:00:00Z")


def _convert_to_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be in the years 1 to 9999 of UTC") from None


Instant = Annotated[AwareDatetime, BeforeValidator(_require_instant), AfterValidator(_convert_to_utc)]
Weight = Annotated[float, Field(ge=0, le=1e9), BeforeValidator(read_weight)]
MAX_ALIAS_BYTES = 256
"""In UTF-8."""


def check_alias(alias: str) -> str:
    try:
        size = len(alias.encode())
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode: it has a lone surrogate") from None
    if not 0 < size <= MAX_ALIAS_BYTES:
        raise ValueError(f"must have 1 to {MAX_ALIAS_BYTES} bytes of UTF-8")
    return alias


class Document(BaseModel):
    """It refuses unknown fields: a misspelt field would silently change who sees what."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True, allow_inf_nan=False)
