"""What the rules of definitions ask of a context: conditions of the general form, with what they refer to."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import takewhile
from typing import Any, NamedTuple, TypeAlias

from chalicelib.domain.definitions import schema
from chalicelib.domain.definitions.compiler import compile_flag, compile_segment
from chalicelib.domain.definitions.experiment_form import translate_assignment
from chalicelib.domain.definitions.flag_form import translate_flag
from chalicelib.domain.definitions.model import Flag
from chalicelib.domain.definitions.segment_form import translate_segment
from chalicelib.domain.general_form.conditions import compile_condition
from chalicelib.domain.general_form.state import Condition, State, Stop
from chalicelib.domain.publishing.impact.paths import Path, find_test_path, list_paths
from chalicelib.domain.targeting import parse

Json = Any
Name: TypeAlias = tuple[str, str]
"""Kind and key."""
_EXCLUDING = ("prerequisite ", "gate ")
"""How the ids of rules begin that stop users before the definition's own rules."""
_NOT_TARGETED = "not targeted"
"""The id of the last rule of a short form: whom no rule targets."""
MAX_FLAGS = 4
"""Flags whose conditions are followed from one to the next; further ones are taken to answer as wanted."""
_ANYTHING = object()


class Conditions(NamedTuple):
    """Of one version of a definition: what leads a context to each of its rules, and what keeps it out.

    ``rules`` is empty if everybody is meant.
    """

    rules: list[Json]
    exclusions: list[Json]


class _Answer(NamedTuple):
    """Of a flag, as conditions on it read it."""

    id: str
    variant: Any
    value: Any
    enabled: bool

    def decide(self, _user: object, _context: object, _state: object) -> "_Answer":
        return self


class Forms:
    """Of one set of definitions. ``now`` is epoch seconds."""

    def __init__(self, documents: Mapping[Any, schema.Definition], now: float) -> None:
        self._documents: dict[Name, schema.Definition] = dict(documents)
        self._now = now
        self._forms: dict[Name, Json] = {}
        self._expanded: dict[str, Json] = {}

    def list_conditions(self, name: Name) -> Conditions:
        """With the conditions of segments in place of their names."""
        form = self._get_form(name, is_enabled=True)
        rules = form["rules"]
        excluding = list(takewhile(lambda rule: rule.get("id", "").startswith(_EXCLUDING), rules))
        required: Json = True
        for rule in excluding:
            required = self._require_miss(required, self._expand_segments(rule["when"]))
        ways = self._walk(rules[len(excluding) :], required, {name})
        own = [way for way in ways if way is not required and self.reads(way)]
        stops = [self._expand_segments(rule["when"]) for rule in excluding]
        stops = [stop for stop in stops if self.reads(stop)]
        return Conditions(own or ([required] if self.reads(required) else stops), stops)

    def list_units(self, name: Name) -> set[Path]:
        """The attributes that users are divided by, also in what the definition refers to."""
        names, units = [name], set[Path]()
        for item in names:  # grows while it is read
            form = self._get_form(item)
            for part in _walk_json([form["rules"], form.get("default")]):
                if "scheme" in part:
                    units |= {*list_paths(part.get("unit", "user"))}
                names += [found for found in _list_references(part) if found not in names]
        return units

    def expand_flags(self, condition: Json, active: frozenset[str] = frozenset()) -> Json:
        """With what makes a flag answer so in place of tests on it. It is about right: the rules before a
        rule are left out.
        """
        if not isinstance(condition, dict):
            return condition
        if "test" in condition:
            of: Json = condition.get("of")
            is_of_flag = isinstance(of, dict) and "flag" in of
            return self._expand_flag(condition, of["flag"], active) if is_of_flag else condition
        return _map_parts(condition, lambda part: self.expand_flags(part, active))

    def reads(self, condition: Json) -> bool:
        """Whether a context may change the condition."""
        return any(
            find_test_path(part) for part in _walk_json(self.expand_flags(condition)) if _is_test(part)
        )

    @cache  # noqa: B019 - it lives as long as one measurement
    def find_flag(self, key: str) -> Flag | None:
        document = self._documents.get(("flag", key))
        return compile_flag(document) if isinstance(document, schema.FlagDocument) else None

    @cache  # noqa: B019 - the same
    def find_segment(self, key: str) -> Condition | None:
        document = self._documents.get(("segment", key))
        return compile_segment(document).condition if isinstance(document, schema.SegmentDocument) else None

    def _get_form(self, name: Name, *, is_enabled: bool = False) -> Json:
        """``is_enabled``: as if the flag was. Users of overrides are no rule."""
        document = self._documents.get(name)
        if is_enabled and isinstance(document, schema.FlagDocument):
            document = document.model_copy(update={"enabled": True, "end_at": None})
        elif name in self._forms:
            return self._forms[name]
        form = _translate(document)
        if not is_enabled:
            self._forms[name] = form
        return form

    def _walk(self, rules: list[Json], outer: Json, active: set[Name]) -> Iterator[Json]:
        """For each way into a rule, what a context must satisfy. Rules that stop everybody of whom nothing
        is known must be missed by those who are to reach the next ones.
        """
        for rule in rules:
            if rule.get("id") == _NOT_TARGETED and "when" not in rule:
                return
            when = self._expand_segments(rule.get("when", True))
            for way in _split_any(when):
                own = _join(outer, way)
                yield own
                for gate in rule.get("gates", ()):
                    expanded = self._expand_segments(gate)
                    if self.reads(expanded):
                        yield _join(own, expanded)
            for served in (rule["serve"], rule.get("else")):
                yield from self._walk_served(served, _join(outer, when), active)
            outer = self._require_miss(outer, when)

    def _walk_served(self, served: Json, outer: Json, active: set[Name]) -> Iterator[Json]:
        if not isinstance(served, dict):
            return
        if "rules" in served:
            yield from self._walk(served["rules"], outer, active)
        for arm in served.get("arms", ()):
            yield from self._walk_served(arm["serve"], outer, active)
        for kind, field in (("flag", "def"), ("experiment", "experiment")):
            name = kind, served.get(field, "")
            if field in served and name not in active:
                yield from self._walk(self._get_form(name)["rules"], outer, {*active, name})

    def _require_miss(self, outer: Json, when: Json) -> Json:
        is_certain = self.reads(when) and self._holds(relax(self.expand_flags(when)))
        return _join(outer, {"not": when}) if is_certain else outer

    def _holds(self, condition: Json, answer: Any = None) -> bool:
        """Of a context that is empty, where each flag has ``answer``."""
        state = State(self._now, lambda _key: answer, lambda _name: None)
        try:
            return bool(compile_condition(condition, "").condition(None, {}, state))
        except Stop:
            return False

    def _expand_segments(self, condition: Json, active: frozenset[str] = frozenset()) -> Json:
        if not isinstance(condition, dict) or "test" in condition:
            return condition
        if "segment" in condition:
            key = condition["segment"]
            document = self._documents.get(("segment", key))
            if key in active or not isinstance(document, schema.SegmentDocument):
                return False
            return self._expand_segments(translate_segment(document), active | {key})
        return _map_parts(condition, lambda part: self._expand_segments(part, active))

    def _expand_flag(self, test: Json, key: str, active: frozenset[str]) -> Json:
        text = json.dumps([test, sorted(active)])
        if text not in self._expanded:
            self._expanded[text] = self._list_flag_ways(test, key, active)
        return self._expanded[text]

    def _list_flag_ways(self, test: Json, key: str, active: frozenset[str]) -> Json:
        form = self._get_form(("flag", key))
        if key in active or len(active) == MAX_FLAGS or not form["rules"]:
            return len(active) == MAX_FLAGS
        ways, passed = list[Json](), list[Json]()
        for rule in [*form["rules"], {"serve": form.get("default", "none")}]:
            when = self.expand_flags(self._expand_segments(rule.get("when", True)), active | {key})
            reads = any(map(_is_test, _walk_json(when)))
            served = [*_list_answers(rule["serve"], form), *_list_answers(rule.get("else"), form)]
            if any(answer is _ANYTHING or self._holds(test, answer) for answer in served):
                ways.append(when if reads else {"all": [when, *({"not": other} for other in passed)]})
            elif reads:
                passed.append(when)
            if when is True and "gates" not in rule:
                break
        return {"any": ways}


def relax(condition: Json, outcome: bool = True) -> Json:
    """The condition for the user who is divided so that it is most likely to have this outcome."""
    if not isinstance(condition, dict) or "test" in condition:
        return condition
    if "shard" in condition:
        return outcome
    if "not" in condition:
        return {"not": relax(condition["not"], not outcome)}
    return _map_parts(condition, lambda part: relax(part, outcome))


def _translate(document: schema.Definition | None) -> Json:
    if document is None:
        return {"rules": []}
    if isinstance(document, schema.SegmentDocument):
        return {"rules": [{"when": translate_segment(document), "serve": "next"}]}
    rules = None if document.targeting_rules is None else parse(document.targeting_rules)
    if isinstance(document, schema.FlagDocument):
        return translate_flag(document.model_copy(update={"overrides": {}}), rules)
    return translate_assignment(document, rules)


def _list_answers(served: Json, form: Json) -> Iterator[Any]:
    """Those that a rule may give; _ANYTHING for another definition's."""
    if served == "default":
        served = form.get("default")
    if not isinstance(served, dict):
        return
    if "variant" in served:
        variant = form["variants"][served["variant"]]
        enabled = served.get("enabled", variant.get("enabled", True))
        key = served["variant"]
        yield _Answer(key, variant.get("name", key), variant.get("value"), enabled)
    for part in (*served.get("arms", ()), *served.get("rules", ())):
        yield from _list_answers(part["serve"], form)
        yield from _list_answers(part.get("else"), form)
    if "def" in served or "experiment" in served:
        yield _ANYTHING


def _list_references(part: Mapping[str, Any]) -> Iterator[Name]:
    for kind, field in (
        ("segment", "segment"),
        ("flag", "flag"),
        ("flag", "def"),
        ("experiment", "experiment"),
    ):
        if isinstance(part.get(field), str):
            yield kind, part[field]


def _walk_json(value: Json) -> Iterator[Mapping[str, Any]]:
    """All objects within."""
    pending = [value]
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            yield part
        if isinstance(part, (dict, list)):
            pending += part.values() if isinstance(part, dict) else part


def _is_test(part: Mapping[str, Any]) -> bool:
    return "some" in part or ("test" in part and ("of" in part or "attribute" in part))


def _map_parts(condition: Mapping[str, Any], change: Any) -> Json:
    """The condition with its inner conditions changed."""
    changed = {
        field: [change(part) for part in condition[field]] for field in ("all", "any") if field in condition
    }
    changed |= {field: change(condition[field]) for field in ("not", "where") if field in condition}
    return {**condition, **changed}


def _split_any(condition: Json) -> Iterator[Json]:
    """Each part of a condition that is enough."""
    if isinstance(condition, dict) and "any" in condition:
        for part in condition["any"]:
            yield from _split_any(part)
    else:
        yield condition


def _join(first: Json, second: Json) -> Json:
    if first is True or second is True:
        return second if first is True else first
    return {"all": [first, second]}
