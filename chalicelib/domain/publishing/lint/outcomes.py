"""What a written condition may be, and whether a rule may leave a user to the next one.

All of it may say too much, never too little: a condition that it calls false is false for everybody.
"""

from collections.abc import Iterable

from chalicelib.domain.definitions.rules.clock import translate_clock
from chalicelib.domain.definitions.rules.shards import translate_share, translate_traffic
from chalicelib.domain.publishing.lint.contradictions import has_contradiction
from chalicelib.domain.publishing.lint.shard_places import find_gaps, read_split
from chalicelib.domain.publishing.lint.written_rules import (
    Condition,
    Json,
    Place,
    Rule,
    Serve,
    is_shared_gate,
)

Outcomes = frozenset[bool | None]
"""None is unknown."""
_ALL: Outcomes = frozenset({True, False, None})
_DECIDED, _NOTHING, _NEXT = "decided", "nothing", "next"


def find_outcomes(condition: Condition, place: Place) -> Outcomes:
    written = condition.written
    if isinstance(written, bool):
        return frozenset({written})
    if isinstance(written, str):  # "error" ends the evaluation
        return frozenset({None}) if written == "unknown" else frozenset()
    if condition.parts is not None:
        outcomes = _join((find_outcomes(part, place) for part in condition.parts), False)
        is_impossible = True in outcomes and has_contradiction(condition.list_conjuncts())
        return (outcomes - {True}) | {False} if is_impossible else outcomes
    if condition.is_test:
        return _find_test_outcomes(condition)
    if "any" in written:
        return _join((find_outcomes(part, place) for part in condition.inner), True)
    if "not" in written:
        (inner,) = condition.inner
        return frozenset(None if each is None else not each for each in find_outcomes(inner, place))
    if "share" in written:
        return _find_share_outcomes(translate_share(written, "", place.scope))
    return frozenset({False}) if _is_empty_clock(written) else _ALL


def takes_everybody(rule: Rule) -> bool:
    """Whether it decides for every user."""
    return _find_rule_results(rule) == {_DECIDED}


def _join(parts: Iterable[Outcomes], decisive: bool) -> Outcomes:
    """Of ``all`` (``decisive`` is False) and of ``any`` (True)."""
    known = list(parts)
    if frozenset({decisive}) in known:
        return frozenset({decisive})
    joined, other = frozenset[bool | None]().union(*known), not decisive
    return joined if all(other in part for part in known) else joined - {other}


def _find_test_outcomes(test: Condition) -> Outcomes:
    if not has_contradiction([test]):
        return _ALL
    is_unknown = "unknown" in (test.written.get("missing"), test.written.get("unreadable"))
    return frozenset({False, None} if is_unknown else {False})


def _find_share_outcomes(form: Json) -> Outcomes:
    """0 % counts as a share that somebody may be in: it is a rollout that has not begun."""
    return frozenset({True}) if form is True else _ALL


def _is_empty_clock(written: Json) -> bool:
    clock = written.get("clock", {})
    if not {"after", "before"} <= clock.keys():
        return False
    after, before = (translate_clock({name: clock[name]}, "")["value"] for name in ("after", "before"))
    return bool(after >= before)


def _find_gate_outcomes(gate: Condition, place: Place) -> Outcomes:
    if not is_shared_gate(gate):
        return find_outcomes(gate, place)
    if "traffic" in gate.written:
        return _find_share_outcomes(translate_traffic(gate.written, "", place.scope))
    return _ALL


def _find_rule_results(rule: Rule) -> set[str]:
    """_DECIDED and _NEXT, as far as they are possible."""
    if "serve" not in rule.fields or find_outcomes(rule.when, rule.place) != {True}:
        return {_DECIDED, _NEXT}
    results = _find_serve_results(Serve("", rule.fields["serve"], rule, False))
    if any(_find_gate_outcomes(gate, rule.place) != {True} for gate in rule.gates):
        results.add(_NOTHING)
    if _NOTHING in results:
        results |= _find_serve_results(Serve("", rule.fields.get("else", "next"), rule, True)) - {_NOTHING}
        if "else" in rule.fields and _NOTHING in _find_serve_results(
            Serve("", rule.fields["else"], rule, True)
        ):
            results.add(_NEXT)
    return results - {_NOTHING}


def _find_serve_results(serve: Serve) -> set[str]:
    written = serve.written
    if written == "next":
        return {_NEXT}
    if isinstance(written, dict) and "rules" in written:
        is_complete = any(map(takes_everybody, serve.rules))
        return {_DECIDED} if is_complete else {_DECIDED, _NOTHING}
    if isinstance(written, dict) and "experiment" in written:
        return {_DECIDED, _NOTHING}
    split = read_split(serve)
    if split is None:
        return {_DECIDED}
    results = {_DECIDED} if not serve.arms else set[str]().union(*map(_find_serve_results, serve.arms))
    if split.shard.get("missing", "out") in ("out", "unknown") or find_gaps(split):
        results.add(_NOTHING)
    return results
