"""`explain`: show a decision and every step that led to it.

The answer comes from the same functions as the answer to a request. The steps show what these compared.
"""

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, TypeAlias

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from chalicelib.domain.assignment import Assignments, decide, find_unit, is_current
from chalicelib.domain.context import check_context, check_user_id
from chalicelib.domain.definitions.model import (
    Assignment,
    Evaluation,
    Experiment,
    FindFlag,
    FindSegment,
    find_in_force,
    find_nothing,
)
from chalicelib.domain.errors import NotFound
from chalicelib.domain.evaluation import Assign, evaluate, make_experiment_answer, make_state
from chalicelib.domain.explanation.form import Step, explain_form, explain_rules
from chalicelib.domain.explanation.question import Question
from chalicelib.domain.general_form.state import Stop
from chalicelib.domain.identity import Identities, find_user
from chalicelib.domain.timestamps import format_timestamp
from chalicelib.services.evaluation_time import EVALUATION_SECONDS, RequestTime

FindExperiment: TypeAlias = Callable[[str], Experiment | None]
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def explain_experiment(
    console: Console,
    find: FindExperiment,
    assignments: Assignments,
    user: str,
    key: str,
    context: dict[str, Any],
    now: float | None = None,
    find_segment: FindSegment = find_nothing,
    find_flag: FindFlag = find_nothing,
    identities: Identities | None = None,
) -> None:
    """Print the decision as `/assign` would make it now. Nothing is stored. Without ``identities`` no id is
    linked to a user.
    """
    question = _ask(user, context, now, find_flag, find_segment)
    experiment = find(key)
    if experiment is None:
        raise NotFound.experiment(key)
    experiment = find_in_force(experiment, question.state.now)
    is_linkable = experiment.get_unit is None and user not in experiment.document.overrides
    linked = find_user(identities, user, question.state.now) if identities and is_linkable else user
    if linked != user:
        note = f"This id is linked to the user {linked}, and is answered as that user is."
        console.print(_to_text(note))
        question, user = _ask(linked, context, now, find_flag, find_segment), linked
    get_row = _read_row_once(experiment, assignments, question)
    _print_steps(console, list_experiment_steps(experiment, question, get_row))
    spend = RequestTime(EVALUATION_SECONDS)
    decision = decide(
        experiment, user, question.context, question.state.now, get_row, find_segment, find_flag, spend
    )
    _print_answer(console, decision.variant, decision.reason, decision.payload)


def explain_flag(
    console: Console,
    find: FindFlag,
    user: str,
    key: str,
    context: dict[str, Any],
    now: float | None = None,
    find_segment: FindSegment = find_nothing,
    find_experiment: FindExperiment = find_nothing,
    assignments: Assignments | None = None,
) -> None:
    """Print the answer as `/flags/evaluate` would give it now. Nothing is stored."""
    question = _ask(user, context, now, find, find_segment)
    flag = find(key)
    if flag is None:
        raise NotFound.flag(key)
    flag = find_in_force(flag, question.state.now)
    question.state.assign = _preview_assignments(find_experiment, assignments, question, find, find_segment)
    _print_steps(console, explain_form(flag.definition.form, question))
    question.state.time = RequestTime(EVALUATION_SECONDS)  # of the answer, not of the steps
    answer = evaluate(flag, user, question.context, question.state.now, find, question.state)
    _print_answer(console, answer.variant, answer.reason, answer.value)


def list_experiment_steps(
    experiment: Experiment, question: Question, get_row: Callable[[], Assignment | None]
) -> Iterator[Step]:
    yield Step("status", experiment.status)  # in place of the gates' own step, which says less
    if experiment.gates is not None:
        gates = explain_rules(experiment.gates.form, question)
        yield from (step for step in gates.steps if step.name != "status")
        if gates.is_decided:
            return
    row = get_row()
    if row is None:
        yield Step("stored", "no assignment yet")
    else:
        note = _explain_ignored_row(row, experiment, question.state.now)
        yield Step("stored", f"{row.variant} (iteration {row.iteration}){note}")
        if not note:
            return
    yield from explain_form(experiment.assignment.form, question)


def _ask(
    user: str, context: dict[str, Any], now: float | None, find: FindFlag, find_segment: FindSegment
) -> Question:
    attributes = {**check_context(context), "user_id": check_user_id(user)}
    return Question(user, attributes, make_state(time.time() if now is None else now, find, find_segment))


def _read_row_once(
    experiment: Experiment, assignments: Assignments, question: Question
) -> Callable[[], Assignment | None]:
    unit = find_unit(experiment, str(question.user), question.context)
    return cache(lambda: None if unit is None else assignments.get(experiment, unit))


def _preview_assignments(
    find_experiment: FindExperiment,
    assignments: Assignments | None,
    question: Question,
    find_flag: FindFlag,
    find_segment: FindSegment,
) -> Assign:
    """What an experiment that a flag serves would answer."""

    def assign(key: str) -> Evaluation | None:
        experiment = find_experiment(key)
        if experiment is None or assignments is None:
            raise Stop
        now = question.state.now
        experiment = find_in_force(experiment, now)
        get_row = _read_row_once(experiment, assignments, question)
        user = str(question.user)
        decision = decide(experiment, user, question.context, now, get_row, find_segment, find_flag)
        return make_experiment_answer(decision, experiment.version)

    return assign


def _explain_ignored_row(row: Assignment, experiment: Experiment, now: float) -> str:
    """Why the row does not decide; empty if it does."""
    if row.iteration != experiment.iteration:
        return f", ignored: the experiment is in iteration {experiment.iteration}"
    if not is_current(row, experiment, now):
        return f", ignored: expired at {format_timestamp(row.expires_at or 0, 'seconds')}"
    if row.variant not in experiment.sticky:
        return ", ignored: the experiment has no such variant any more"
    return "" if experiment.is_sticky else ", not binding: the experiment is not sticky"


def _print_steps(console: Console, steps: Iterable[Step]) -> None:
    table = Table(*(Column(name, overflow="fold") for name in ("step", "result")))
    for step in steps:
        table.add_row(_to_text(step.name), _to_text(step.result))
    console.print(table)


def _to_text(text: str) -> Text:
    """Definitions are data: no markup, no control characters, no lone surrogates."""
    printable = text.encode(errors="backslashreplace").decode()
    return Text(_CONTROL_CHARACTERS.sub(lambda match: f"\\x{ord(match[0]):02x}", printable))


def _print_answer(console: Console, variant: str | None, reason: str, value: Any) -> None:
    shown = escape(variant or "no variant")
    console.print(f"[b]{shown}[/b]  because  [b]{reason}[/b]", highlight=False)
    if value is not None:
        console.print(f"value  {json.dumps(value)}", highlight=False, markup=False)
