"""How many users would get another answer after a publish, and in which contexts."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from itertools import islice
from typing import Any, TypeAlias

from chalicelib.domain.assignment import decide
from chalicelib.domain.definitions.compiler import compile_experiment, compile_flag, compile_segment
from chalicelib.domain.definitions.model import FindFlag, FindSegment, Flag
from chalicelib.domain.definitions.schema import ExperimentDocument, FlagDocument, SegmentDocument
from chalicelib.domain.definitions.uses import list_uses
from chalicelib.domain.errors import RealtimeError
from chalicelib.domain.evaluation import evaluate
from chalicelib.domain.general_form.conditions import compile_condition
from chalicelib.domain.general_form.state import Condition, State, Stop
from chalicelib.domain.publishing.diff import DefinitionChange
from chalicelib.domain.publishing.documents import DefinitionName, Document
from chalicelib.domain.publishing.impact.contexts import Context, make_contexts, put_changed_first
from chalicelib.domain.publishing.impact.forms import Conditions, Forms, relax
from chalicelib.domain.publishing.impact.paths import USER, Path, has_value, set_value
from chalicelib.domain.publishing.impact.sampled import SampledImpact, measure_sampled_impact
from chalicelib.domain.recent_contexts import RecentContext

SAMPLE = 10_000
"""Users whose answers are compared; with so many, a share is within one percentage point."""
MIN_USERS = 100
"""In each context, however many there are."""
MAX_CONTEXTS = 100
MAX_CONDITIONS = 200
"""That contexts are made from, changed ones first."""
Documents: TypeAlias = Mapping[DefinitionName, Document]
Answer: TypeAlias = Callable[[str, Mapping[str, Any]], tuple[str, Any]]
"""(user, context) → the variant, and the value that it has."""


@dataclass(frozen=True, slots=True)
class ContextImpact:
    """``share`` of the users get another answer; the variants of all users, most frequent first."""

    context: Context
    share: float
    before: Counter[str]
    after: Counter[str]


@dataclass(frozen=True, slots=True)
class Impact:
    """``targeted`` contexts satisfy a rule, before or after; ``others`` satisfy none."""

    users: int
    has_rules: bool
    targeted: Sequence[ContextImpact]
    others: Sequence[ContextImpact]
    sampled: SampledImpact | None = None
    """Over recent decisions; then there are no made-up contexts."""

    @property
    def share(self) -> float:
        return self.sampled.share if self.sampled else _average(self.targeted)

    @property
    def other_share(self) -> float:
        return _average(self.others)

    def list_examples(self) -> list[ContextImpact]:
        """One context for each way in which answers change."""
        changed = (item for item in (*self.targeted, *self.others) if item.share)
        examples: dict[tuple[str, str], ContextImpact] = {}
        for item in changed:
            examples.setdefault((str(item.before), str(item.after)), item)
        return [*examples.values()]


def find_dependents(
    changes: Sequence[DefinitionChange], after: Documents
) -> Iterator[tuple[DefinitionName, Sequence[DefinitionName]]]:
    """Unchanged flags and experiments that use a changed definition, directly or not, each with those.

    They use it by a condition, a segment, a prerequisite, or as what they serve.
    """
    changed = {change.name for change in changes}
    used = {name: [use.name for use in list_uses(document)] for name, document in after.items()}
    causes: dict[DefinitionName, set[DefinitionName]] = {name: {name} for name in changed}
    for name in TopologicalSorter(used).static_order():
        if name in after and name not in changed:
            causes[name] = {cause for inner in used[name] for cause in causes.get(inner, ())}
            if causes[name] and name[0] != "segment":
                yield name, sorted(causes[name])


def measure_impact(
    name: DefinitionName,
    before: Documents,
    after: Documents,
    now: float,
    recent: Sequence[RecentContext] = (),
) -> Impact:
    """Of the definition ``name``, which both sets have: over ``recent`` contexts, or over made-up ones.

    The contexts are made from the conditions of its rules in both sets, and of the flags and segments that
    they refer to. Stored assignments do not count: a sticky experiment keeps them.
    """
    answers = _compile(before, name, now), _compile(after, name, now)
    sampled = measure_sampled_impact(name, answers, recent)
    if sampled:
        return Impact(sampled.decisions, False, (), (), sampled)
    forms = Forms(before, now), Forms(after, now)
    conditions = [form.list_conditions(name) for form in forms]
    units = {USER}.union(*(form.list_units(name) for form in forms))
    contexts = _make_contexts(forms, conditions, units, now)
    users = max(MIN_USERS, SAMPLE // max(1, len(contexts) // 4))
    users = min(SAMPLE, users)
    targeted: list[ContextImpact] = []
    others: list[ContextImpact] = []
    is_targeted = _build_check(forms, conditions, now)
    for context in contexts:
        impact = _compare_answers(context, answers, units, users)
        users_of = (_add_units(context, units, f"user-{number}") for number in range(20))
        (targeted if any(map(is_targeted, users_of)) else others).append(impact)
    return Impact(users, any(version.rules for version in conditions), targeted, others)


def _make_contexts(
    forms: Sequence[Forms], conditions: Sequence[Conditions], units: set[Path], now: float
) -> list[Context]:
    """Made from the conditions of the rules, and of what keeps users out of them; and the empty one."""
    versions = [[*version.rules, *version.exclusions] for version in conditions]
    chosen = {json.dumps(condition) for condition in put_changed_first(versions)[:MAX_CONDITIONS]}
    expanded = [
        [form.expand_flags(condition) for condition in version if json.dumps(condition) in chosen]
        for form, version in zip(forms, versions, strict=True)
    ]
    contexts = (
        context
        for context in make_contexts(expanded, units, now)
        if isinstance(context.get("user_id", ""), str)
    )
    result = list(islice(contexts, MAX_CONTEXTS))
    return result if {} in result else [*result, {}]


def _build_check(
    forms: Sequence[Forms], conditions: Sequence[Conditions], now: float
) -> Callable[[Mapping[str, Any]], bool]:
    """Whether a context satisfies a rule of any version, whatever the rule's rollout is."""
    has_everybody = any(not version.rules for version in conditions)
    checks = [
        (compile_condition(relax(rule), "").condition, form)
        for form, version in zip(forms, conditions, strict=True)
        for rule in version.rules
    ]
    return lambda context: has_everybody or any(_holds(check, context, form, now) for check, form in checks)


def _holds(condition: Condition, context: Mapping[str, Any], form: Forms, now: float) -> bool:
    state = State(now, form.find_flag, form.find_segment)
    try:
        return bool(condition(str(context["user_id"]), context, state))
    except Stop:  # a flag that divides by what the context lacks
        return False


def _add_units(context: Context, units: set[Path], user: str) -> Context:
    """With ``user`` for each unit that the context does not have."""
    for path in units:
        if not has_value(context, path):
            context = set_value(context, path, user)
    return context


def _compare_answers(
    context: Context, answers: tuple[Answer, Answer], units: set[Path], users: int
) -> ContextImpact:
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    changed = 0
    ids = [context["user_id"]] if "user_id" in context else [f"user-{number}" for number in range(users)]
    for user in ids:
        attributes = _add_units(context, units, user)
        old, new = answers[0](user, attributes), answers[1](user, attributes)
        before[old[0]] += 1
        after[new[0]] += 1
        changed += old != new
    return ContextImpact(context, changed / len(ids), before, after)


def _average(impacts: Sequence[ContextImpact]) -> float:
    return sum(impact.share for impact in impacts) / len(impacts) if impacts else 0.0


def _compile(documents: Documents, name: DefinitionName, now: float) -> Answer:
    """A function that gives the answer of one definition for a user and context."""

    @cache
    def find_flag(key: str) -> Flag | None:
        document = documents.get(("flag", key))
        return compile_flag(document) if isinstance(document, FlagDocument) else None

    @cache
    def find_segment(key: str) -> Condition | None:
        document = documents.get(("segment", key))
        return compile_segment(document).condition if isinstance(document, SegmentDocument) else None

    document = documents[name]
    if isinstance(document, ExperimentDocument):
        return _compile_experiment(document, now, find_segment, find_flag)
    if isinstance(document, SegmentDocument):
        return _compile_segment(document, now, find_segment, find_flag)
    flag = compile_flag(document)

    def answer(user: str, context: Mapping[str, Any]) -> tuple[str, Any]:
        try:
            evaluation = evaluate(flag, user, context, now, find_flag, find_segment=find_segment)
        except RealtimeError as error:  # the context lacks what the flag divides by
            return f"error {error.code}", None
        return evaluation.variant or "no variant", json.dumps(evaluation.value)

    return answer


def _compile_experiment(
    document: ExperimentDocument, now: float, find_segment: FindSegment, find_flag: FindFlag
) -> Answer:
    experiment = compile_experiment(document)

    def assign(user: str, context: Mapping[str, Any]) -> tuple[str, Any]:
        try:
            decision = decide(experiment, user, context, now, lambda: None, find_segment, find_flag)
        except RealtimeError as error:
            return f"error {error.code}", None
        return decision.variant or "no variant", None

    return assign


def _compile_segment(
    document: SegmentDocument, now: float, find_segment: FindSegment, find_flag: FindFlag
) -> Answer:
    condition = compile_segment(document).condition
    words = {True: "in the segment", False: "not in the segment", None: "unknown"}

    def describe(user: str, context: Mapping[str, Any]) -> tuple[str, Any]:
        try:
            return words[condition(user, context, State(now, find_flag, find_segment))], None
        except Stop:
            return "error", None

    return describe
