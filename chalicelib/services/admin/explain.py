"""Explain a decision: the answer, and every step that led to it.

The answer comes from the same functions as the answer to a request. The steps show what these compared.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

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
from chalicelib.domain.errors import InvalidInput, NotFound
from chalicelib.domain.evaluation import Assign, evaluate, make_experiment_answer, make_state
from chalicelib.domain.explanation.form import Step, explain_form, explain_rules
from chalicelib.domain.explanation.question import Question
from chalicelib.domain.general_form.state import Stop
from chalicelib.domain.identity import Identities, find_user
from chalicelib.domain.timestamps import format_timestamp
from chalicelib.services.evaluation_time import EVALUATION_SECONDS, RequestTime

FindExperiment: TypeAlias = Callable[[str], Experiment | None]


@dataclass(frozen=True, slots=True)
class Explained:
    """A decision as a request would get it now.

    ``linked_to``: the user whose answer an anonymous id gets. ``refused``: why a request would get an error.
    """

    steps: Sequence[Step]
    variant: str | None = None
    reason: str = ""
    value: Any = None
    linked_to: str | None = None
    refused: InvalidInput | None = None


@dataclass(frozen=True, slots=True)
class Explainer:
    """What decisions are made from. Without ``identities`` no id is linked to a user. It stores nothing."""

    find_experiment: FindExperiment = find_nothing
    find_flag: FindFlag = find_nothing
    find_segment: FindSegment = find_nothing
    assignments: Assignments | None = None
    identities: Identities | None = None

    def explain_experiment(self, user: str, key: str, context: dict[str, Any], now: float) -> Explained:
        """As `/assign` would decide. Raises NotFound, InvalidInput, StorageUnavailable or Throttled."""
        question = self._ask(user, context, now)
        experiment = self.find_experiment(key)
        if experiment is None:
            raise NotFound.experiment(key)
        experiment = find_in_force(experiment, now)
        is_linkable = experiment.get_unit is None and user not in experiment.document.overrides
        linked = find_user(self.identities, user, now) if self.identities and is_linkable else user
        linked_to = linked if linked != user else None
        if linked_to is not None:
            question, user = self._ask(linked, context, now), linked
        get_row = self._read_row_once(experiment, question)
        steps = list(list_experiment_steps(experiment, question, get_row))
        spend = RequestTime(EVALUATION_SECONDS)
        try:
            decision = decide(
                experiment, user, question.context, now, get_row, self.find_segment, self.find_flag, spend
            )
        except InvalidInput as error:
            return Explained(steps, linked_to=linked_to, refused=error)
        return Explained(steps, decision.variant, decision.reason, decision.payload, linked_to)

    def explain_flag(self, user: str, key: str, context: dict[str, Any], now: float) -> Explained:
        """As `/flags/evaluate` would answer. Raises as `explain_experiment`."""
        question = self._ask(user, context, now)
        flag = self.find_flag(key)
        if flag is None:
            raise NotFound.flag(key)
        flag = find_in_force(flag, now)
        question.state.assign = self._preview_assignments(question)
        steps = explain_form(flag.definition.form, question)
        question.state.time = RequestTime(EVALUATION_SECONDS)  # of the answer, not of the steps
        try:
            answer = evaluate(flag, user, question.context, now, self.find_flag, question.state)
        except InvalidInput as error:
            return Explained(steps, refused=error)
        return Explained(steps, answer.variant, answer.reason, answer.value)

    def _ask(self, user: str, context: dict[str, Any], now: float) -> Question:
        attributes = {**check_context(context), "user_id": check_user_id(user)}
        return Question(user, attributes, make_state(now, self.find_flag, self.find_segment))

    def _read_row_once(self, experiment: Experiment, question: Question) -> Callable[[], Assignment | None]:
        unit, assignments = find_unit(experiment, str(question.user), question.context), self.assignments
        return cache(lambda: assignments.get(experiment, unit) if assignments and unit is not None else None)

    def _preview_assignments(self, question: Question) -> Assign:
        """What an experiment that a flag serves would answer."""

        def assign(key: str) -> Evaluation | None:
            experiment = self.find_experiment(key)
            if experiment is None or self.assignments is None:
                raise Stop
            now = question.state.now
            experiment = find_in_force(experiment, now)
            get_row = self._read_row_once(experiment, question)
            user = str(question.user)
            decision = decide(
                experiment, user, question.context, now, get_row, self.find_segment, self.find_flag
            )
            return make_experiment_answer(decision, experiment.version)

        return assign


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


def _explain_ignored_row(row: Assignment, experiment: Experiment, now: float) -> str:
    """Why the row does not decide; empty if it does."""
    if row.iteration != experiment.iteration:
        return f", ignored: the experiment is in iteration {experiment.iteration}"
    if not is_current(row, experiment, now):
        return f", ignored: expired at {format_timestamp(row.expires_at or 0, 'seconds')}"
    if row.variant not in experiment.sticky:
        return ", ignored: the experiment has no such variant any more"
    return "" if experiment.is_sticky else ", not binding: the experiment is not sticky"
