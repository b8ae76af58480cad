"""Definitions as the frozen values that decide; immutable, so threads share them without locks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from chalicelib.domain.reasons import Reason
from chalicelib.domain.targeting import Rules

DefinitionKind = Literal["experiment", "flag"]

EVENT_TYPE_PATTERN = "[A-Za-z0-9._:-]{1,128}"
"""Of the event types that an experiment's ``metrics`` name."""


@dataclass(frozen=True, slots=True)
class DefinitionRow:
    """As the table holds it: JSON ``text``, and the ``version`` of the publication that wrote it.

    ``at`` (ISO 8601) and ``by`` say when and by whom it was published, as far as was asked; they are no
    part of its identity.
    """

    kind: DefinitionKind
    key: str
    text: str
    status: str
    version: int = 0
    at: str = field(default="", compare=False)
    by: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Changes:
    """What was published up to ``version``; ``keys`` None: more than can be told, so anything may differ."""

    version: int
    keys: frozenset[tuple[DefinitionKind, str]] | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What an experiment has for one user, and why; ``payload`` is the variant's, as JSON."""

    variant: str | None
    reason: Reason
    payload: Any = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """A user's row in the assignments table; times are epoch seconds, ``expires_at`` None is never.

    ``version`` is that of the definition by which it was decided; 0 is unknown.
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
    is_gated: bool  # anything that can exclude or override before a stored row is read


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A flag's answer for one user; ``enabled``: matched and rolled out, or overridden.

    The last three are the answer as JSON, written once: by itself, as the member of an object that has it
    under its key, and as OFREP writes it.
    """

    flag_key: str
    enabled: bool
    variant: str
    value: Any
    reason: Reason
    version: int
    tracked: int  # threshold of the users whose evaluations are told to the stream
    encoded: str
    member: str
    openfeature: str


@dataclass(frozen=True, slots=True)
class Split:
    """Where a match leads: one fixed answer, or several by the second half."""

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
    plain: bool  # enabled, without overrides, prerequisites and steps, bucketed by the user
    # By the matched rule's index, or one for everyone, if the flag is plain, its rollout is between 0 and
    # 100 %, and whoever is inside gets the same; else empty.
    quick: tuple[Evaluation, ...]
