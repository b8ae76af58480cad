"""Rules as closures: in order, gated, with the two ways of nothing.

A serve gives an answer, or NEXT (go to the next rule), or UNDECIDED (nothing here decided, so that the rule's
``else`` does).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

from chalicelib.domain.general_form.compiled import TRUE, Compiled
from chalicelib.domain.general_form.halves import fuse_halves
from chalicelib.domain.general_form.served import NEXT, UNDECIDED, Arm, Served, serve_constant
from chalicelib.domain.general_form.shards import Shard, compile_place
from chalicelib.domain.general_form.state import NO_VALUE, Context, State


class Rule(NamedTuple):
    when: Compiled
    gates: Sequence[Compiled]
    served: Served
    otherwise: Served


def serve_split(shard: Shard, arms: Sequence[Arm], without_unit: Served) -> Served:
    find_place, decide_without_unit = compile_place(shard), without_unit.decide
    ranges = [(arm.start, arm.end, arm.served.decide) for arm in arms]

    def decide(user: str | None, context: Context, state: State) -> Any:
        place = find_place(user, context, state)
        if place is None:
            return decide_without_unit(user, context, state)
        for start, end, decide_arm in ranges:
            if start <= place < end:
                return decide_arm(user, context, state)
        return UNDECIDED

    return Served(decide, split=(shard, arms))


def finish(served: Served) -> Served:
    """A default that decides nothing is no value."""
    if served.constant is not None:
        is_nothing = served.constant[0] in (NEXT, UNDECIDED)
        return serve_constant(NO_VALUE) if is_nothing else served
    decide_served = served.decide

    def decide(user: str | None, context: Context, state: State) -> Any:
        answer = decide_served(user, context, state)
        return NO_VALUE if answer is NEXT or answer is UNDECIDED else answer

    return Served(decide)


MAX_CHAINED = 2
"""Rules that call one another. More are a loop: it costs less, and Python bounds how deep calls may go."""


def chain_rules(rules: Sequence[Rule], last: Served) -> Served:
    """The first answer of a rule; ``last`` if no rule gives one."""
    steps = _merge_tables(rules)
    head, tail = steps[:-MAX_CHAINED], steps[-MAX_CHAINED:]
    served = last
    for step in reversed(tail):
        served = _choose(step.when, step.serve(served), served)
    return _loop_steps(head, served) if head else served


class _Step(NamedTuple):
    """``serve``: what follows where it goes to the next rule -> what it serves to whom ``when`` admits."""

    when: Compiled
    serve: Callable[[Served], Served]


def _merge_tables(rules: Sequence[Rule]) -> list[_Step]:
    """Consecutive rules that serve answers by the text of one attribute become one dictionary."""
    steps: list[_Step] = []
    for attribute, group in groupby(rules, key=_find_table_attribute):
        members = list(group)
        if attribute is None or len(members) == 1:
            steps += [_Step(rule.when, partial(_serve_rule, rule)) for rule in members]
            continue
        table: dict[str, Any] = {}
        for rule in members:
            for text in rule.when.texts[1] if rule.when.texts else ():
                table.setdefault(text, rule.served.constant[0] if rule.served.constant else None)
        steps.append(_Step(TRUE, partial(_look_up, attribute[0], table)))
    return steps


def _find_table_attribute(rule: Rule) -> tuple[str | None] | None:
    """The attribute, in a tuple; None for a rule that does more than to serve an answer by its text."""
    if rule.when.texts is None or rule.gates or rule.served.constant is None:
        return None
    if rule.served.constant[0] is NEXT or rule.served.constant[0] is UNDECIDED:
        return None
    return (rule.when.texts[0],)


def _look_up(attribute: str | None, table: Mapping[str, Any], rest: Served) -> Served:
    decide_rest = rest.decide
    if attribute is None:

        def decide_by_user(user: str | None, context: Context, state: State) -> Any:
            answer = table.get(user)  # type: ignore[arg-type] # None is no key
            return decide_rest(user, context, state) if answer is None else answer

        return Served(decide_by_user)

    def decide(user: str | None, context: Context, state: State) -> Any:
        try:
            answer = table.get(context.get(attribute))  # type: ignore[arg-type] # nor is any other value
        except TypeError:  # a list or an object
            answer = None
        return decide_rest(user, context, state) if answer is None else answer

    return Served(decide)


def _loop_steps(steps: Sequence[_Step], last: Served) -> Served:
    undecided = serve_constant(UNDECIDED)
    reached = [step for step in steps if step.when.constant not in ((False,), (None,))]
    decides = [(step.when.condition, step.serve(undecided).decide) for step in reached]
    decide_last = last.decide

    def decide(user: str | None, context: Context, state: State) -> Any:
        for holds, decide_step in decides:
            if holds(user, context, state):
                answer = decide_step(user, context, state)
                if answer is not UNDECIDED:
                    return answer
        return decide_last(user, context, state)

    return Served(decide)


def _serve_rule(rule: Rule, rest: Served) -> Served:
    """What ``rule`` serves to whom its condition admits; ``rest`` where it goes to the next rule."""
    otherwise = _replace_nothing(rule.otherwise, rest, rest)
    served = _replace_nothing(rule.served, otherwise, rest)
    *outer, last = rule.gates or [TRUE]
    gated = _choose(last, served, otherwise)
    fused = fuse_halves(rule.gates[-1:], served, otherwise, gated.decide)
    gated = Served(fused) if fused else gated
    for gate in reversed(outer):
        gated = _choose(gate, gated, otherwise)
    return gated


def _replace_nothing(served: Served, undecided: Served, following: Served) -> Served:
    """``served``, or ``undecided`` or ``following`` where it is UNDECIDED or NEXT."""
    if served.constant is not None:
        (constant,) = served.constant
        return undecided if constant is UNDECIDED else following if constant is NEXT else served
    decide_served, decide_undecided, decide_next = served.decide, undecided.decide, following.decide

    def decide(user: str | None, context: Context, state: State) -> Any:
        answer = decide_served(user, context, state)
        if answer is UNDECIDED:
            return decide_undecided(user, context, state)
        return decide_next(user, context, state) if answer is NEXT else answer

    return Served(decide, split=served.split)


def _choose(condition: Compiled, served: Served, otherwise: Served) -> Served:
    if condition.constant is not None:
        return served if condition.constant == (True,) else otherwise
    holds, decide_served, decide_otherwise = condition.condition, served.decide, otherwise.decide
    if otherwise.constant is not None:
        (constant,) = otherwise.constant

        def decide_or_constant(user: str | None, context: Context, state: State) -> Any:
            return decide_served(user, context, state) if holds(user, context, state) else constant

        return Served(decide_or_constant)

    def decide(user: str | None, context: Context, state: State) -> Any:
        if holds(user, context, state):
            return decide_served(user, context, state)
        return decide_otherwise(user, context, state)

    return Served(decide)
