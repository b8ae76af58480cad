"""Contexts made from the conditions of targeting rules: some satisfy a rule, and some just miss it."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, product, zip_longest
from typing import Any

from chalicelib.domain.definitions.targeting_rules import build_check
from chalicelib.domain.targeting import RulesDocument
from chalicelib.domain.targeting.document import Condition, Group
from realtime.definition_files.operand_values import list_values

Context = dict[str, Any]
MAX_WAYS = 16
"""Of one rule: combinations of conditions, each of which satisfies it."""
MAX_MISSES = 4
"""Of one rule, besides those with one value that does not fit."""
MAX_VARIATIONS = 20
"""Values of one attribute that satisfy a rule together with one value of each of the others."""
_ABSENT = object()
_END = object()


@dataclass(frozen=True, slots=True)
class _Literal:
    """A condition that has to hold, or has not to."""

    condition: Condition
    is_wanted: bool
    is_v2: bool

    def find_allowed(self, values: Iterable[Any], now: float) -> Iterator[bool]:
        """For each value, whether it makes this literal true."""
        attribute, matches = self.condition.attribute, build_check(self.condition, self.is_v2)
        for value in values:
            context = {} if value is _ABSENT else {attribute: value}
            yield matches(context, now) is self.is_wanted


def make_contexts(versions: Sequence[RulesDocument], units: Iterable[str], now: float) -> Iterator[Context]:
    """Of one or two ``versions`` of the rules: first one context for each rule, changed rules first.

    ``units`` are attributes that each user has a value of.
    """
    units = frozenset(units)
    values = _list_values(versions)
    by_rule = []
    for group, is_v2 in _list_groups(versions):
        hits = islice(_list_ways(group, True, is_v2), MAX_WAYS)
        misses = islice(_list_ways(group, False, is_v2), MAX_WAYS)
        near = islice(_vary_rule(misses, values, units, now), MAX_MISSES)
        by_rule.append(chain(_vary_rule(hits, values, units, now), near))
    seen = set()
    for context in chain.from_iterable(zip_longest(*by_rule, fillvalue=_END)):
        if isinstance(context, dict) and (text := json.dumps(context, sort_keys=True)) not in seen:
            seen.add(text)
            yield context


def _list_groups(versions: Sequence[RulesDocument]) -> list[tuple[Group, bool]]:
    """Those of changed rules first."""
    texts = [
        {_describe(rule.group): (rule.group, document.is_v2) for rule in document.in_order()}
        for document in versions
    ]
    all_groups = {text: group for groups in texts for text, group in groups.items()}
    is_shared = {text: all(text in groups for groups in texts) for text in all_groups}
    return [all_groups[text] for text in sorted(all_groups, key=lambda text: is_shared[text])]


def _describe(group: Group) -> str:
    conditions = [
        [part.attribute, part.operator, part.value, part.additional_value] for part in group.conditions
    ]
    return json.dumps([group.operator, conditions, [_describe(inner) for inner in group.groups]])


def _list_conditions(group: Group) -> Iterator[Condition]:
    yield from group.conditions
    for inner in group.groups:
        yield from _list_conditions(inner)


def _list_values(versions: Sequence[RulesDocument]) -> dict[str, list[Any]]:
    """By attribute, values to try; first those that only one version has."""
    by_version: list[dict[str, dict[str, Any]]] = []
    for document in versions:
        values: dict[str, dict[str, Any]] = {}
        for group, _ in _list_groups([document]):
            for condition in _list_conditions(group):
                by_text = values.setdefault(condition.attribute, {})
                by_text |= {json.dumps(value): value for value in list_values(condition)}
        by_version.append(values)
    result = {}
    for attribute in dict.fromkeys(chain.from_iterable(by_version)):
        versions_of = [values.get(attribute, {}) for values in by_version]
        merged = {text: value for by_text in versions_of for text, value in by_text.items()}
        is_shared = {text: all(text in by_text for by_text in versions_of) for text in merged}
        result[attribute] = [merged[text] for text in sorted(merged, key=lambda text: is_shared[text])]
    return result


def _list_ways(group: Group, is_wanted: bool, is_v2: bool) -> Iterator[tuple[_Literal, ...]]:
    """Each is a set of literals that together make the group true (false unless ``is_wanted``)."""
    if not group.conditions and not group.groups:
        if is_wanted:
            yield ()
        return
    is_any, wants_parts = group.operator == "or", is_wanted
    if group.operator == "not":  # 1.0: not all of them; 2.0: none of them
        is_any, wants_parts = is_v2, not is_wanted
    parts: list[Callable[[], Iterator[tuple[_Literal, ...]]]] = [
        lambda condition=condition: iter(((_Literal(condition, wants_parts, is_v2),),))  # type: ignore[misc]
        for condition in group.conditions
    ]
    parts += [lambda inner=inner: _list_ways(inner, wants_parts, is_v2) for inner in group.groups]  # type: ignore[misc]
    if is_any == wants_parts:  # one part is enough
        for part in parts:
            yield from part()
    else:
        for ways in product(*(list(islice(part(), MAX_WAYS)) for part in parts)):
            yield tuple(chain.from_iterable(ways))


def _vary_rule(
    ways: Iterable[tuple[_Literal, ...]], values: Mapping[str, list[Any]], units: frozenset[str], now: float
) -> Iterator[Context]:
    for way in ways:
        by_attribute: dict[str, list[_Literal]] = {}
        for literal in way:
            by_attribute.setdefault(literal.condition.attribute, []).append(literal)
        hits, misses = {}, {}
        for attribute, literals in by_attribute.items():
            fits = {True: list[Any](), False: list[Any]()}
            candidates = (*values.get(attribute, ()), _ABSENT)
            for value, *allowed in zip(
                candidates, *(literal.find_allowed(candidates, now) for literal in literals), strict=True
            ):
                fits[all(allowed)].append(value)
            hits[attribute], misses[attribute] = fits[True], fits[False]
        open_units = {attribute for attribute, fitting in hits.items() if not fitting and attribute in units}
        if not all(hits[attribute] for attribute in hits.keys() - open_units):
            continue
        base = {attribute: fitting[0] for attribute, fitting in hits.items() if fitting}
        yield _drop_absent(base)
        for attribute in base:
            for value in (
                *hits[attribute][1:MAX_VARIATIONS],
                *misses[attribute][:2],
                *misses[attribute][-1:],
            ):
                yield _drop_absent(base | {attribute: value})


def _drop_absent(context: Context) -> Context:
    return {attribute: value for attribute, value in context.items() if value is not _ABSENT}
