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
from chalicelib.domain.definitions.targeting_rules import build_check
from chalicelib.domain.definitions.uses import list_uses
from chalicelib.domain.errors import RealtimeError
from chalicelib.domain.evaluation import evaluate
from chalicelib.domain.general_form.state import Condition, State, Stop
from chalicelib.domain.targeting import RulesDocument, parse
from realtime.definition_files.contexts import Context, make_contexts
from realtime.definition_files.diff import DefinitionChange
from realtime.definition_files.documents import DefinitionName, Document

SAMPLE = 10_000
"""Users whose answers are compared; with so many, a share is within one percentage point."""
MIN_USERS = 400
"""In each context, however many there are."""
MAX_CONTEXTS = 100
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

    @property
    def share(self) -> float:
        return _average(self.targeted)

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


def measure_impact(name: DefinitionName, before: Documents, after: Documents, now: float) -> Impact:
    """Of the definition ``name``, which both sets have.

    The contexts are made from the conditions of its rules and of its prerequisites' rules, of both sets.
    Stored assignments do not count: a sticky experiment keeps them.
    """
    names = _list_with_references(name, before, after)
    rules = [[_parse_rules(documents.get(item)) for documents in (before, after)] for item in names]
    documents = [found for item in names for found in (before.get(item), after.get(item)) if found]
    units = {document.bucket_by for document in documents if isinstance(document, FlagDocument)} | {"user_id"}
    contexts = _make_contexts(rules, units, now)
    users = max(MIN_USERS, SAMPLE // max(1, len(contexts) // 4))
    users = min(SAMPLE, users)
    answers = _compile(before, name, now), _compile(after, name, now)
    targeted: list[ContextImpact] = []
    others: list[ContextImpact] = []
    is_targeted = _build_check(rules, now)
    for context in contexts:
        impact = _compare_answers(context, answers, units, users)
        sampled = ({**dict.fromkeys(units, f"user-{number}"), **context} for number in range(20))
        (targeted if any(map(is_targeted, sampled)) else others).append(impact)
    return Impact(users, any(map(any, rules)), targeted, others)


def _list_with_references(name: DefinitionName, before: Documents, after: Documents) -> list[DefinitionName]:
    names = [name]
    for item in names:  # grows while it is read
        for document in (before.get(item), after.get(item)):
            for use in list_uses(document) if document else ():
                if use.name not in names:
                    names.append(use.name)
    return names


def _parse_rules(document: Document | None) -> RulesDocument | None:
    rules = None if document is None or isinstance(document, SegmentDocument) else document.targeting_rules
    return None if rules is None else parse(rules)


def _make_contexts(
    rules: Sequence[Sequence[RulesDocument | None]], units: set[str], now: float
) -> list[Context]:
    """Each definition's own, those of a definition that satisfy its prerequisites too, and the empty one."""
    own, *required = (
        list(islice(make_contexts([item for item in versions if item], units, now), MAX_CONTEXTS))
        for versions in rules
    )
    base: Context = {}
    for contexts in required:
        base |= contexts[0] if contexts else {}
    combined = [{**base, **context} for context in own] if base else []
    result: list[Context] = []
    for context in (*combined, *own, *(item for contexts in required for item in contexts)):
        user = context.get("user_id", "")
        if context not in result and isinstance(user, str):
            result.append(context)
    return [*result[:MAX_CONTEXTS], {}] if {} not in result else result[:MAX_CONTEXTS]


def _build_check(
    rules: Sequence[Sequence[RulesDocument | None]], now: float
) -> Callable[[Mapping[str, Any]], bool]:
    """Whether a context satisfies a rule of any version, whatever the rule's rollout is."""
    with_rules = [versions for versions in rules if any(versions)]
    has_everybody = not with_rules or any(None in versions for versions in with_rules)
    matchers = [
        build_check(rule.group, document.is_v2)
        for versions in with_rules
        for document in versions
        if document
        for rule in document.in_order()
    ]
    return lambda context: has_everybody or any(matches(context, now) for matches in matchers)


def _compare_answers(
    context: Context, answers: tuple[Answer, Answer], units: set[str], users: int
) -> ContextImpact:
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    changed = 0
    ids = [context["user_id"]] if "user_id" in context else [f"user-{number}" for number in range(users)]
    for user in ids:
        attributes = {**dict.fromkeys(units, user), **context}
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
