"""`explain`: show a decision and every step that led to it.

The answer comes from the same functions as the answer to a request. The steps show what these compared.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, TypeAlias

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from chalicelib.domain.assignment import Assignments, decide, is_current
from chalicelib.domain.bucketing import BUCKETS, compute_bucket, compute_halves
from chalicelib.domain.context import check_context, check_user_id
from chalicelib.domain.definitions.model import Assignment, Decision, Evaluation, Experiment, Flag, Slice
from chalicelib.domain.errors import NotFound
from chalicelib.domain.evaluation import ALL, FindFlag, evaluate, get_rollout, get_unit
from chalicelib.domain.reasons import Reason
from chalicelib.domain.targeting import Rules
from chalicelib.domain.timestamps import format_timestamp
from realtime.commands.explain_rules import Step, explain_rules

DECIDING_STEPS = {
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
"""The step that decides with each reason. With any other reason it is the last one."""
FindExperiment: TypeAlias = Callable[[str], Experiment | None]


def explain_experiment(
    console: Console,
    find: FindExperiment,
    assignments: Assignments,
    user: str,
    key: str,
    context: dict[str, Any],
    now: float | None = None,
) -> None:
    """Print the decision as `/assign` would make it now. Nothing is stored."""
    attributes = {**check_context(context), "user_id": check_user_id(user)}
    experiment = find(key)
    if experiment is None:
        raise NotFound.experiment(key)
    now = time.time() if now is None else now
    get_row = cache(lambda: assignments.get(experiment, user))
    decision = decide(experiment, user, attributes, now, get_row)
    _print_steps(console, list_experiment_steps(experiment, user, attributes, now, get_row), decision.reason)
    _print_answer(console, decision.variant, decision.reason, decision.payload)


def explain_flag(
    console: Console,
    find: FindFlag,
    user: str,
    key: str,
    context: dict[str, Any],
    now: float | None = None,
) -> None:
    """Print the answer as `/flags/evaluate` would give it now."""
    attributes = {**check_context(context), "user_id": check_user_id(user)}
    flag = find(key)
    if flag is None:
        raise NotFound.flag(key)
    now = time.time() if now is None else now
    answer = evaluate(flag, user, attributes, now, find)
    _print_steps(console, list_flag_steps(flag, user, attributes, now, find), answer.reason)
    _print_answer(console, answer.variant, answer.reason, answer.value)


def list_experiment_steps(
    experiment: Experiment,
    user: str,
    context: Mapping[str, Any],
    now: float,
    get_row: Callable[[], Assignment | None],
) -> Iterator[Step]:
    yield "status", experiment.status
    yield "schedule", _describe_schedule(experiment)
    yield "override", _describe_override(experiment.overrides.get(user))
    yield "holdout", _describe_slice(experiment.holdout, user)
    yield "layer", _describe_slice(experiment.layer, user)
    row = get_row()
    if row is None:
        yield "stored", "no assignment yet"
    else:
        note = _explain_ignored_row(row, experiment, now)
        yield "stored", f"{row.variant} (iteration {row.iteration}){note}"
        if not note:
            return
    yield from _list_targeting_steps(experiment.rules, context, now, user)
    first, second = compute_halves(experiment.prefix, user)
    yield "traffic", _compare_bucket(compute_bucket(first), _to_buckets(experiment.traffic))
    yield "variant", f"bucket {compute_bucket(second):,} of {_format_ranges(experiment.split)}"


def list_flag_steps(
    flag: Flag, user: str, context: Mapping[str, Any], now: float, find: FindFlag
) -> Iterator[Step]:
    yield "enabled", "yes" if flag.enabled else "no: the off variant"
    yield "override", _describe_override(flag.overrides.get(user))
    for prerequisite in flag.prerequisites:
        required = find(prerequisite.flag)
        variant = evaluate(required, user, context, now, find).variant if required else "no such flag"
        wanted = ", ".join(sorted(prerequisite.variants))
        yield f"prerequisite {prerequisite.flag}", f"{variant} (wanted {wanted})"
        if variant not in prerequisite.variants:
            return
    unit = get_unit(flag, user, context)  # None only if the answer needs no bucket
    yield from _list_targeting_steps(flag.rules, context, now, unit)
    first, second = compute_halves(flag.prefix.decode(), unit) if unit is not None else (0, 0)
    yield "rollout", _describe_rollout(get_rollout(flag, now), first)
    rule = flag.rules.match(context, now, unit) if flag.rules else None
    split = flag.by_rule[rule.index] if rule else flag.everyone
    if split.fixed:
        yield "variant", split.fixed.variant
    else:
        ranges = [(upper, answer.variant) for upper, answer in split.ranges]
        yield "variant", f"bucket {compute_bucket(second):,} of {_format_ranges(ranges)}"


def _print_steps(console: Console, steps: Iterator[Step], reason: Reason) -> None:
    """The steps up to the one that decided."""
    table = Table(*(Column(name, overflow="fold") for name in ("step", "result")))
    for name, text in steps:
        table.add_row(name, escape(text))
        if name == DECIDING_STEPS.get(reason):
            break
    console.print(table)


def _print_answer(console: Console, variant: str | None, reason: str, value: Any) -> None:
    console.print(f"[b]{variant or 'no variant'}[/b]  because  [b]{reason}[/b]", highlight=False)
    if value is not None:
        console.print(f"value  {json.dumps(value)}", highlight=False, markup=False)


def _describe_schedule(experiment: Experiment) -> str:
    times = {"from": experiment.start_at, "until": experiment.end_at}
    texts = [f"{word} {format_timestamp(t, 'seconds')}" for word, t in times.items() if t is not None]
    return " ".join(texts) or "always"


def _describe_override(answer: Decision | Evaluation | None) -> str:
    return f"{answer.variant} for this user" if answer else "none"


def _describe_slice(part: Slice | None, user: str) -> str:
    if part is None:
        return "none"
    index = compute_bucket(compute_halves(part.prefix, user)[0])
    start, end = _to_buckets(part.start), _to_buckets(part.end)
    return f"{part.key}: bucket {index:,}, its range is [{start:,}, {end:,})"


def _explain_ignored_row(row: Assignment, experiment: Experiment, now: float) -> str:
    """Why the row does not decide; empty if it does."""
    if row.iteration != experiment.iteration:
        return f", ignored: the experiment is in iteration {experiment.iteration}"
    if not is_current(row, experiment, now):
        return f", ignored: expired at {format_timestamp(row.expires_at or 0, 'seconds')}"
    if row.variant not in experiment.sticky:
        return ", ignored: the experiment has no such variant any more"
    return "" if experiment.is_sticky else ", not binding: the experiment is not sticky"


def _list_targeting_steps(
    rules: Rules | None, context: Mapping[str, Any], now: float, unit: str | None
) -> Iterator[Step]:
    if rules is None:
        yield "targeting", "everybody"
        return
    yield from explain_rules(rules, context, now, unit)
    rule = rules.match(context, now, unit)
    yield "targeting", f"rule {rule.id!r} matches" if rule else "no rule matches"


def _describe_rollout(threshold: int, first: int) -> str:
    """0 and 100 % need no bucket, and so no unit."""
    if threshold == 0:
        return "0 %: nobody"
    if threshold >= ALL:
        return "100 %: everybody"
    return _compare_bucket(compute_bucket(first), _to_buckets(threshold))


def _compare_bucket(index: int, limit: int) -> str:
    return f"bucket {index:,} is {'inside' if index < limit else 'outside'} [0, {limit:,}) of {BUCKETS:,}"


def _format_ranges(ranges: Iterable[tuple[int, str]]) -> str:
    lower, texts = 0, []
    for threshold, variant in ranges:
        upper = _to_buckets(threshold)
        texts.append(f"{variant} [{lower:,}, {upper:,})")
        lower = upper
    return "  ".join(texts)


def _to_buckets(threshold: int) -> int:
    return (threshold * BUCKETS) >> 64
