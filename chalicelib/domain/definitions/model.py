"""The frozen values that decide. They are immutable, so threads share them without locks."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from chalicelib.domain.general_form.definition import LazyDefinition
from chalicelib.domain.general_form.served import Decide
from chalicelib.domain.general_form.state import Condition, Get
from chalicelib.domain.reasons import Reason

if TYPE_CHECKING:
    from chalicelib.domain.definitions.schema import ExperimentDocument, FlagDocument, SegmentDocument

DefinitionKind = Literal["experiment", "flag", "segment"]
DefinitionName = tuple[DefinitionKind, str]
"""Kind and key: no two definitions have the same."""


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
    """What was published up to ``version``. ``keys`` is None if anything may have changed.

    ``is_current`` is false if a snapshot says so, in place of the table.
    """

    version: int
    keys: frozenset[tuple[DefinitionKind, str]] | None
    is_current: bool = True


@dataclass(frozen=True, slots=True)
class Approval:
    """Of a proposal, by the publisher, whose ``identity`` it is. Unless it is open, nothing is published."""

    number: int
    identity: str
    note: str = ""


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
        """Every version of every definition, in any order, as of one moment."""

    def get_versions_since(self, kind: DefinitionKind, since: float) -> Sequence[DefinitionRow]:
        """Of each definition that was published after ``since`` (epoch seconds): those versions and the one
        before them, in any order."""

    def publish(
        self,
        definitions: Sequence[DefinitionRow],
        expected: int,
        now: float,
        by: str = "",
        note: str = "",
        approval: Approval | None = None,
    ) -> int:
        """Publishes all of ``definitions`` as version ``expected + 1``, and returns it; raises Conflict.

        ``approval`` closes its proposal as approved, in the same moment.
        """

    def restore(
        self,
        versions: Sequence[DefinitionRow],
        now: float,
        *,
        discard: bool = False,
        on_written: Callable[[int], object] = lambda _: None,
    ) -> None:
        """Writes all ``versions`` of a backup as they were; containers see all of it or nothing.

        It calls ``on_written`` with the number of versions and definitions that each transaction wrote.
        Raises Conflict if anything is published. Rows without a publication are a conflict too, unless
        ``discard`` removes them. After an interruption, call it again with the same or other versions.
        """


@dataclass(frozen=True, slots=True)
class Decision:
    """The variant for one user, and the reason; ``payload`` is the variant's, as JSON.

    ``recorded`` is what is stored and counted for a user without a variant: `HELD_OUT`.
    """

    variant: str | None
    reason: Reason
    payload: Any = None
    recorded: str | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """A user's row in the assignments table. Times are epoch seconds; ``expires_at`` None means never.

    ``version`` is that of the definition that decided; 0 if unknown. ``replaced`` are the latest assignments
    that the row has replaced, newest first: events of their time still count for them.

    ``person`` is the signed-in user whose row counts in place of this one, because the ids were linked.
    ``linked_at``: when that was; in a row without a ``person``, from when on it has the assignment of an
    anonymous id.
    """

    variant: str
    assignment_id: str
    timestamp: float
    iteration: int = 1
    expires_at: float | None = None
    version: int = 0
    replaced: "tuple[Assignment, ...]" = field(default=(), compare=False)
    person: str = ""
    linked_at: float | None = None

    @property
    def since(self) -> float:
        """From when on the row's user had the assignment."""
        return self.timestamp if self.linked_at is None or self.person else self.linked_at

    def replace_row(self, earlier: "Assignment | None") -> "Assignment":
        """This assignment, written over ``earlier``."""
        if earlier is None:
            return self
        return replace(self, replaced=(replace(earlier, replaced=()), *earlier.replaced)[:MAX_REPLACED])


MAX_REPLACED = 4
"""Assignments that a row remembers. A user is assigned anew after a restart or the end of the row, and after
a change of the split if the experiment is not sticky: rarely within the days that events may be late."""


MAX_BATCH = 1_000
"""Experiments that one request assigns a user to."""
HELD_OUT = "$holdout"
"""The variant that is stored and counted for who is held out. No variant's key can hold a ``$``."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """``gates`` decide before the user's stored row does, ``assignment`` after it. There may be no gates.

    ``get_unit`` reads what a row belongs to, such as an account; None if that is the user. ``later`` are the
    definitions that replace this one, each from a time on (epoch seconds), ascending.

    Both answer with a `Decision`. ``split`` are thresholds of the second half, ascending, each with the
    variant below it.
    """

    key: str
    id: str
    status: str
    iteration: int
    version: int
    is_sticky: bool
    salt: str
    variants: Mapping[str, Any]  # key → payload
    split: tuple[tuple[int, str], ...]
    sticky: Mapping[str, Decision]  # variant → STICKY; HELD_OUT if who is held out is recorded
    reassigned: Mapping[str, Decision]  # variant → REASSIGNED
    metrics: frozenset[str]
    gates: LazyDefinition | None
    assignment: LazyDefinition
    get_unit: Get | None
    document: "ExperimentDocument"
    later: "tuple[tuple[float, Experiment], ...]" = ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A flag's answer for one user; ``enabled`` says: inside the rollout after a match, or overridden.

    Without ``has_value`` the caller's own default is meant. ``variant`` is the name that callers are told,
    ``id`` the variant's key.
    The last three fields are the answer as JSON, encoded once: by itself, as a member of an object with flag
    keys, and in OFREP's form.
    """

    flag_key: str
    enabled: bool
    id: str | None
    variant: str | None
    value: Any
    has_value: bool
    reason: Reason
    version: int
    tracked: int  # threshold of the users whose evaluations are tracked
    encoded: str
    member: str
    openfeature: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A named audience. ``condition`` says whether a user is in it; it may be unknown."""

    key: str
    version: int
    condition: Condition
    document: "SegmentDocument"


class Answers(Protocol):
    """Of one flag, with what encodes them."""

    def make_no_value(self) -> Evaluation: ...

    def adopt(self, answer: Evaluation) -> Evaluation:
        """Another flag's or an experiment's answer as this flag's own."""


@dataclass(frozen=True, slots=True)
class Flag:
    """``definition`` answers with an `Evaluation` of this flag, or of one that it refers to.

    ``later``: as of an experiment.
    """

    key: str
    id: str
    type: str
    variants: frozenset[str]
    version: int
    definition: LazyDefinition
    answers: Answers
    document: "FlagDocument"
    later: "tuple[tuple[float, Flag], ...]" = ()

    @property
    def decide(self) -> Decide:
        return self.definition.decide


_Changing = TypeVar("_Changing", Experiment, Flag)


def find_in_force(definition: _Changing, now: float) -> _Changing:
    """``definition``, or the one that has replaced it by ``now`` (epoch seconds): see ``changes``."""
    for starts_at, later in reversed(definition.later):
        if now >= starts_at:
            return later
    return definition


FindFlag = Callable[[str], Flag | None]
FindSegment = Callable[[str], Condition | None]
"""What a definition refers to, by key; None if it does not exist. Raises StorageUnavailable or Throttled."""


def find_nothing(_key: str) -> None:
    """Of evaluations that refer to nothing else."""
