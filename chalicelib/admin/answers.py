"""What the management API answers, for its description."""

from typing import Any, Literal

from pydantic import BaseModel, Field

Kind = Literal["experiment", "flag", "segment"]


class PathProblem(BaseModel):
    path: str
    message: str


class NameAnswer(BaseModel):
    kind: Kind
    key: str


class KilledAnswer(BaseModel):
    at: str
    by: str
    reason: str


class ShareAnswer(BaseModel):
    variant: str
    share: float


class DifferenceAnswer(BaseModel):
    path: str
    before: str = Field(description="JSON, or absent")
    after: str


class EnvironmentAnswer(BaseModel):
    environment: str
    program: str
    version: int = Field(description="of the newest publication")
    approvals: int
    scopes: list[str]
    identity: dict[str, str]


class ListedAnswer(BaseModel):
    kind: Kind
    key: str
    status: str
    name: str | None
    description: str | None
    owner: str | None
    tags: list[str]
    version: int
    created_at: str
    published_at: str
    published_by: str
    is_valid: bool
    is_killed: bool
    killed: KilledAnswer | None
    summary: str
    split: list[ShareAnswer] | None
    rollout: float | None
    open_proposals: int
    problems: list[PathProblem]


class DefinitionsAnswer(BaseModel):
    version: int
    definitions: list[ListedAnswer]


class LineAnswer(BaseModel):
    level: int
    text: str


class ProposedAnswer(NameAnswer):
    change: Literal["added", "changed", "removed"]


class ProposalAnswer(BaseModel):
    id: str
    state: Literal["open", "approved", "rejected", "outdated"]
    proposed_at: str
    proposed_by: str
    reason: str
    base_version: int
    definitions: list[ProposedAnswer]
    decided_at: str | None
    decided_by: str | None
    decision_note: str
    published_version: int | None


class DefinitionAnswer(ListedAnswer):
    definition: dict[str, Any] | None
    text: str | None = Field(default=None, description="of a row that cannot be read")
    words: list[LineAnswer]
    uses: list[NameAnswer]
    used_by: list[NameAnswer]
    proposals: list[ProposalAnswer]


class VersionAnswer(BaseModel):
    version: int
    published_at: str
    published_by: str
    note: str
    change: Literal["added", "changed", "removed"]
    differences: list[DifferenceAnswer]


class HistoryAnswer(BaseModel):
    versions: list[VersionAnswer]


class PublishedAnswer(ProposedAnswer):
    differences: list[DifferenceAnswer] | None = None


class PublicationAnswer(BaseModel):
    version: int
    published_at: str
    published_by: str
    note: str
    definitions: list[PublishedAnswer]


class PublicationsAnswer(BaseModel):
    publications: list[PublicationAnswer]
    before: int | None = Field(description="for the next page")


class ValidateAnswer(BaseModel):
    is_valid: bool
    problems: list[PathProblem]
    warnings: list[PathProblem]


class ImpactAnswer(BaseModel):
    text: str
    share: float
    lines: list[str]


class ChangeAnswer(NameAnswer):
    sign: Literal["+", "~", "-", "="] = Field(description="=: does not change, but answers otherwise")
    differences: list[DifferenceAnswer]
    impact: ImpactAnswer | None
    notes: list[str]


class DiffAnswer(ValidateAnswer):
    version: int
    changes: list[ChangeAnswer]
    needs_approval: bool


UNTOLD: Any = Field(description="why webhooks were not told")


class PublishAnswer(BaseModel):
    """With ``version`` it is published. With ``proposal`` (202) somebody else has to approve it."""

    version: int | None = None
    proposal: str | None = None
    changes: list[ChangeAnswer]
    warning: str | None = UNTOLD


class ProposedPlanAnswer(BaseModel):
    proposal: str
    changes: list[ChangeAnswer]
    warning: str | None = UNTOLD


class ProposalsAnswer(BaseModel):
    proposals: list[ProposalAnswer]


class ShownProposalAnswer(ProposalAnswer):
    changes: list[ChangeAnswer] = Field(description="to what is published now; empty once it is decided")


class ApprovedAnswer(ProposalAnswer):
    version: int | None
    warning: str | None = UNTOLD


class ServedAnswer(BaseModel):
    variant: str | None
    value: Any


class KillAnswer(BaseModel):
    key: str
    version: int | None = Field(description="null if it was off already")
    killed: KilledAnswer | None
    answer: ServedAnswer
    warning: str | None = UNTOLD


class StaleFlagAnswer(BaseModel):
    key: str
    last_evaluated: str | None
    reasons: list[str]


class StaleFlagsAnswer(BaseModel):
    flags: list[StaleFlagAnswer]


class KeyAnswer(BaseModel):
    id: str
    label: str
    scopes: list[str]
    created: str
    last_used: str | None
    expires: str | None
    revoked: str | None
    accepted: bool


class KeysAnswer(BaseModel):
    keys: list[KeyAnswer]


class ChangedKeyAnswer(KeyAnswer):
    warning: str | None = Field(description="why the snapshot of keys was not written")


class NewKeyAnswer(ChangedKeyAnswer):
    key: str = Field(description="shown once")


class QuarantineAnswer(BaseModel):
    messages: int
    in_flight: int
    failed_batches: int
    failed_in_flight: int


class StatusAnswer(BaseModel):
    environment: str
    at: str
    state: Literal["green", "amber", "red"]
    lines: list[dict[str, Any]]


class AnalysisAnswer(BaseModel):
    saved_at: str
    report: dict[str, Any]


class StepAnswer(BaseModel):
    name: str
    result: str
    is_mismatch: bool


class RefusedAnswer(BaseModel):
    code: str
    message: str


class ExplainAnswer(BaseModel):
    kind: Literal["flag", "experiment"]
    key: str
    user_id: str
    linked_to: str | None
    variant: str | None
    reason: str | None
    value: Any
    error: RefusedAnswer | None = Field(description="what a request would get in place of an answer")
    steps: list[StepAnswer]


class ActionAnswer(BaseModel):
    at: str
    by: str
    name: str
    note: str
    selection: str
    reason: str
    outcome: str


class ActionsAnswer(BaseModel):
    actions: list[ActionAnswer]


class DeliveryAnswer(BaseModel):
    at: str
    status: int | None
    error: str


class WebhookAnswer(BaseModel):
    id: str
    url: str = Field(description="without most of its path, which may be a password")
    events: list[str]
    created: str
    last_delivery: DeliveryAnswer | None


class NewWebhookAnswer(WebhookAnswer):
    secret: str = Field(description="shown once; messages are signed with it")


class WebhooksAnswer(BaseModel):
    webhooks: list[WebhookAnswer]


class QueuedAnswer(BaseModel):
    delivery: str
