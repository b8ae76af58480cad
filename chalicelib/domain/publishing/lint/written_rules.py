"""The parts of written rules (docs/rules.md), each with its path in the document. The document is valid."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from chalicelib.domain.bucketing import make_prefix
from chalicelib.domain.definitions.experiment_form import make_scope
from chalicelib.domain.definitions.rules.syntax import References, Scope
from chalicelib.domain.definitions.rules.units import read_unit
from chalicelib.domain.definitions.schema import Definition, ExperimentDocument, FlagDocument

Json = Any
Fields = Mapping[str, Any]


class Place(NamedTuple):
    """What shards divide by here. ``unit_path`` is where that is written, "" if it is nowhere.

    ``is_written``: so is what a missing unit means. ``split_variants``: how many variants have a weight.
    """

    scope: Scope
    unit_path: str
    is_written: bool
    split_variants: int = 0

    @property
    def is_settled(self) -> bool:
        """Whether it is written what a missing unit means, or the user is one."""
        unit = self.scope.unit
        return self.is_written or unit == "user" or "user" in unit.get("first", ())

    def read_unit(self, fields: Fields, path: str) -> "Place":
        """The place of a rule or a shard with ``fields``."""
        place = self
        if "unit" in fields:
            unit, missing = read_unit(fields["unit"], "")
            scope = replace(self.scope, unit=unit, missing=self.scope.missing if missing is None else missing)
            is_written = self.is_written or missing is not None
            place = Place(scope, f"{path}unit", is_written, self.split_variants)
        return place._replace(is_written=True) if "missing" in fields else place


class Condition(NamedTuple):
    """``negations`` are the ``not`` around it; ``elements`` the attribute of the ``some`` around it."""

    path: str
    written: Json
    negations: int = 0
    elements: str = ""

    @property
    def is_test(self) -> bool:
        return isinstance(self.written, dict) and not _SUBJECTS.isdisjoint(self.written)

    @property
    def is_attribute_test(self) -> bool:
        """Of an attribute as it is, not of a value that an object in ``if`` makes."""
        return self.is_test and not isinstance(self.written.get("if"), dict)

    @property
    def parts(self) -> list["Condition"] | None:
        """All of which must hold; None if it is no ``all``."""
        if isinstance(self.written, list):
            return self._list(self.written, self.path)
        if self._is_kind("all"):
            return self._list(self.written["all"], f"{self.path}.all")
        return None

    @property
    def inner(self) -> list["Condition"]:
        """The conditions right inside of it."""
        if self.parts is not None:
            return self.parts
        if self._is_kind("any"):
            return self._list(self.written["any"], f"{self.path}.any")
        if self._is_kind("not"):
            return [
                self._replace(
                    path=f"{self.path}.not", written=self.written["not"], negations=self.negations + 1
                )
            ]
        if self._is_kind("some"):
            where = self._replace(path=f"{self.path}.where", written=self.written["where"])
            return [where._replace(elements=f"{self.elements}/{self.written['some']}")]
        return []

    def walk(self) -> Iterator["Condition"]:
        yield self
        for part in self.inner:
            yield from part.walk()

    def list_conjuncts(self) -> list["Condition"]:
        """Itself, or the conditions that must hold together and are no ``all``."""
        if self.parts is None:
            return [self]
        return [conjunct for part in self.parts for conjunct in part.list_conjuncts()]

    def _list(self, written: list[Json], path: str) -> list["Condition"]:
        return [self._replace(path=f"{path}[{index}]", written=part) for index, part in enumerate(written)]

    def _is_kind(self, kind: str) -> bool:
        return isinstance(self.written, dict) and kind in self.written and not self.is_test


_SUBJECTS = frozenset({"if", "item"})
_SHARED = frozenset({"traffic", "layer", "holdout"})


class Rule(NamedTuple):
    """``outer`` are the rules around it. An experiment and a segment are a rule that serves nothing here."""

    path: str
    fields: Fields
    place: Place
    outer: tuple["Rule", ...] = ()

    def at(self, field: str) -> str:
        return f"{self.path}.{field}" if self.path else field

    @property
    def when(self) -> Condition:
        return Condition(self.at("when"), self.fields.get("when", True))

    @property
    def gates(self) -> list[Condition]:
        """Traffic, layers and holdouts too: see `is_shared_gate`."""
        gates = self.fields.get("gates", [])
        return [Condition(f"{self.at('gates')}[{index}]", gate) for index, gate in enumerate(gates)]

    def list_serves(self) -> Iterator["Serve"]:
        """What it serves, and the arms of its splits."""
        for field in ("serve", "else"):
            if field in self.fields:
                serve = Serve(self.at(field), self.fields[field], self, field == "else")
                yield from serve.walk()


class Serve(NamedTuple):
    path: str
    written: Json
    rule: Rule
    is_else: bool

    def walk(self) -> Iterator["Serve"]:
        yield self
        for arm in self.arms:
            yield from arm.walk()

    @property
    def arms(self) -> list["Serve"]:
        if not isinstance(self.written, dict) or not isinstance(self.written.get("split"), list):
            return []
        path = f"{self.path}.split"
        return [
            self._replace(path=f"{path}[{index}].serve", written=arm["serve"])
            for index, arm in enumerate(self.written["split"])
        ]

    @property
    def rules(self) -> list[Rule]:
        """Those of a block of rules."""
        if not isinstance(self.written, dict) or "rules" not in self.written:
            return []
        outer = (*self.rule.outer, self.rule)
        return _read_rules(self.written["rules"], f"{self.path}.rules", self.rule.place, outer)


def is_shared_gate(condition: Condition) -> bool:
    """Whether it is traffic, a layer or a holdout."""
    return isinstance(condition.written, dict) and not _SHARED.isdisjoint(condition.written)


def list_rule_lists(document: Definition) -> Iterator[list[Rule]]:
    """The definition's rules, and the blocks of rules inside."""
    place = make_place(document)
    if isinstance(document, FlagDocument):
        yield from _walk_rules(_read_rules(document.rules or [], "rules", place, ()))
    elif isinstance(document, ExperimentDocument):
        yield [Rule("", {"when": document.when, "gates": document.gates}, place)]
    else:
        yield [Rule("", {"when": document.when}, place)]


def make_place(document: Definition) -> Place:
    """Where the definition's own unit counts."""
    split_variants = 0
    salt = document.salt or document.key
    if isinstance(document, ExperimentDocument):
        scope = replace(make_scope(document), unit="user", missing="error")
    elif isinstance(document, FlagDocument):
        scope = Scope(salt, make_prefix("flag", salt), "user", "error", {}, References())
        split_variants = sum(share > 0 for share in document.compute_allocations().values())
    else:
        scope = Scope(salt, "", "user", "out", {}, References())
    place = Place(scope, "", scope.missing == "out", split_variants)  # a segment excludes
    return place if document.unit is None else place.read_unit({"unit": document.unit}, "")


def _read_rules(rules: list[Json], path: str, place: Place, outer: tuple[Rule, ...]) -> list[Rule]:
    return [
        Rule(where, fields, place.read_unit(fields, f"{where}."), outer)
        for index, fields in enumerate(rules)
        for where in [f"{path}[{index}]"]
    ]


def _walk_rules(rules: list[Rule]) -> Iterator[list[Rule]]:
    yield rules
    for rule in rules:
        for serve in rule.list_serves():
            if serve.rules:
                yield from _walk_rules(serve.rules)
