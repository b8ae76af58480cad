"""Requests and answers of the routes, also for OpenAPI. Requests ignore unknown fields."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, RootModel
from pydantic_core import PydanticKnownError

from chalicelib.domain.bucketing import KEY_PATTERN
from chalicelib.domain.context import USER_ID_PATTERN, check_context
from chalicelib.domain.definitions.field_types import MAX_ALIAS_BYTES
from chalicelib.domain.definitions.model import MAX_BATCH
from chalicelib.domain.reasons import Reason
from chalicelib.domain.stream.event import MAX_EVENTS
from chalicelib.domain.stream.event_schema import EventDocument
from chalicelib.domain.timestamps import format_timestamp, parse_timestamp

NAME_PATTERN = r"^([\x00-\x7f]{1,256}|[\s\S]{1,64})$"
"""At most 256 bytes, likewise."""
QUERY_PATTERNS = {
    USER_ID_PATTERN: USER_ID_PATTERN.replace(r"\x9f]", r"\x9f\ufffd]"),
    NAME_PATTERN: NAME_PATTERN.replace(r"[\s\S]", r"[^\ufffd]"),
}
UserId = Annotated[
    str,
    Field(
        description="1 to 1,024 bytes of UTF-8, no control characters",
        json_schema_extra={"pattern": USER_ID_PATTERN},
    ),
]
Context = Annotated[dict[str, Any], Field(description="attributes for targeting rules, ≤ 32 KB")]


def _check_context(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise PydanticKnownError("dict_type")
    return check_context(value)


CheckedContext = Annotated[Context, PlainValidator(_check_context, json_schema_input_type=Context)]
"""pydantic would copy it, which takes as long as this check."""


def _check_name(name: str) -> str:
    if len(name.encode("utf-8", "surrogatepass")) > MAX_ALIAS_BYTES:
        raise ValueError(f"must have at most {MAX_ALIAS_BYTES} bytes of UTF-8")
    return name


DefinitionName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_ALIAS_BYTES,
        description="key or alias, at most 256 bytes of UTF-8",
        json_schema_extra={"pattern": NAME_PATTERN},
    ),
    AfterValidator(_check_name),
]


class RequestModel(BaseModel):
    model_config = ConfigDict(strict=True, defer_build=True)


class AssignRequest(RequestModel):
    user_id: UserId
    experiment_key: DefinitionName
    context: Context = {}


class AssignBatchRequest(RequestModel):
    user_id: UserId
    context: Context = {}
    experiment_keys: list[str] | None = Field(
        default=None, max_length=MAX_BATCH, description="absent: all active"
    )
    continue_after: str = Field(
        default="", max_length=128, description="without keys: continue_after of the page before"
    )


class IdentifyRequest(RequestModel):
    """The two ids differ."""

    anonymous_id: UserId
    user_id: UserId


class FlagRequest(RequestModel):
    user_id: UserId
    flag_key: DefinitionName
    context: CheckedContext = {}


class FlagBatchRequest(RequestModel):
    user_id: UserId
    context: Context = {}
    flag_keys: list[str] | None = Field(default=None, max_length=10_000, description="absent: all")
    exposures: bool = Field(default=False, description="count exposures of experiments that flags serve")


class EventList(BaseModel):
    events: list[EventDocument] = Field(min_length=1, max_length=MAX_EVENTS)
    key: str | None = Field(default=None, description="of the scope events:client, if no header can be sent")
    sent_at: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None = Field(
        default=None, description="ISO 8601, by the clock of the client: for each event that has none"
    )
    backfill: bool | None = Field(default=False, description="take events of any age; needs the scope admin")


class EventsRequest(RootModel[EventDocument | EventList]):
    """One event, or up to 500."""


def _check_time(text: str) -> str:
    try:
        format_timestamp(parse_timestamp(text))  # the last moment of the year 9999 would be rounded up
    except ValueError:
        raise ValueError("must be an ISO 8601 date and time") from None
    return text


Timestamp = Annotated[str, AfterValidator(_check_time), Field(json_schema_extra={"format": "date-time"})]


class ClientEvaluation(RequestModel):
    """An answer that a client gave in its own process."""

    flag_key: str = Field(pattern=f"^{KEY_PATTERN}$")
    user_id: UserId
    variant: str | None = Field(max_length=MAX_ALIAS_BYTES, description="null: the caller's own default")
    reason: str = Field(max_length=64)
    version: int = Field(ge=0, lt=2**53, description="of the definition that decided")
    timestamp: Timestamp = Field(description="ISO 8601")


class EvaluationsRequest(RequestModel):
    evaluations: list[ClientEvaluation] = Field(min_length=1, max_length=MAX_EVENTS)
    sent_at: Timestamp | None = Field(default=None, description="ISO 8601, by the clock of the client")


class EvaluationsAnswer(BaseModel):
    accepted: int
    rejected: list["Rejection"]


class EvaluationsFailure(BaseModel):
    """If no evaluation of the request is valid, with the verdict on each."""

    error: "ErrorBody"
    accepted: int = 0
    rejected: list["Rejection"] = []


class LocalDefinition(BaseModel):
    kind: Literal["flag", "segment"]
    key: str
    version: int = Field(description="of the publication that wrote it")
    alias: str | None = Field(default=None, description="another name of a flag")
    definition: dict[str, Any]


class LocalDefinitionsAnswer(BaseModel):
    """The flags and segments from which a client decides in its own process."""

    format: str
    version: int = Field(description="of the newest publication")
    tracking_window: float | None = Field(
        description="seconds within which an answer for a user is recorded once; null: none is recorded"
    )
    definitions: list[LocalDefinition]


class Detail(BaseModel):
    field: str
    message: str


class ErrorBody(BaseModel):
    code: str
    message: str
    details: list[Detail] = []


class ErrorAnswer(BaseModel):
    error: ErrorBody


class AssignAnswer(BaseModel):
    user_id: str
    experiment_key: str
    experiment_id: str
    variant: str | None = Field(description="null: excluded, see reason")
    payload: Any
    assignment_id: str | None
    timestamp: str = Field(
        description="ISO 8601, UTC: of the assignment if there is one, else of this answer"
    )
    reason: Reason
    persisted: bool = Field(default=True, description="present only if false: decided but not stored yet")


class AssignBatchAnswer(BaseModel):
    assignments: dict[str, AssignAnswer | ErrorAnswer]
    continue_after: str = Field(
        default="", description=f"present if there may be more than these {MAX_BATCH:,}: ask again with it"
    )


class IdentifyAnswer(BaseModel):
    anonymous_id: str
    user_id: str
    linked_at: str = Field(description="ISO 8601, UTC: when the ids were linked first")
    assignments: dict[str, str] = Field(description="experiment key → the variant that both ids have")


class FlagAnswer(BaseModel):
    flag_key: str
    enabled: bool = Field(description="true inside the rollout after a match, or with an override")
    variant: str
    value: Any
    reason: Reason


class FlagBatchAnswer(BaseModel):
    flags: dict[str, FlagAnswer | ErrorAnswer]


class Rejection(BaseModel):
    index: int
    event_id: str | None
    code: str
    message: str


class EventsAnswer(BaseModel):
    accepted: int
    rejected: list[Rejection]
    event_ids: list[str | None] = Field(description="one for each event, generated if absent; null: rejected")


class EventsFailure(ErrorAnswer):
    """If no event of the request is valid, with the verdict on each."""

    accepted: int = 0
    rejected: list[Rejection] = []
    event_ids: list[None] = []


class HealthAnswer(BaseModel):
    model_config = ConfigDict(extra="allow")
    status: str
    version: str


class ResultsAnswer(BaseModel):
    experiment_key: str
    variants: dict[str, Any]
    srm: dict[str, Any]
    windows: Any


class OfrepContext(BaseModel):
    """Attributes for targeting rules, ≤ 32 KB."""

    model_config = ConfigDict(extra="allow")
    targetingKey: (  # noqa: N815 - the protocol's name
        Annotated[str, Field(json_schema_extra={"pattern": USER_ID_PATTERN.replace("^(", "^(|")})] | None
    ) = Field(default=None, description="the user's id; flags that divide their users need it")


class OfrepRequest(BaseModel):
    context: OfrepContext = OfrepContext()


class OfrepAnswer(BaseModel):
    key: str
    value: Any
    reason: Literal["STATIC", "TARGETING_MATCH", "SPLIT", "DISABLED", "UNKNOWN"]
    variant: str | None
    metadata: dict[str, str | int | float | bool]


class OfrepFailure(BaseModel):
    key: str
    errorCode: str  # noqa: N815 - the protocol's name
    errorDetails: str  # noqa: N815 - the protocol's name


class OfrepBulkAnswer(BaseModel):
    flags: list[OfrepAnswer | OfrepFailure]
