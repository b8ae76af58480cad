"""The frozen values that decide. They are immutable, so threads share them without locks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from chalicelib.domain.reasons import Reason
from chalicelib.domain.targeting import Rules

DefinitionKind = Literal["experiment", "flag"]

EVENT_TYPE_PATTERN = "[A-Za-z0-9._:-]{1,128}"
"""Of the event types that an experiment's ``metrics`` name."""


@dataclass(frozen=True, slots=True)
class DefinitionRow:
    """A stored definition: JSON ``text``, and the ``version`` of the publication that wrote it.

    ``published_at`` is ISO 8601. It, ``published_by`` and ``published_note`` are empty where they were not
    read. They are not compared.
    """

    kind: DefinitionKind
    key: str
    text: str
    status: str
    version: int = 0
    published_at: str = field(default="", compare=False)
    published_by: str = field(default="", compare=False)
    published_note: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Changes:
    """What was published up to ``version``. ``keys`` is None if anything may have changed."""

    version: int
    keys: frozenset[tuple[DefinitionKind, str]] | None


class Definitions(Protocol):
    """The store of definitions. Each method raises StorageUnavailable or Throttled."""

    def get_many(self, kind: DefinitionKind, keys: Collection[str]) -> Mapping[str, DefinitionRow]:
        """Those of ``keys`` that exist."""

    def get_all(self, kind: DefinitionKind) -> Mapping[str, DefinitionRow]: ...

    def get_changes(self, version: int | None) -> Changes:
        """What was published after ``version``; None asks for the newest version only."""

    def get_history(self, kind: DefinitionKind, key: str) -> Sequence[DefinitionRow]:
        """Every published version of one definition, newest first."""

    def get_versions(self) -> Sequence[DefinitionRow]:
        """Every version of every definition, in any order."""

    def publish(
        self,
        definitions: Sequence[DefinitionRow],
        expected: int,
        now: float,
        by: str = "",
        note: str = "",
    ) -> int:
        """Publishes all of ``definitions`` as version ``expected + 1``, and returns it; raises Conflict."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The variant for one user, and the reason; ``payload`` is the variant's, as JSON."""

    variant: str | None
    reason: Reason
    payload: Any = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """A user's row in the assignments table. Times are epoch seconds; ``expires_at`` None means never.

    ``version`` is that of the definition that decided; 0 if unknown.
    """

    variant: str
    assignment_id: str
    timestamp: float
    iteration: int = 1
    expires_at: float | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Slice:
    """The users whose first half lies in ``[start, end)`` of a layer's or a holdout's own hash."""

    key: str
    prefix: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Experiment:
    key: str
    id: str
    status: str
    iteration: int
    version: int
    is_sticky: bool
    variants: Mapping[str, Any]  # key → payload
    split: tuple[tuple[int, str], ...]  # (threshold of the second half, variant), ascending
    assigned: Mapping[str, Decision]  # variant → ASSIGNED
    sticky: Mapping[str, Decision]  # variant → STICKY
    reassigned: Mapping[str, Decision]  # variant → REASSIGNED
    overrides: Mapping[str, Decision]
    traffic: int  # threshold of the first half
    prefix: str
    rules: Rules | None
    layer: Slice | None
    holdout: Slice | None
    start_at: float | None
    end_at: float | None
    metrics: frozenset[str]
    is_gated: bool  # `check_gates` has something to check


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A flag's answer for one user; ``enabled`` says: inside the rollout after a match, or overridden.

    The last three fields are the answer as JSON, encoded once: by itself, as a member of an object with flag
    keys, and in OFREP's form.
    """

    flag_key: str
    enabled: bool
    variant: str
    value: Any
    reason: Reason
    version: int
    tracked: int  # threshold of the users whose evaluations are tracked
    encoded: str
    member: str
    openfeature: str


@dataclass(frozen=True, slots=True)
class Split:
    """One fixed answer, or one of several by the second half of the hash."""

    fixed: Evaluation | None
    ranges: tuple[tuple[int, Evaluation], ...]


@dataclass(frozen=True, slots=True)
class Prerequisite:
    flag: str
    variants: frozenset[str]


@dataclass(frozen=True, slots=True)
class Flag:
    key: str
    id: str
    type: str
    variants: frozenset[str]
    version: int
    enabled: bool
    off: Evaluation
    prerequisite_failed: Evaluation
    not_targeted: Evaluation
    not_in_rollout: Evaluation
    overrides: Mapping[str, Evaluation]
    rules: Rules | None
    by_rule: tuple[Split, ...]  # by the matched rule's index
    everyone: Split
    rollout: int  # threshold of the first half
    rollout_steps: tuple[tuple[float, int], ...]  # (from epoch seconds, threshold), ascending
    prefix: bytes
    bucket_by: str
    prerequisites: tuple[Prerequisite, ...]
    is_plain: bool  # enabled, without overrides, prerequisites and steps, bucketed by the user
    single_answers: tuple[Evaluation, ...]
    """The answer inside the rollout, by the matched rule's index, or one for everybody without rules.

    Empty unless the flag is plain, its rollout is between 0 and 100 %, and each split has one answer.
    """
