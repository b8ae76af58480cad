"""ConfigCat's conditions on a user's attribute.

An attribute that is missing, empty or unreadable meets no condition, a negated one neither: what is not
`not_in` or the like is negated with `unknown`. In a segment the condition itself is unknown then.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.domain.general_form.readers import READERS, UNREADABLE
from realtime.migration.model import Json, Refused, all_of, any_of, attribute
from realtime.migration.rule_parts import require

Fields = Mapping[str, Any]
_TEXT, _VERSION, _NUMBER, _LIST = "json-text-nonempty", "semver-trim", "number-comma", "json-list"
_UNKNOWN = {"missing": "unknown", "unreadable": "unknown"}
_VERSIONS = {6: "lt", 7: "lte", 8: "gt", 9: "gte"}
_NUMBERS = {10: "eq", 11: "neq", 12: "lt", 13: "lte", 14: "gt", 15: "gte", 18: "lt", 19: "gt"}
_DIGESTS = {
    16: "digest-in",
    20: "digest-in",
    22: "digest-starts",
    24: "digest-ends",
    26: "digest-list",
}
_ENDS = {30: "starts_with", 32: "ends_with"}


def translate_user_condition(
    condition: Fields, salt: str, context: str, path: str, *, is_unknown: bool = False
) -> Json:
    """``context`` is hashed behind the salt. ``is_unknown``: so it is where it cannot be evaluated."""
    name = require(condition.get("a"), str, f"{path}.a")
    comparator = require(condition.get("c"), int, f"{path}.c")
    test = _Test({"user": "id"} if name == "Identifier" else attribute(name), _UNKNOWN if is_unknown else {})
    if comparator in _NUMBERS:
        number = require(condition.get("d"), (int, float), f"{path}.d")
        return test.make(_NUMBERS[comparator], number, _NUMBER)
    if comparator in _VERSIONS:
        if READERS[_VERSION](require(condition.get("s"), str, f"{path}.s")) is UNREADABLE:
            return "unknown"
        return test.make(_VERSIONS[comparator], condition["s"], _VERSION)
    if comparator in (28, 29):
        return test.make("eq" if comparator == 28 else "neq", require(condition.get("s"), str, path), _TEXT)
    values = (
        [condition.get("s")] if comparator in (20, 21) else require(condition.get("l"), list, f"{path}.l")
    )
    if not all(isinstance(value, str) for value in values):
        raise Refused(f"{path}.l", "must be texts")
    return _translate_list(
        test, comparator, [str(value) for value in values], {"salt": salt, "suffix": context}, path
    )


class _Test:
    """Tests of one attribute."""

    def __init__(self, subject: Json, outcomes: Fields) -> None:
        self._subject, self._outcomes = subject, outcomes

    def make(self, operator: str, value: Json, reader: str) -> dict[str, Json]:
        whole = {} if reader == _LIST else {"list": "whole"}
        return {"if": self._subject, operator: value, "as": reader, **whole, **self._outcomes}

    def make_opposite(self, operator: str, value: Json, reader: str) -> Json:
        return {"not": {**self.make(operator, value, reader), **_UNKNOWN}}


def _translate_list(test: _Test, comparator: int, values: Sequence[str], salting: Fields, path: str) -> Json:
    is_negated = comparator % 2 == 1
    make = test.make_opposite if is_negated else test.make
    join = all_of if is_negated else any_of
    positive = comparator - 1 if is_negated else comparator
    if positive == 0 or (not values and positive in (2, *_ENDS)):
        return test.make("not_in" if is_negated else "in", list(values), _TEXT)
    if positive == 2:
        operator = "not_contains" if is_negated else "contains"
        return join([test.make(operator, value, _TEXT) for value in values])
    if positive == 4:
        versions = [value for value in values if value.strip()]
        if any(READERS[_VERSION](value) is UNREADABLE for value in versions):
            return test.make("in", [], _VERSION)
        return test.make("not_in" if is_negated else "in", versions, _VERSION)
    if positive in _ENDS:
        return join([make(_ENDS[positive], value, _TEXT) for value in values])
    if positive == 34:
        return make("contains_any", list(values), _LIST)
    if positive in _DIGESTS:
        digests = {"algorithm": "sha256", **salting, "digests": list(values)}
        return make(_DIGESTS[positive], digests, _LIST if positive == 26 else _TEXT)
    raise Refused(f"{path}.c", f"the comparator {comparator} is not known")
