"""flagd: flags with targeting by JSON Logic, and its three generations of `fractional`.

The tree of a targeting becomes nested rules. A path of the tree that ends in null leads to the flag's
default. A truth value as answer is two rules, one for `true` and one for `false`. `--option
fractional=v1` is for flagd before 0.15, v3 for the newest SDKs.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from realtime.migration.json_logic.conditions import BOOLEAN, Conditions
from realtime.migration.json_logic.operands import (
    Operands,
    UnknownOperator,
    is_constant,
    read_expression,
)
from realtime.migration.model import (
    Definition,
    ForeignDocument,
    Imported,
    Json,
    Names,
    Refused,
    Variants,
    all_of,
    negate,
    serve,
    translate_each,
)

Fields = Mapping[str, Any]
_MAX_SUM = 2**31 - 1
_TYPES = {bool: "boolean", str: "string", int: "integer", float: "float", dict: "object", list: "object"}


def translate(documents: Sequence[Json], options: Mapping[str, str]) -> Imported:
    flags: dict[str, Fields] = {}
    shared: dict[str, Json] = {}
    for document in documents:
        written = document.get("flags") if isinstance(document, dict) else None
        if not isinstance(written, dict | list):
            raise ForeignDocument("is no document of flagd: it has no flags")
        flags |= {each["key"]: each for each in written} if isinstance(written, list) else written
        shared |= document.get("$evaluators") or {}
    imported, names, version = Imported(), Names(flags), options.get("fractional", "v2")

    def translate_flag(key: str) -> list[Definition]:
        return [_Flag(key, flags[key], names, shared, version).translate()]

    translate_each(flags, imported, translate_flag, "flags.{}")
    return imported


class _Flag:
    def __init__(
        self, key: str, flag: Fields, names: Names, shared: Mapping[str, Json], version: str
    ) -> None:
        self._key, self._flag, self._names, self._shared, self._version = key, flag, names, shared, version
        self._path = f"flags.{key}.targeting"
        self._variants = Variants()
        self._operands = Operands(key, self._path)
        self._conditions = Conditions(self._operands, self._path)

    def translate(self) -> Definition:
        flag = self._flag
        self._keys = {name: self._variants.add(name, value) for name, value in flag["variants"].items()}
        default = flag.get("defaultVariant")
        data = self._names.head(self._key)
        description = (flag.get("metadata") or {}).get("description")
        if isinstance(description, str):
            data["description"] = description
        comment = ""
        if flag.get("state") != "ENABLED":
            data["enabled"] = False
            comment = f"Disabled: no value. When you enable it, write default: {default}." if default else ""
            default = None
        kinds = {_TYPES.get(type(value), "any") for value in flag["variants"].values()}
        kind = "float" if kinds == {"integer", "float"} else "".join(kinds) if len(kinds) == 1 else "any"
        data["type"] = "any" if kind == "float" else kind
        data |= {
            "variants": self._variants.write() or {"off": {"value": None, "name": None}},
            "rules": self._translate_targeting(flag.get("targeting")),
            "default": serve(self._keys[default]) if default in self._keys else "none",
        }
        return Definition(self._key, data, comment)

    def _translate_targeting(self, targeting: Json) -> list[dict[str, Json]]:
        if targeting is None or targeting == {}:
            return []
        try:
            served = self._serve(self._resolve(targeting, 0))
        except UnknownOperator:
            return [{"id": "an operator that flagd does not know", "serve": "error"}]
        if isinstance(served, dict) and "rules" in served:
            return list(served["rules"])
        return [] if served == "default" else [_make_rule("targeting", True, served)]

    def _resolve(self, value: Json, depth: int) -> Json:
        """With shared evaluators in the place of their names."""
        if depth > 60:
            raise Refused(self._path, "is nested too deeply, or $ref goes in a circle")
        if isinstance(value, list):
            return [self._resolve(each, depth + 1) for each in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value:
            if value["$ref"] not in self._shared:
                raise UnknownOperator(value["$ref"])
            return self._resolve(self._shared[value["$ref"]], depth + 1)
        return {name: self._resolve(each, depth + 1) for name, each in value.items()}

    def _serve(self, value: Json) -> Json:
        """What the answer ``value`` serves; it always decides. Null is the flag's default."""
        expression = read_expression(value)
        if expression is None:
            return self._serve_constant(value)
        operator, arguments = expression
        if operator in ("if", "?:"):
            return _make_rules(self._list_branches(arguments))
        if operator == "fractional":
            return self._serve_fractional(arguments)
        if operator in ("and", "or"):
            return _make_rules(self._list_operands(operator, arguments))
        if operator in BOOLEAN:
            holds = self._conditions.translate(value, null=True)
            return _make_rules(
                [
                    _make_rule("true", holds, self._serve_constant(True)),
                    _make_rule("false", _negate(holds), self._serve_constant(False)),
                    _make_rule("null", True, "default"),
                ]
            )
        return self._serve_by_name(value)

    def _serve_constant(self, value: Json) -> Json:
        if value is None:
            return "default"
        name = str(value).lower() if isinstance(value, bool) else value
        if isinstance(name, str) and name in self._keys:
            return serve(self._keys[name])
        return "error"

    def _list_branches(self, arguments: Sequence[Json]) -> Iterator[dict[str, Json]]:
        number = 0
        for number, index in enumerate(range(0, len(arguments) - 1, 2), 1):
            holds, served = self._translate_condition(arguments[index]), self._serve(arguments[index + 1])
            yield _make_rule(f"branch {number}", holds, served)
        last = self._serve(arguments[-1]) if len(arguments) % 2 else "default"
        yield _make_rule("otherwise", True, last)

    def _list_operands(self, operator: str, arguments: Sequence[Json]) -> Iterator[dict[str, Json]]:
        """`or` answers its first truthy operand, `and` its first falsy one; else the last."""
        for number, argument in enumerate(arguments[:-1], 1):
            holds = self._translate_condition(argument)
            ends = holds if operator == "or" else negate(holds)
            yield _make_rule(f"operand {number}", ends, self._serve(argument))
        yield _make_rule("last operand", True, self._serve(arguments[-1] if arguments else None))

    def _serve_by_name(self, value: Json) -> Json:
        """The value of an attribute, or a text, names the variant."""
        operand = self._operands.translate(value) if value else None
        if operand is None:
            raise Refused(self._path, "names no variant")
        rules = [_make_rule("nothing", {"if": operand, "exists": False}, "default")]
        for name in self._keys:
            is_named: Json = {"if": operand, "eq": name, "list": "whole"}
            if name in ("true", "false"):
                is_named = {"any": [is_named, {"if": operand, "eq": name == "true", "list": "whole"}]}
            rules.append(_make_rule(f"named {name}", is_named, serve(self._keys[name])))
        return _make_rules([*rules, _make_rule("no variant", True, "error")])

    def _translate_condition(self, value: Json) -> Json:
        """Also where a split is a condition: it holds for those whose arm is truthy."""
        expression = read_expression(value)
        if expression is None or expression.operator != "fractional":
            return self._conditions.translate(value)
        shard, when, parts = self._read_fractional(expression.arguments)
        ranges = [place for name, place in parts if is_constant(name) and name not in (None, False, "", 0)]
        if not all(is_constant(name) for name, _ in parts):
            raise Refused(self._path, "a fractional whose variants are expressions is a condition")
        return all_of([when, shard | {"ranges": ranges}]) if ranges else False

    def _serve_fractional(self, arguments: Sequence[Json]) -> Json:
        cases = list(self._list_weights(arguments))
        if len(cases) > 1:
            rules = [
                _make_rule(f"weights {number}", when, self._serve_fractional(case))
                for number, (when, case) in enumerate(cases, 1)
            ]
            return _make_rules([*rules, _make_rule("no weights", True, "default")])
        shard, when, parts = self._read_fractional(cases[0][1])
        arms = [{"ranges": [place], "serve": self._serve(name)} for name, place in parts]
        if not arms:
            return "default"
        rule = _make_rule("fractional", when, {"of": shard, "split": arms})
        return _make_rules([rule] if when is True else [rule, _make_rule("no unit", True, "default")])

    def _list_weights(self, arguments: Sequence[Json]) -> Iterator[tuple[Json, list[Json]]]:
        """(condition, arguments with constant weights) for each case of the weights."""
        for index, part in enumerate(arguments):
            if isinstance(part, list) and len(part) > 1 and read_expression(part[1]) is not None:
                for when, weight in self._list_cases(part[1]):
                    fixed = [*arguments[:index], [part[0], weight, *part[2:]], *arguments[index + 1 :]]
                    for others, case in self._list_weights(fixed):
                        yield all_of([when, others]), case
                return
        yield True, list(arguments)

    def _list_cases(self, weight: Json) -> Iterator[tuple[Json, Json]]:
        expression = read_expression(weight)
        if expression is None:
            yield True, weight
            return
        operator, arguments = expression
        if operator not in ("if", "?:"):
            raise Refused(self._path, f"the weight is computed by {operator}")
        earlier: list[Json] = []
        for index in range(0, len(arguments) - 1, 2):
            holds = self._translate_condition(arguments[index])
            for when, value in self._list_cases(arguments[index + 1]):
                yield all_of([*earlier, holds, when]), value
            earlier.append(negate(holds))
        for when, value in self._list_cases(arguments[-1] if len(arguments) % 2 else None):
            yield all_of([*earlier, when]), value

    def _read_fractional(
        self, arguments: Sequence[Json]
    ) -> tuple[dict[str, Json], Json, list[tuple[Json, list[Json]]]]:
        """The shard, who has a unit, and (variant, [start, end]) of each part."""
        unit, parts = None, list(arguments)
        has_unit = bool(parts) and not isinstance(parts[0], list)
        if has_unit:
            unit = parts.pop(0)
        weights = []
        for part in parts:
            if not isinstance(part, list) or not part:
                raise UnknownOperator("fractional")
            weight = part[1] if len(part) > 1 else 1
            if type(weight) not in (int, float) or weight != int(weight):
                raise UnknownOperator("fractional")
            weights.append((part[0], max(0, int(weight))))
        total = sum(weight for _, weight in weights)
        if total > _MAX_SUM:
            raise UnknownOperator("fractional")
        shard, when = self._hash(unit, total, has_unit=has_unit)
        return shard, when, list(self._place(weights, total))

    def _place(self, weights: Sequence[tuple[Json, int]], total: int) -> Iterator[tuple[Json, list[Json]]]:
        start: Json = 0
        end: Json = 0
        for name, weight in weights:
            end = end + weight * 100 / total if self._version == "v1" and total else end + weight
            if self._version == "v1":
                end = min(end, 100.0)
            if end > start:
                yield name, [start, end]
            start = end

    def _hash(self, unit: Json, total: int, *, has_unit: bool) -> tuple[dict[str, Json], Json]:
        """The shard, and the condition for a unit."""
        key = {"join": [{"const": self._key}, {"user": "id", "as": "nonempty"}]}
        if self._version == "v3":
            of = {"scheme": "cbor-murmur32-scaled", "of": max(total, 1), "as": "cbor", "missing": "exclude"}
            if has_unit and unit is not None:
                return of | {"unit": self._operands.translate(unit)}, True
            if has_unit:
                return of, False
            pair = {"list": [{"const": self._key}, {"user": "id"}]}
            return of | {"unit": pair}, {"if": {"user": "id"}, "readable": True, "as": "nonempty"}
        is_old = self._version == "v1"
        of = (
            {"scheme": "murmur32-abs-percent"}
            if is_old
            else {"scheme": "murmur32-scaled", "of": max(total, 1)}
        )
        operand: Json = key
        if has_unit and unit is not None:
            written = self._operands.translate(unit)
            fallback = {"attribute": written, "as": "text"}
            operand = {"first": [fallback, key]}
        return of | {"unit": operand, "as": "text", "missing": "exclude"}, True


def _make_rule(name: str, when: Json, served: Json) -> dict[str, Json]:
    """A rule that decides for all whom ``when`` describes: whom a split does not place gets the default."""
    rule: dict[str, Json] = {"id": name} | ({} if when is True else {"when": when}) | {"serve": served}
    can_be_undecided = isinstance(served, dict) and ("split" in served or "rules" in served)
    return rule | ({"else": "default"} if can_be_undecided else {})


def _make_rules(rules: Sequence[dict[str, Json]] | Iterator[dict[str, Json]]) -> Json:
    """The first that decides; one that takes everybody stands for itself."""
    listed = [rule for rule in rules if rule.get("when") is not False]
    first = listed[0] if listed else {"serve": "default"}
    if "when" not in first and "else" not in first:
        return first["serve"]
    return {"rules": listed}


def _negate(condition: Json) -> Json:
    return condition if condition == "unknown" else negate(condition)
