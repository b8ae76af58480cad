"""A decision and every step that led to it, for `python -m realtime explain`.

The answer itself comes from the same functions as a request's; the steps show what they looked at.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Protocol

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from chalicelib.domain.assignment import Assignments, decide, is_current
from chalicelib.domain.bucketing import BUCKETS, bucket, halves
from chalicelib.domain.context import check_context, check_user_id
from chalicelib.domain.definitions.model import Assignment, Experiment, Flag, Slice
from chalicelib.domain.errors import NotFound
from chalicelib.domain.evaluation import ALL, evaluate, get_rollout, get_unit
from chalicelib.domain.reasons import Reason
from chalicelib.domain.targeting import Rules
from chalicelib.domain.timestamps import format_timestamp
from chalicelib.services.definitions.catalog import Catalog
from realtime.commands.explain_rules import Step, explain_rules

DECIDED_AT = {
    Reason.DRAFT: "status",
    Reason.PAUSED: "status",
    Reason.COMPLETED: "status",
    Reason.NOT_STARTED: "schedule",
    Reason.ENDED: "schedule",
    Reason.DISABLED: "enabled",
    Reason.OVERRIDE: "override",
    Reason.HOLDOUT: "holdout",
    Reason.NOT_IN_LAYER: "layer",
    Reason.NOT_TARGETED: "targeting",
    Reason.NOT_IN_TRAFFIC: "traffic",
    Reason.NOT_IN_ROLLOUT: "rollout",
}
"""The step that decided; for all other reasons it is the one with which the steps end."""


class Plane(Protocol):
    @property
    def catalog(self) -> Catalog: ...
    @property
    def assignments(self) -> Assignments: ...
    def get_experiment(self, key: str) -> Experiment | None: ...


def explain_experiment(
    console: Console, plane: Plane, user: str, key: str, context: dict[str, Any], now: float | None = None
) -> None:
    """Prints the decision as `/assign` would make it now; nothing is stored."""
    about_user = {**check_context(context), "user_id": check_user_id(user)}
    experiment = plane.get_experiment(key)
    if experiment is None:
        raise NotFound.experiment(key)
    at = time.time() if now is None else now
    stored = cache(lambda: plane.assignments.get(experiment, user))
    decision = decide(experiment, user, about_user, at, stored)
    _show(console, experiment_steps(experiment, user, about_user, at, stored), decision.reason)
    _answer(console, decision.variant, decision.reason, decision.payload)


def explain_flag(
    console: Console, plane: Plane, user: str, key: str, context: dict[str, Any], now: float | None = None
) -> None:
    """Prints the answer as `/flags/evaluate` would give it now."""
    about_user = {**check_context(context), "user_id": check_user_id(user)}
    flag = plane.catalog.flags.get(key)
    if flag is None:
        raise NotFound.flag(key)
    at = time.time() if now is None else now
    answer = evaluate(flag, user, about_user, at, plane.catalog.flags.get)
    _show(console, flag_steps(flag, user, about_user, at, plane.catalog), answer.reason)
    _answer(console, answer.variant, answer.reason, answer.value)


def experiment_steps(
    experiment: Experiment,
    user: str,
    context: Mapping[str, Any],
    now: float,
    stored: Callable[[], Assignment | None],
) -> Iterator[Step]:
    yield "status", experiment.status
    yield "schedule", _schedule(experiment)
    yield "override", _named(experiment.overrides.get(user))
    yield "holdout", _slice(experiment.holdout, user)
    yield "layer", _slice(experiment.layer, user)
    row = stored()
    if row is None:
        yield "stored", "no assignment yet"
    else:
        ignored = _ignored(row, experiment, now)
        yield "stored", f"{row.variant} (iteration {row.iteration}){ignored}"
        if not ignored:
            return
    yield from _targeting(experiment.rules, context, now)
    first, second = halves(experiment.prefix, user)
    yield "traffic", _inside(bucket(first), _buckets(experiment.traffic))
    yield "variant", f"bucket {bucket(second):,} of {_ranges(experiment.split)}"


def flag_steps(
    flag: Flag, user: str, context: Mapping[str, Any], now: float, catalog: Catalog
) -> Iterator[Step]:
    yield "enabled", "yes" if flag.enabled else "no: the off variant"
    yield "override", _named(flag.overrides.get(user))
    for prerequisite in flag.prerequisites:
        other = catalog.flags.get(prerequisite.flag)
        got = evaluate(other, user, context, now, catalog.flags.get).variant if other else "no such flag"
        wanted = ", ".join(sorted(prerequisite.variants))
        yield f"prerequisite {prerequisite.flag}", f"{got} (wanted {wanted})"
        if got not in prerequisite.variants:
            return
    yield from _targeting(flag.rules, context, now)
    unit = get_unit(flag, user, context)  # None: a bucket is not asked for, or there were no answer
    first, second = halves(flag.prefix.decode(), unit) if unit is not None else (0, 0)
    yield "rollout", _rollout(get_rollout(flag, now), first)
    rule = flag.rules.match(context, now) if flag.rules else None
    split = flag.by_rule[rule.index] if rule else flag.everyone
    owners = [(upper, answer.variant) for upper, answer in split.ranges]
    yield "variant", split.fixed.variant if split.fixed else f"bucket {bucket(second):,} of {_ranges(owners)}"


def _show(console: Console, steps: Iterator[Step], reason: Reason) -> None:
    """The steps up to the one that decided."""
    table = Table(*(Column(name, overflow="fold") for name in ("step", "what it saw")))
    for name, seen in steps:
        table.add_row(name, escape(seen))
        if name == DECIDED_AT.get(reason):
            break
    console.print(table)


def _answer(console: Console, variant: str | None, reason: str, value: Any) -> None:
    console.print(f"[b]{variant or 'no variant'}[/b]  because  [b]{reason}[/b]", highlight=False)
    if value is not None:
        console.print(f"value  {json.dumps(value)}", highlight=False, markup=False)


def _schedule(experiment: Experiment) -> str:
    times = [("from", experiment.start_at), ("until", experiment.end_at)]
    text = [f"{word} {format_timestamp(at, 'seconds')}" for word, at in times if at is not None]
    return " ".join(text) or "always"


def _named(answer: Any) -> str:
    return f"this user is named: {answer.variant}" if answer else "not named"


def _slice(part: Slice | None, user: str) -> str:
    if part is None:
        return "none"
    place = bucket(halves(part.prefix, user)[0])
    return f"{part.key}: bucket {place:,}, its range is [{_buckets(part.start):,}, {_buckets(part.end):,})"


def _ignored(row: Assignment, experiment: Experiment, now: float) -> str:
    """Why the row does not decide; empty if it does."""
    if row.iteration != experiment.iteration:
        return f", ignored: the experiment is in iteration {experiment.iteration}"
    if not is_current(row, experiment, now):
        return f", ignored: expired at {format_timestamp(row.expires_at or 0, 'seconds')}"
    if row.variant not in experiment.sticky:
        return ", ignored: the experiment has no such variant any more"
    return "" if experiment.is_sticky else ", not binding: the experiment is not sticky"


def _targeting(rules: Rules | None, context: Mapping[str, Any], now: float) -> Iterator[Step]:
    if rules is None:
        yield "targeting", "everybody"
        return
    yield from explain_rules(rules, context, now)
    rule = rules.match(context, now)
    yield "targeting", f"rule {rule.id!r} matches" if rule else "no rule matches"


def _inside(place: int, limit: int) -> str:
    return f"bucket {place:,} is {'inside' if place < limit else 'outside'} [0, {limit:,}) of {BUCKETS:,}"


def _rollout(limit: int, first: int) -> str:
    """0 and 100 % ask for no bucket, so they need no unit."""
    if limit == 0:
        return "0 %: nobody"
    return "100 %: everybody" if limit >= ALL else _inside(bucket(first), _buckets(limit))


def _buckets(limit: int) -> int:
    return (limit * BUCKETS) >> 64


def _ranges(owners: Any) -> str:
    lower, text = 0, []
    for upper, name in owners:
        text.append(f"{name} [{lower:,}, {_buckets(upper):,})")
        lower = _buckets(upper)
    return "  ".join(text)
