"""Warnings about numbers that may mean something else: a share, a code with leading zeros, a long id."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.domain.definitions.rules.attribute_tests import OPERATORS
from chalicelib.domain.errors import Problem
from chalicelib.domain.general_form.readers.numbers import NUMBER_READERS
from chalicelib.domain.general_form.readers.versions import VERSION_READERS

MAX_SAFE_INTEGER = 2**53 - 1
"""Of JavaScript: it holds integers up to here exactly."""
_CODE = re.compile(r"[-+]?0[0-9]|\+")
_EQUALITIES = frozenset(
    {"eq", "neq", "in", "not_in", "contains", "not_contains", "contains_all", "contains_any"}
)
_WRITTEN_EQUALITIES = frozenset({"eq", "neq", "in", "not_in", "contains_any", "contains_all", "subset_of"})
"""Operators of written rules, where each is a field of its own."""


def find_small_percentages(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Numbers between 0 and 1 where 0 to 100 is meant. ``0.5%`` as text says that it is."""
    percentages = dict(_list_percentages(data))
    is_v2 = (data.get("targeting_rules") or {}).get("version") == "2.0"
    buckets_v1 = {path for path in percentages if path.endswith(".value") and not is_v2}
    has_share = any(0 < percentage < 1 for percentage in percentages.values())
    for path, percentage in percentages.items():
        if 0 < percentage < 1 or (percentage == 1 and has_share):
            otherwise = f" Otherwise write {percentage:g}%" if path not in buckets_v1 else ""
            yield Problem(path, f"is {percentage:g} %, did you mean {percentage * 100:g}?{otherwise}")


def _list_percentages(data: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, float]]:
    """All of a definition, wherever they are."""
    is_bucket = data.get("operator") == "percentage_bucket"
    for name, value in data.items():
        inner = f"{path}.{name}" if path else name
        if name in ("variants", "overrides"):
            continue
        if name in ("rollout_percentage", "percentage") or (is_bucket and name == "value"):
            yield from _list_numbers(value, inner)
        elif name in ("traffic", "rollout_ramp") and isinstance(value, dict):
            for end in ("from", "to"):
                yield from _list_numbers(value.get(end), f"{inner}.{end}")
        elif name == "traffic" or _is_of_gate(data, name):
            yield from _list_numbers(value, inner)
        elif isinstance(value, dict):
            yield from _list_percentages(value, inner)
        elif isinstance(value, list):
            yield from _list_percentages_in_list(value, inner)


def _list_percentages_in_list(items: list[Any], path: str) -> Iterator[tuple[str, float]]:
    """A condition may be a list of conditions."""
    for index, item in enumerate(items):
        if isinstance(item, dict):
            yield from _list_percentages(item, f"{path}[{index}]")
        elif isinstance(item, list):
            yield from _list_percentages_in_list(item, f"{path}[{index}]")


def _is_of_gate(data: Mapping[str, Any], name: str) -> bool:
    """Whether it is the share of a condition, a holdout's gate or a segment, or the ranges of a layer's gate.

    Those of the fields ``holdout`` and ``layer`` are 0 to 1.
    """
    if name == "share":
        return "salt" in data or "when" in data or isinstance(data.get("holdout"), str)
    return name == "ranges" and isinstance(data.get("layer"), str)


def _list_numbers(value: Any, path: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _list_numbers(item, f"{path}[{index}]")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield path, value


def find_changed_numbers(
    data: Any, written: Any, path: str = "", *, is_compared: bool = False
) -> Iterator[Problem]:
    """``written`` is ``data`` with numbers as the file has them. ``is_compared``: an operand of equality."""
    if isinstance(data, dict):
        is_equality = str(data.get("operator")) in _EQUALITIES
        for name, value in data.items():
            inner = f"{path}.{name}" if path else name
            is_operand = is_compared or (is_equality and name == "value") or _is_compared(data, name)
            yield from find_changed_numbers(value, written[name], inner, is_compared=is_operand)
    elif isinstance(data, list):
        for index, item in enumerate(data):
            yield from find_changed_numbers(item, written[index], f"{path}[{index}]", is_compared=is_compared)
    elif isinstance(data, (int, float)) and isinstance(written, str):
        if _CODE.match(written) or (is_compared and written != str(data)):
            yield Problem(path, f"{written} is read as the number {data}: quote it if it is text")
        elif abs(data) > MAX_SAFE_INTEGER and data == data // 1:
            yield Problem(
                path, f"{written} is beyond ±{MAX_SAFE_INTEGER}, so JavaScript changes it: quote it"
            )


def _is_compared(test: Mapping[str, Any], name: str) -> bool:
    """Whether a written test has text compared with it. Readers of numbers do not mind how one is written."""
    if "if" not in test and "item" not in test:
        return False
    reader = str(test.get("as") or "")
    if reader in VERSION_READERS:
        return name in OPERATORS
    return name in _WRITTEN_EQUALITIES and reader not in NUMBER_READERS
