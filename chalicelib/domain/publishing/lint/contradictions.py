"""Warnings about tests that no value meets, alone or together, such as ``gt: 5`` and ``lt: 3``.

The engine decides, over the values that the tests list, and over their bounds. A list meets ``eq: a`` and
``eq: b``, so that is no contradiction; but what is compared in order is taken for a single value.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from chalicelib.domain.definitions.rules.attribute_tests import translate_test
from chalicelib.domain.errors import Problem
from chalicelib.domain.general_form.conditions import compile_condition
from chalicelib.domain.general_form.state import State
from chalicelib.domain.publishing.lint.written_rules import Condition, Json

_LOWER, _UPPER = {"gt", "ge"}, {"lt", "le"}
_ORDERED = _LOWER | _UPPER | {"between"}
_LISTING = {"eq", "in"}
_COMPARED = _ORDERED | _LISTING | {"starts", "exists"}
_NEVER_NEGATED = {"contains", "match", "cidr"}


class Test(NamedTuple):
    """``form`` is of the attribute ``x``. ``operand`` is the right side."""

    condition: Condition
    form: Json
    relation: str
    is_negated: bool
    reader: str | None
    operand: Json

    def holds(self, value: Any) -> bool:
        state = State(0.0, lambda _key: None, lambda _key: None)
        return compile_condition(self.form, "").condition(None, {"x": value}, state) is True


def find_contradictions(conjuncts: Sequence[Condition]) -> Iterator[Problem]:
    """At most one for each attribute, at the first test that leaves no value."""
    by_subject: dict[str, list[Test]] = {}
    for conjunct in conjuncts:
        test = _read_test(conjunct)
        if test is not None:
            by_subject.setdefault(name_subject(conjunct), []).append(test)
    for tests in by_subject.values():
        for count in range(1, len(tests) + 1):
            if _is_contradiction(tests[:count]):
                yield Problem(tests[count - 1].condition.path, _describe(tests[:count]))
                break


def name_subject(test: Condition) -> str:
    """The attribute, or the field of an element, as people write it; equal for the same one."""
    subject = test.written["if"] if "if" in test.written else test.written["item"]
    if isinstance(subject, dict):
        return json.dumps(subject, ensure_ascii=False, sort_keys=True)
    name = ".".join(subject) if isinstance(subject, list) else subject
    return name if "if" in test.written else f"{name or 'the element'} of {test.elements.lstrip('/')}"


def has_contradiction(conjuncts: Sequence[Condition]) -> bool:
    return any(True for _ in find_contradictions(conjuncts))


def _read_test(condition: Condition) -> Test | None:
    """None for a test that also holds for values which nobody can list."""
    if not condition.is_attribute_test:
        return None
    written = condition.written
    if written.get("missing") not in (None, False, "unknown") or written.get("unreadable") is True:
        return None
    form = translate_test(written, "")
    is_negated = "not" in form
    inner = form["not"] if is_negated else form
    relation, reader = inner["test"], inner["of"].get("as")
    operand = inner["with"] if "with" in inner else {"const": inner.get("value")}
    if not ({"now", "const"} & operand.keys()):
        return None
    if relation not in (_COMPARED | _NEVER_NEGATED if is_negated else _COMPARED):
        return None
    of_x = inner | {"of": {"attr": "x"} | ({"as": reader} if reader else {})}
    if "const" in operand and reader:
        operand = {**operand, "as": reader}
    return Test(condition, {"not": of_x} if is_negated else of_x, relation, is_negated, reader, operand)


def _describe(tests: Sequence[Test]) -> str:
    *before, last = tests
    name, value = name_subject(last.condition), last.operand.get("const")
    if before:
        return f"no value of {name} meets this test and those before it: remove one, or use any"
    if value is None:
        return "never holds, since null counts as missing: write exists: false, or add missing: pass"
    return f"never holds: no value of {name} meets it"


def _is_contradiction(tests: Sequence[Test]) -> bool:
    absent = [test for test in tests if test.relation == "exists" and test.is_negated]
    if absent and len(absent) < len(tests):
        return True
    compared = [test for test in tests if test.relation != "exists"]
    listing = next((test for test in compared if test.relation in _LISTING and not test.is_negated), None)
    if listing is None or not listing.operand.keys() & {"const"}:
        return _is_empty_range([test for test in compared if test.relation in _ORDERED])
    readers = {listing.reader} if listing.reader else {test.reader for test in compared}
    return not _can_meet([test for test in compared if test.reader in readers], listing)


def _can_meet(tests: Sequence[Test], listing: Test) -> bool:
    """Whether a value of ``listing`` meets all tests, or a list does."""
    if any(all(test.holds(value) for test in tests) for value in _list_values(listing)):
        return True
    if any(test.relation in _ORDERED for test in tests):
        return False
    candidates = [value for test in tests if not test.is_negated for value in _list_values(test)]
    negated = [test for test in tests if test.is_negated]
    elements = [value for value in candidates if all(test.holds([value]) for test in negated)]
    return all(test.holds(elements) for test in tests)


def _list_values(test: Test) -> list[Json]:
    value = test.operand.get("const")
    return value if test.relation == "in" and isinstance(value, list) else [value]


def _is_empty_range(tests: Sequence[Test]) -> bool:
    """Whether a lower bound is above an upper one, as their reader orders them."""
    lower = [bound for test in tests for bound in _list_bounds(test, _LOWER, 0)]
    upper = [bound for test in tests for bound in _list_bounds(test, _UPPER, 1)]
    return any(_is_above(low, high) for low in lower for high in upper)


class _Bound(NamedTuple):
    operand: Json
    reader: str | None
    is_strict: bool


def _list_bounds(test: Test, relations: set[str], side: int) -> Iterator[_Bound]:
    if test.relation in relations:
        yield _Bound(test.operand, test.reader, test.relation in ("gt", "lt"))
    elif test.relation == "between" and "const" in test.operand:
        yield _Bound(test.operand | {"const": test.operand["const"][side]}, test.reader, False)


def _is_above(low: _Bound, high: _Bound) -> bool:
    """Not if only one of them moves with the clock, or they are read differently."""
    if low.reader != high.reader or ("now" in low.operand) != ("now" in high.operand):
        return False
    return _compares("gt", low, high) or ((low.is_strict or high.is_strict) and _compares("eq", low, high))


def _compares(relation: str, low: _Bound, high: _Bound) -> bool:
    condition = {"test": relation, "of": low.operand, "with": high.operand}
    state = State(0.0, lambda _key: None, lambda _key: None)
    return compile_condition(condition, "").condition(None, {}, state) is True
