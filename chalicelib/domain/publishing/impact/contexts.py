"""Contexts made from conditions of the general form: some satisfy a condition, and some just miss it."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice, product, zip_longest
from typing import Any, NamedTuple

from chalicelib.domain.general_form.conditions import compile_condition
from chalicelib.domain.general_form.problems import InvalidForm
from chalicelib.domain.general_form.state import Condition, State, Stop
from chalicelib.domain.publishing.impact.native_values import list_test_values
from chalicelib.domain.publishing.impact.paths import (
    USER,
    Path,
    find_path,
    find_test_path,
    has_value,
    set_value,
)

Context = dict[str, Any]
Json = Any
MAX_WAYS = 16
"""Of one condition: combinations of tests, each of which satisfies it."""
MAX_MISSES = 4
"""Of one condition, besides those with one value that does not fit."""
MAX_VARIATIONS = 20
"""Values of one attribute that satisfy a condition together with one value of each of the others."""
MAX_ELEMENTS = 8
"""Of a list, tried one by one, for each test of its elements."""
_ABSENT = object()
_END = object()
_ELEMENT: Path = ("element",)


class _Literal(NamedTuple):
    """A test that has to hold, or has not to, of the value at ``path``."""

    test: Json
    path: Path
    is_wanted: bool


def make_contexts(
    versions: Sequence[Sequence[Json]], units: Collection[Path], now: float
) -> Iterator[Context]:
    """Of one or two ``versions`` of conditions: first one context for each, changed conditions first.

    ``units`` are attributes that each user has a value of. Conditions refer to no segment and to no flag.
    """
    return _ContextMaker(versions, frozenset(units), now).make(versions)


class _ContextMaker:
    def __init__(self, versions: Sequence[Sequence[Json]], units: frozenset[Path], now: float) -> None:
        self._units = units
        self._now = now
        self._compiled: dict[str, Condition] = {}
        self._values = self._list_values(versions)

    def make(self, versions: Sequence[Sequence[Json]]) -> Iterator[Context]:
        by_condition = []
        for condition in put_changed_first(versions):
            hits = islice(self._list_ways(condition, True), MAX_WAYS)
            misses = islice(self._list_ways(condition, False), MAX_WAYS)
            near = islice(self._vary(misses), MAX_MISSES)
            by_condition.append(chain(self._vary(hits), near))
        seen = set()
        for context in chain.from_iterable(zip_longest(*by_condition, fillvalue=_END)):
            if isinstance(context, dict) and (text := json.dumps(context, sort_keys=True)) not in seen:
                seen.add(text)
                yield context

    def _list_values(self, versions: Sequence[Sequence[Json]]) -> dict[Path, list[Any]]:
        """By attribute, values to try; first those that only one version has."""
        by_version: list[dict[Path, dict[str, Any]]] = []
        for conditions in versions:
            values: dict[Path, dict[str, Any]] = {}
            for test in _list_tests(conditions):
                for literal in self._list_literals(test, True):
                    by_text = values.setdefault(literal.path, {})
                    by_text |= {json.dumps(value): value for value in self._list_candidates(literal.test)}
            by_version.append(values)
        result = {}
        for path in dict.fromkeys(chain.from_iterable(by_version)):
            versions_of = [values.get(path, {}) for values in by_version]
            merged = {text: value for by_text in versions_of for text, value in by_text.items()}
            is_shared = {text: all(text in by_text for by_text in versions_of) for text in merged}
            result[path] = [merged[text] for text in sorted(merged, key=lambda text: is_shared[text])]
        return result

    def _list_candidates(self, test: Json) -> Iterator[Any]:
        if "some" not in test:
            yield from list_test_values(test, self._now)
            return
        conditions = [_read_elements(test["where"])]
        elements = [
            context[_ELEMENT[0]]
            for context in islice(make_contexts([conditions], (), self._now), MAX_ELEMENTS)
            if has_value(context, _ELEMENT)
        ]
        yield from ([element] for element in elements)
        yield []

    def _list_ways(self, condition: Json, is_wanted: bool) -> Iterator[tuple[_Literal, ...]]:
        """Each is a set of literals that together make the condition true (false unless ``is_wanted``).

        A shard holds for some users and not for others, in any context.
        """
        if not isinstance(condition, dict):
            if condition is is_wanted:
                yield ()
        elif "shard" in condition:
            yield ()
        elif "not" in condition:
            yield from self._list_ways(condition["not"], not is_wanted)
        elif "all" in condition or "any" in condition:
            parts = condition["any"] if "any" in condition else condition["all"]
            if ("any" in condition) == is_wanted:  # one part is enough
                for part in parts:
                    yield from self._list_ways(part, is_wanted)
            else:
                by_part = (list(islice(self._list_ways(part, is_wanted), MAX_WAYS)) for part in parts)
                for ways in product(*by_part):
                    yield tuple(chain.from_iterable(ways))
        else:
            yield from self._list_test_ways(condition, is_wanted)

    def _list_test_ways(self, test: Json, is_wanted: bool) -> Iterator[tuple[_Literal, ...]]:
        literals = tuple(self._list_literals(test, is_wanted))
        if (
            literals or self._holds(self._compile(test), {}) is is_wanted
        ):  # without literals it is the clock's
            yield literals

    def _list_literals(self, test: Json, is_wanted: bool) -> Iterator[_Literal]:
        """Of a comparison with another attribute: the test with a fixed value, and that value."""
        path, other = find_test_path(test), find_path(test.get("with"))
        if path is None:
            return
        if other is None or other == path:
            yield _Literal(test, path, is_wanted)
            return
        value = _choose_value(test)
        fixed = {field: part for field, part in test.items() if field != "with"}
        yield _Literal(fixed | {"value": value}, path, is_wanted)
        yield _Literal({"test": "eq", "of": {"attr": [*other]}, "value": value}, other, True)

    def _find_allowed(self, literal: _Literal, values: Iterable[Any]) -> Iterator[bool]:
        """For each value, whether it makes the literal true."""
        condition = self._compile(literal.test)
        for value in values:
            context = {} if value is _ABSENT else set_value({}, literal.path, value)
            yield self._holds(condition, context) is literal.is_wanted

    def _compile(self, test: Json) -> Condition:
        text = json.dumps(test)
        if text not in self._compiled:
            self._compiled[text] = _compile(test)
        return self._compiled[text]

    def _holds(self, condition: Condition, context: Context) -> bool | None:
        user = context.get(USER[0])
        state = State(self._now, lambda _key: None, lambda _name: None)
        try:
            return condition(user if isinstance(user, str) else None, context, state)
        except Stop:
            return None

    def _vary(self, ways: Iterable[tuple[_Literal, ...]]) -> Iterator[Context]:
        for way in ways:
            by_path: dict[Path, list[_Literal]] = {}
            for literal in way:
                by_path.setdefault(literal.path, []).append(literal)
            hits, misses = {}, {}
            for path, literals in by_path.items():
                fits = {True: list[Any](), False: list[Any]()}
                candidates = (*self._list_path_values(path, literals), _ABSENT)
                outcomes = (self._find_allowed(literal, candidates) for literal in literals)
                for value, *allowed in zip(candidates, *outcomes, strict=True):
                    fits[all(allowed)].append(value)
                hits[path], misses[path] = fits[True], fits[False]
            open_units = {path for path, fitting in hits.items() if not fitting and path in self._units}
            if not all(hits[path] for path in hits.keys() - open_units):
                continue
            base = {path: fitting[0] for path, fitting in hits.items() if fitting}
            yield _build_context(base)
            for path in base:
                for value in (*hits[path][1:MAX_VARIATIONS], *misses[path][:2], *misses[path][-1:]):
                    yield _build_context(base | {path: value})

    def _list_path_values(self, path: Path, literals: Sequence[_Literal]) -> list[Any]:
        """Lists that several tests are about may need an element for each."""
        values = self._values.get(path, [])
        lists = [value for value in values if isinstance(value, list) and len(value) == 1]
        is_of_elements = sum("some" in literal.test for literal in literals) > 1
        return [*values, list(chain.from_iterable(lists))] if is_of_elements else values


def _compile(test: Json) -> Condition:
    try:
        return compile_condition(test, "").condition
    except InvalidForm:  # a value that was chosen for another attribute does not suit
        return lambda _user, _context, _state: None


def put_changed_first(versions: Sequence[Sequence[Json]]) -> list[Json]:
    """All conditions, each once; first those that only one version has, in turns of the versions."""
    texts = [{json.dumps(condition): condition for condition in conditions} for conditions in versions]
    merged: dict[str, tuple[bool, int, Json]] = {}
    for by_text in texts:
        for position, (text, condition) in enumerate(by_text.items()):
            merged.setdefault(text, (all(text in other for other in texts), position, condition))
    return [condition for *_, condition in sorted(merged.values(), key=lambda item: item[:2])]


def _list_tests(conditions: Iterable[Json]) -> Iterator[Mapping[str, Any]]:
    """Parts that conditions share are listed once."""
    pending, seen = [*reversed([*conditions])], set[int]()
    while pending:
        condition = pending.pop()
        if not isinstance(condition, dict) or "shard" in condition or id(condition) in seen:
            continue
        seen.add(id(condition))
        if "test" in condition or "some" in condition:
            yield condition
        else:
            inner = [condition["not"]] if "not" in condition else ()
            pending += reversed((*condition.get("all", ()), *condition.get("any", ()), *inner))


def _read_elements(condition: Json) -> Json:
    """A condition of an element as one of a context that has the element as an attribute."""
    if isinstance(condition, list):
        return [_read_elements(part) for part in condition]
    if not isinstance(condition, dict):
        return condition
    if "item" in condition:
        others = {field: part for field, part in condition.items() if field != "item"}
        return others | {"attr": [*_ELEMENT, *condition["item"]]}
    kept = {"value", "where"} if "some" in condition else {"value"}
    return {field: part if field in kept else _read_elements(part) for field, part in condition.items()}


def _choose_value(test: Json) -> Any:
    """That another attribute may have."""
    reader = test["of"].get("as") if isinstance(test["of"], dict) else None
    by_reader: Mapping[str, Any] = {
        "number": 10,
        "integer": 10,
        "instant": "2026-01-01T00:00:00Z",
        "semver": "1.2.3",
    }
    value = by_reader.get(reader or "", "x")
    return [value] if test["test"] in ("in", "meets", "superset", "subset") else value


def _build_context(values: Mapping[Path, Any]) -> Context:
    """Objects first, then what is within them."""
    context: Context = {}
    for path in sorted(values, key=len):
        if values[path] is not _ABSENT:
            context = set_value(context, path, values[path])
    return context
