"""An event as a pydantic model: the specification of ``parse_event``, and the schema in OpenAPI."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from chalicelib.domain.context import USER_ID_PATTERN, check_user_id
from chalicelib.domain.definitions.field_types import EventType, Key
from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.stream.amounts import MAX_DECIMALS, MAX_VALUE, scale_value
from chalicelib.domain.stream.event import MAX_EVENT_ID
from chalicelib.domain.timestamps import parse_timestamp


def _check_user_id(value: str) -> str:
    try:
        return check_user_id(value)
    except InvalidInput as error:
        raise ValueError(str(error)) from None


def _check_timestamp(text: str) -> str:
    try:
        parse_timestamp(text)
    except ValueError:
        raise ValueError("must be an ISO 8601 date and time") from None
    return text


def _check_value(value: float) -> float:
    if scale_value(value) is None:
        raise ValueError(f"must have at most {MAX_DECIMALS} decimals, or it is not kept exactly")
    return value


class EventDocument(BaseModel):
    """Unknown fields are kept. Integers have at most 64 bits; write larger ones as 1e20. Settings say how far
    ``timestamp`` may be from the time of arrival.
    """

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False, defer_build=True)

    event_type: EventType
    user_id: Annotated[
        str, AfterValidator(_check_user_id), Field(json_schema_extra={"pattern": USER_ID_PATTERN})
    ]
    timestamp: Annotated[
        str,
        AfterValidator(_check_timestamp),
        Field(
            description="ISO 8601 date and time; UTC unless it has an offset; at most 7 days ago",
            json_schema_extra={"format": "date-time"},
            examples=["2026-11-22T10:00:00Z"],
        ),
    ]
    event_id: Annotated[str, Field(min_length=1, max_length=MAX_EVENT_ID)] | None = Field(
        default=None,
        description="makes a repeated event of the same user and type count once; generated if absent",
    )
    sent_at: (
        Annotated[str, AfterValidator(_check_timestamp), Field(json_schema_extra={"format": "date-time"})]
        | None
    ) = Field(
        default=None,
        description="when the client sent it, by its own clock; corrects `timestamp`, which is no later",
    )
    experiment_key: Key | None = Field(
        default=None, description="counts for this experiment; absent: for all whose metrics name the type"
    )
    flag_key: Key | None = None
    value: Annotated[float, Field(ge=-MAX_VALUE, le=MAX_VALUE), AfterValidator(_check_value)] | None = Field(
        default=None, description=f"summed exactly, with at most {MAX_DECIMALS} decimals"
    )
    currency: Annotated[str, Field(pattern="^[A-Za-z0-9]{3,8}$")] | None = Field(
        default=None, description="of `value`, such as EUR; each currency is summed by itself"
    )
    properties: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
