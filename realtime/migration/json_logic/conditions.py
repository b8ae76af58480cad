"""JSON Logic's expressions as conditions. Null counts as false, and is unknown where that differs."""

from collections.abc import Callable, Mapping, Sequence

from realtime.migration.json_logic.operands import (
    UNSUPPORTED,
    Operands,
    UnknownOperator,
    is_constant,
    read_expression,
)
from realtime.migration.model import Json, Refused, all_of, any_of, negate

_ORDERS = {"<": "js-lt", "<=": "js-le", ">": "js-gt", ">=": "js-ge"}
_SWAPPED = {"js-lt": "js-gt", "js-le": "js-ge", "js-gt": "js-lt", "js-ge": "js-le"}
_VERSIONS = {"=": "eq", "!=": "eq", "<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}
_UNKNOWN = {"missing": "unknown", "unreadable": "unknown"}
BOOLEAN = ("!", "!!", "==", "!=", "===", "!==", *_ORDERS, "in", "starts_with", "ends_with", "sem_ver")
"""Operators that answer true or false, or null."""


def is_truthy(constant: Json) -> bool:
    return constant not in (None, False, 0, "", [])


class Conditions:
    def __init__(self, operands: Operands, path: str) -> None:
        self._operands, self._path = operands, path
        self._by_operator: Mapping[str, Callable[[Sequence[Json]], Json]] = {
            "and": lambda arguments: all_of([self.translate(each) for each in arguments]),
            "or": lambda arguments: any_of([self.translate(each) for each in arguments]),
            "!": lambda arguments: negate(self._translate_first(arguments)),
            "!!": self._translate_first,
            "if": self._translate_if,
            "?:": self._translate_if,
            "==": lambda arguments: self._equal(arguments, is_negated=False),
            "!=": lambda arguments: self._equal(arguments, is_negated=True),
            "===": lambda arguments: self._identical(arguments, is_negated=False),
            "!==": lambda arguments: self._identical(arguments, is_negated=True),
            "in": self._contain,
        }

    def translate(self, value: Json, *, null: bool = False) -> Json:
        """When ``value`` is truthy. ``null``: where it is null, the condition is unknown, not false."""
        expression = read_expression(value)
        if expression is None:
            if is_constant(value):
                return is_truthy(value)
            return True  # a list with something in it
        operator, arguments = expression
        if operator in ("starts_with", "ends_with"):
            return self._compare_texts(operator, arguments, null)
        if operator == "sem_ver":
            return self._compare_versions(arguments, null)
        if operator in ("var", "cat"):
            return {"if": self._operands.translate(value), "logic-truthy": True}
        if operator in _ORDERS:
            return self._order(_ORDERS[operator], arguments)
        if operator in self._by_operator:
            return self._by_operator[operator](arguments)
        raise self.find_mistake(operator)

    def find_mistake(self, operator: str) -> Exception:
        if operator in UNSUPPORTED or operator == "fractional":
            return Refused(self._path, f"{operator} has no counterpart here")
        return UnknownOperator(operator)

    def _translate_first(self, arguments: Sequence[Json]) -> Json:
        return self.translate(arguments[0] if arguments else None)

    def _translate_if(self, arguments: Sequence[Json]) -> Json:
        """One of the branches is taken, and its value is truthy."""
        alternatives: list[Json] = []
        earlier: list[Json] = []
        for index in range(0, len(arguments) - 1, 2):
            holds = self.translate(arguments[index])
            alternatives.append(all_of([*earlier, holds, self.translate(arguments[index + 1])]))
            earlier.append(negate(holds))
        if len(arguments) % 2:
            alternatives.append(all_of([*earlier, self.translate(arguments[-1])]))
        return any_of(alternatives)

    def _pair(self, arguments: Sequence[Json], relation: str) -> tuple[Json, str, Json]:
        """(left operand, relation, right side): a constant stands on the right."""
        if len(arguments) < 2:
            raise Refused(self._path, "a comparison has one side only")
        left, right = arguments[0], arguments[1]
        if is_constant(left) and not is_constant(right):
            left, right, relation = right, left, _SWAPPED.get(relation, relation)
        side = right if is_constant(right) else {"attribute": self._operands.translate(right)}
        return self._operands.translate(left), relation, side

    def _equal(self, arguments: Sequence[Json], *, is_negated: bool) -> Json:
        left, relation, side = self._pair(arguments, "js-eq")
        test = {"if": left, relation: side, "list": "whole", "missing": "pass"}
        return {"not": test} if is_negated else test

    def _identical(self, arguments: Sequence[Json], *, is_negated: bool) -> Json:
        left, _, side = self._pair(arguments, "eq")
        test = {"if": left, "eq": side, "list": "whole", "missing": "pass"}
        return {"not": test} if is_negated else test

    def _order(self, relation: str, arguments: Sequence[Json]) -> Json:
        if len(arguments) == 3:  # between
            first, middle, last = arguments
            return all_of([self._order(relation, [first, middle]), self._order(relation, [middle, last])])
        left, relation, side = self._pair(arguments, relation)
        return {"if": left, relation: side, "list": "whole", "missing": "pass"}

    def _contain(self, arguments: Sequence[Json]) -> Json:
        """A part of a text, or an element of a list."""
        if len(arguments) < 2:
            return False
        part, whole = arguments[0], arguments[1]
        if isinstance(whole, list):
            if is_constant(whole):
                operand = self._operands.translate(part)
                return {"if": operand, "in": whole, "list": "whole"} if whole else False
            return any_of([self._equal([part, each], is_negated=False) for each in whole])
        if is_constant(whole) and not isinstance(whole, str):
            return False
        subject = self._operands.translate(whole)
        side = part if is_constant(part) else {"attribute": self._operands.translate(part)}
        element = [part] if is_constant(part) else {"attribute": {"list": [self._operands.translate(part)]}}
        tests: list[Json] = []
        if not is_constant(part) or isinstance(part, str):
            tests.append({"if": subject, "contains": side, "list": "whole"})
        if not is_constant(whole):
            tests.append({"if": subject, "contains_any": element})
        return any_of(tests)

    def _compare_texts(self, operator: str, arguments: Sequence[Json], null: bool) -> Json:
        if len(arguments) != 2 or (is_constant(arguments[1]) and not isinstance(arguments[1], str)):
            return "unknown" if null else False
        side = (
            arguments[1]
            if is_constant(arguments[1])
            else {"attribute": self._operands.translate(arguments[1])}
        )
        test = {"if": self._operands.translate(arguments[0]), operator: side, "list": "whole"}
        return test | (_UNKNOWN if null else {})

    def _compare_versions(self, arguments: Sequence[Json], null: bool) -> Json:
        from chalicelib.domain.general_form.readers import READERS, UNREADABLE

        nothing = "unknown" if null else False
        if len(arguments) != 3:
            return nothing
        left, operator, right = arguments
        if is_constant(left) and READERS["semver"](left) is UNREADABLE:
            return nothing
        if is_constant(right) and READERS["semver"](right) is UNREADABLE:
            return nothing
        subject = {"if": self._operands.translate(left)}
        options: dict[str, Json] = {"as": "semver", "list": "whole"} | (_UNKNOWN if null else {})
        if operator in ("^", "~"):
            return self._share_numbers(subject, right, 1 if operator == "^" else 2, options)
        if operator not in _VERSIONS:
            return nothing
        side = right if is_constant(right) else {"attribute": self._operands.translate(right)}
        test = {**subject, _VERSIONS[operator]: _as_text(side), **options}
        if operator != "!=":
            return test
        return [{"not": test}, {**subject, "readable": True, "as": "semver"}] if not null else {"not": test}

    def _share_numbers(
        self, subject: dict[str, Json], right: Json, count: int, options: dict[str, Json]
    ) -> Json:
        """The same first numbers, whether the version is higher or lower."""
        if not is_constant(right):
            raise Refused(self._path, "sem_ver compares the range of an attribute; write the version")
        numbers = [*str(right).lstrip("vV").split("-")[0].split("+")[0].split("."), "0", "0"][:count]
        following = [*numbers[:-1], str(int(numbers[-1]) + 1)]
        low, high = (".".join([*part, "0", "0"][:3]) for part in (numbers, following))
        return [{**subject, "gte": f"{low}-0", **options}, {**subject, "lt": f"{high}-0", **options}]


def _as_text(side: Json) -> Json:
    return side if isinstance(side, dict) else str(side)
