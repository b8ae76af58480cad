"""How many users would get another answer here than from another system's document (`compare`)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from chalicelib.domain.context import check_context, check_user_id
from chalicelib.domain.definitions.model import Evaluation, Flag
from chalicelib.domain.errors import RealtimeError
from realtime.migration.compiled_set import CompiledSet, add_user
from realtime.migration.model import Json, Note
from realtime.migration.users import User


class Answer(NamedTuple):
    """What a caller gets. Without ``has_value`` it is the caller's own default, as after an error."""

    has_value: bool
    value: Json
    variant: str | None
    enabled: bool


class Difference(NamedTuple):
    flag: str
    user: User


@dataclass(slots=True)
class FlagReport:
    """``state``: compared, not published or refused; ``reason``: of a refusal."""

    state: str
    different: int = 0
    reason: str = ""


@dataclass(slots=True)
class Comparison:
    """``flags`` by the other system's keys. ``different``: users with another answer of any flag.

    ``refused``: users that this service answers with an error, whatever they ask; ``first_refused`` is the
    place of the first of them, and the error.
    """

    flags: dict[str, FlagReport]
    users: int = 0
    different: int = 0
    refused: int = 0
    first_refused: str = ""
    differences: list[Difference] = field(default_factory=list)

    @property
    def compared(self) -> int:
        return sum(report.state == COMPARED for report in self.flags.values())


COMPARED, NOT_PUBLISHED, REFUSED = "compared", "not published", "refused"


class Comparer:
    """``theirs`` is imported from the other system's document, ``ours`` is published here."""

    def __init__(
        self, theirs: CompiledSet, ours: CompiledSet, refusals: Iterable[Note], names: Iterable[str]
    ) -> None:
        """``names``: the flags to compare, by the other system's keys."""
        self.theirs, self.ours = theirs, ours
        reasons = {note.key: note.message for note in refusals}
        reports: dict[str, FlagReport] = {}
        self._pairs: list[tuple[str, FlagReport, Flag, Flag]] = []
        for name in names:
            their_flag, our_flag = theirs.find(name), ours.find(name)
            if their_flag is None:
                reports[name] = FlagReport(REFUSED, reason=reasons.get(name, ""))
            elif our_flag is None:
                reports[name] = FlagReport(NOT_PUBLISHED)
            else:
                reports[name] = FlagReport(COMPARED)
                self._pairs.append((name, reports[name], their_flag, our_flag))
        self.comparison = Comparison(reports)

    def compare(self, user: User, now: float, limit: int) -> None:
        """Count the user. At most ``limit`` differences of a flag are kept."""
        comparison = self.comparison
        comparison.users += 1
        try:
            check_context(user.context)
            if user.id is not None:
                check_user_id(user.id)
        except RealtimeError as error:
            comparison.refused += 1
            comparison.first_refused = comparison.first_refused or f"{user.place}: {error}"
            return
        asked = add_user(user.id, user.context)
        theirs, ours = self.theirs, self.ours
        their_state = theirs.make_state(user.id, asked, now)
        our_state = ours.make_state(user.id, asked, now)
        is_different = False
        for name, report, their_flag, our_flag in self._pairs:
            their_answer = theirs.ask(their_flag, user.id, asked, their_state)
            our_answer = ours.ask(our_flag, user.id, asked, our_state)
            if not is_same(their_answer, our_answer):
                is_different = True
                report.different += 1
                if report.different <= limit:
                    comparison.differences.append(Difference(name, user))
        comparison.different += is_different


def is_same(left: Evaluation | RealtimeError, right: Evaluation | RealtimeError) -> bool:
    if isinstance(left, RealtimeError) or isinstance(right, RealtimeError):
        return read_answer(left) == read_answer(right)
    return (
        left.variant == right.variant
        and left.enabled == right.enabled
        and left.has_value == right.has_value
        and is_equal(left.value, right.value)
    )


def read_answer(answer: Evaluation | RealtimeError) -> Answer:
    if isinstance(answer, RealtimeError):
        return Answer(False, None, None, False)
    return Answer(answer.has_value, answer.value, answer.variant, answer.enabled)


def is_equal(left: Json, right: Json) -> bool:
    """JSON equality: numbers by value, a boolean never equals a number."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(is_equal, left, right))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(is_equal(left[name], right[name]) for name in left)
    return bool(left == right)
