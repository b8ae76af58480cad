"""Requests of the management API."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from chalicelib.api.models import CheckedContext, DefinitionName, RequestModel, UserId
from chalicelib.domain.definitions.model import DefinitionKind
from chalicelib.domain.proposals import State

Scope = Literal["assign", "flags", "flags:client", "events", "events:client", "results", "view", "admin"]
Event = Literal["publication", "kill", "split_alarm", "proposal"]
Reason = Annotated[str, Field(max_length=500, description="why; the history keeps it")]
Objects = list[dict[str, Any]]


class DefinitionsDocument(RequestModel):
    """As a definition file: docs/definitions.md."""

    flags: Objects = Field(default_factory=list)
    experiments: Objects = Field(default_factory=list)
    segments: Objects = Field(default_factory=list)
    metrics: Objects = Field(default_factory=list)


class NameDocument(RequestModel):
    kind: DefinitionKind
    key: str


class ValidateRequest(RequestModel):
    definitions: DefinitionsDocument


class DiffRequest(RequestModel):
    """``remove`` names definitions to be removed. What is not named stays as it is."""

    definitions: DefinitionsDocument = Field(default_factory=lambda: DefinitionsDocument())  # noqa: PLW0108 - mypy
    remove: list[NameDocument] = Field(default_factory=list)


class PublishRequest(DiffRequest):
    reason: Reason = Field(min_length=1)


class RollbackRequest(RequestModel):
    version: int = Field(ge=0)
    reason: Reason = Field(min_length=1)


class ReasonRequest(RequestModel):
    reason: Reason = Field(min_length=1)


class OptionalReasonRequest(RequestModel):
    reason: Reason = ""


class DecisionRequest(RequestModel):
    note: Reason = ""


class NewKeyRequest(RequestModel):
    label: str = Field(min_length=1, max_length=200)
    scopes: list[Scope] = Field(min_length=1)
    expires: str = Field(default="", description="a duration, such as 90d, or a date")


class ExplainRequest(RequestModel):
    kind: Literal["flag", "experiment"]
    key: DefinitionName
    user_id: UserId
    context: CheckedContext = Field(default_factory=dict)


class NewWebhookRequest(RequestModel):
    url: str = Field(min_length=1, max_length=2000, description="https; its path may be a password")
    events: list[Event] = Field(min_length=1)


class LaxModel(RequestModel):
    """A query has texts only."""

    model_config = ConfigDict(strict=False)


class LimitQuery(LaxModel):
    limit: int = Field(default=50, ge=1, le=500)


class PageQuery(LimitQuery):
    before: int | None = Field(default=None, ge=1, description="of the page before")


class DefinitionsQuery(LaxModel):
    kind: DefinitionKind | None = None


class ProposalsQuery(LaxModel):
    state: State | None = None
