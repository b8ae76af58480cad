"""Requests and answers of CloudWatch Evidently's wire API, as its clients write and read them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.api.models import DefinitionName, RequestModel, UserId

MAX_EVALUATIONS = 20
MAX_EVENTS = 50

JsonText = Annotated[
    str,
    Field(description="a JSON object as text", json_schema_extra={"contentMediaType": "application/json"}),
]


class EvidentlyRequest(RequestModel):
    entityId: UserId  # noqa: N815 - as its clients name it
    evaluationContext: JsonText | None = None  # noqa: N815


class EvidentlyBatchItem(EvidentlyRequest):
    feature: DefinitionName


class EvidentlyBatchRequest(RequestModel):
    requests: list[EvidentlyBatchItem] = Field(min_length=1, max_length=MAX_EVALUATIONS)


class EvidentlyEvent(RequestModel):
    timestamp: float | str = Field(description="epoch seconds, or ISO 8601")
    type: Literal["aws.evidently.evaluation", "aws.evidently.custom"]
    data: JsonText


class EvidentlyEventsRequest(RequestModel):
    events: list[EvidentlyEvent] = Field(max_length=MAX_EVENTS)


class EvidentlyValue(BaseModel):
    """One of them."""

    boolValue: bool | None = None  # noqa: N815
    longValue: int | None = None  # noqa: N815
    doubleValue: float | None = None  # noqa: N815
    stringValue: str | None = None  # noqa: N815


class EvidentlyAnswer(BaseModel):
    variation: str
    value: EvidentlyValue
    reason: Literal["DEFAULT", "LAUNCH_RULE_MATCH", "EXPERIMENT_RULE_MATCH", "ENTITY_OVERRIDES_MATCH"]
    details: str


class EvidentlyBatchResult(EvidentlyAnswer):
    project: str
    feature: str
    entityId: str  # noqa: N815


class EvidentlyBatchAnswer(BaseModel):
    results: list[EvidentlyBatchResult]


class EvidentlyEventResult(BaseModel):
    eventId: str | None = None  # noqa: N815
    errorCode: str | None = None  # noqa: N815
    errorMessage: str | None = None  # noqa: N815


class EvidentlyEventsAnswer(BaseModel):
    failedEventCount: int  # noqa: N815
    eventResults: list[EvidentlyEventResult]  # noqa: N815


class EvidentlyFailure(BaseModel):
    """Also in the header x-amzn-ErrorType. A gateway's own refusals have the API's shape."""

    model_config = ConfigDict(populate_by_name=True)

    type: str | None = Field(default=None, alias="__type")
    message: str | None = None
    error: dict[str, Any] | None = None
