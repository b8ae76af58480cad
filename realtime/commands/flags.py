"""`flags`: what is there, and which of them can go."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console
from rich.table import Column, Table

from chalicelib.domain.definitions.compiler import load_flag
from chalicelib.domain.definitions.model import DefinitionKind, DefinitionRow, Flag
from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.evaluation import ALL, rollout_at
from chalicelib.domain.stream.counters import CounterItem, flag_scope, format_day
from chalicelib.domain.timestamps import parse_timestamp

DAY = 86_400.0
SETTLED_DAYS = 90
UNUSED_DAYS = 30


class Definitions(Protocol):
    def load_all(self, kind: DefinitionKind) -> Mapping[str, DefinitionRow]: ...


class Counters(Protocol):
    def read(self, scope: str) -> Iterable[CounterItem]: ...


class Plane(Protocol):
    @property
    def definitions(self) -> Definitions: ...
    @property
    def counters(self) -> Counters: ...


@dataclass(frozen=True, slots=True)
class Usage:
    """``evaluated`` is the last day on which a user got an answer, in days since 1970; None: never seen.

    ``required_by`` are the flags whose prerequisite it is: they ask for it, which is not told to the stream.
    """

    flag: Flag
    at: str
    evaluated: int | None
    required_by: Sequence[str] = ()

    def stale(self, now: float) -> Iterator[str]:
        """Why it can go. A flag counts as unused only when it has been there long enough to be used."""
        if self.required_by:
            return
        published = parse_timestamp(self.at)
        answer = settled(self.flag, now)
        unchanged = (now - max(published, last_step(self.flag, now))) / DAY
        if answer is not None and unchanged >= SETTLED_DAYS:
            yield f"{answer} for everyone for {unchanged:.0f} days"
        unused = now // DAY - (self.evaluated or 0)
        old = (now - published) / DAY >= UNUSED_DAYS
        if old and unused > UNUSED_DAYS and self.flag.off.tracked:  # untracked: nobody knows
            yield f"not evaluated {f'since {format_day(self.evaluated)}' if self.evaluated else 'ever'}"


def last_step(flag: Flag, now: float) -> float:
    """When the schedule changed the rollout last; 0 if it has not, or the flag is off and obeys none."""
    return max((at for at, _ in flag.rollout_steps if at <= now and flag.enabled), default=0.0)


def settled(flag: Flag, now: float) -> str | None:
    """The variant that everybody gets from now on; None while it depends on anything."""
    if not flag.enabled:
        return flag.off.variant
    depends = flag.overrides or flag.prerequisites or any(at > now for at, _ in flag.rollout_steps)
    rollout = rollout_at(flag, now)
    if depends or (flag.rules is not None and rollout):
        return None
    if rollout == 0:
        return flag.not_in_rollout.variant
    return flag.everyone.fixed.variant if flag.everyone.fixed and rollout >= ALL else None


def show(console: Console, plane: Plane, only_stale: bool, now: float | None = None) -> None:
    """A table of all flags, or of those that can go and why."""
    at = time.time() if now is None else now
    names = "flag", "type", "published", "last evaluated", "can go"
    table = Table(*(Column(name, overflow="fold") for name in names))
    rows = dict(sorted(plane.definitions.load_all("flag").items()))
    flags = {key: flag for key, row in rows.items() if (flag := _readable(row))}
    for usage in usages(flags, rows, plane.counters):
        reasons = list(usage.stale(at))
        needed = f"no: required by {', '.join(usage.required_by)}" if usage.required_by else ""
        if reasons or not only_stale:
            seen = format_day(usage.evaluated) if usage.evaluated is not None else "never"
            table.add_row(usage.flag.key, usage.flag.type, usage.at[:10], seen, "\n".join(reasons) or needed)
    for key in rows.keys() - flags.keys() if not only_stale else ():
        table.add_row(key, "", rows[key].at[:10], "", "cannot be read: publish it again")
    console.print(table if table.row_count else "No flag can go." if only_stale else "There are no flags.")


def usages(
    flags: Mapping[str, Flag], rows: Mapping[str, DefinitionRow], counters: Counters
) -> Iterator[Usage]:
    for key, flag in flags.items():
        days = [counted.counter.day for counted in counters.read(flag_scope(key))]
        required_by = [
            other.key for other in flags.values() if key in (item.flag for item in other.prerequisites)
        ]
        yield Usage(flag, rows[key].at, max(days, default=None), required_by)


def _readable(row: DefinitionRow) -> Flag | None:
    """None for a row that was edited by hand and is no definition any more."""
    try:
        return load_flag(row.text, row.version)
    except (InvalidInput, ValueError):
        return None
