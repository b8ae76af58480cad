"""Values of an attribute to try on a test of the general form: at its right side, and closely around it."""

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain.publishing.impact.operand_values import (
    list_around_number,
    list_around_time,
    list_around_version,
    list_matches,
    list_others,
    list_parts,
    list_texts,
    list_values,
)
from chalicelib.domain.targeting.document import Condition
from chalicelib.domain.targeting.values import ERRORS

_STEPS = (0, 1, -1, 3600, -3600, 86_400, -86_400)
_SAMPLES = ("x", 1, True, "1.2.3", "2026-01-01T00:00:00Z", ["x"])
"""One of each kind, for tests of whether there is a value."""
_WEEK = 7 * 24


def list_test_values(test: Mapping[str, Any], now: float) -> list[Any]:
    """Some satisfy the test and some do not; the caller tries them. ``now`` is epoch seconds."""
    if "attribute" in test:  # an operator of targeting rules
        operator = test["test"].partition("/")[2]
        return list_values(
            Condition("", test["attribute"], operator, test["value"], test.get("additional_value"))
        )
    compared = test.get("with")
    if compared == "now" or (isinstance(compared, dict) and "now" in compared):
        offset = compared["now"] if isinstance(compared, dict) else 0
        return [*_list_around_instant(now + offset)]
    if isinstance(compared, dict) and "const" in compared:
        test = {**test, "value": compared["const"]}
    if "value" not in test:
        return [*_SAMPLES]
    right = test["value"]
    values: list[Any] = []
    with suppress(*ERRORS, AttributeError):
        values += _NEAR.get(test["test"], lambda value: [value])(right)
    return [*values, *list_others(right[0] if isinstance(right, list) and right else right)]


def _list_around_instant(seconds: float) -> Iterator[Any]:
    """As text, in seconds and in milliseconds: the test's reader takes one of them."""
    with suppress(ValueError, OverflowError, OSError):
        moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=0)
        yield from ((moment + timedelta(seconds=step)).isoformat() for step in _STEPS)
    yield from (int(seconds) + step for step in _STEPS)
    yield from ((int(seconds) + step) * 1000 for step in _STEPS)


def _list_around(value: Any) -> Iterator[Any]:
    """A number, a version, a time or any text: what it is shows when it is read as each."""
    if not isinstance(value, str):
        yield from list_around_number(value)
        return
    yield value
    for list_near in (list_around_time, list_around_version):
        with suppress(*ERRORS, AttributeError):
            yield from list_near(value)
    yield from (f"{value}a", value[:-1], "")


def _list_around_all(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        yield from _list_around(value)


def _list_all_parts(value: Any) -> list[Any]:
    return [*list_parts(value), [*value, "other"], ["other"], []]


def _list_addresses(networks: Any) -> Iterator[str]:
    """The first and the last of each network, and those beside it."""
    for text in networks if isinstance(networks, list) else [networks]:
        network = ipaddress.ip_network(text, strict=False)
        for address, step in (
            (network.network_address, 0),
            (network.broadcast_address, 0),
            (network.network_address, -1),
            (network.broadcast_address, 1),
        ):
            with suppress(ValueError):  # there is none before the first
                yield str(address + step)


def _list_remainders(pair: Any) -> list[int]:
    divisor, remainder = pair
    return [remainder, remainder + divisor, remainder + 1]


def _list_hours(_window: Any) -> Iterator[Any]:
    """Of a week that begins with a Monday, as numbers and as text."""
    hours = [datetime(2026, 1, 5, tzinfo=UTC) + timedelta(hours=hour) for hour in range(_WEEK)]
    yield from (int(hour.timestamp()) for hour in hours)
    yield from (hour.isoformat() for hour in hours)


_NEAR: Mapping[str, Callable[[Any], Iterable[Any]]] = {
    "in": lambda values: [*values],
    **dict.fromkeys(("gt", "ge", "lt", "le", "caret", "tilde", "version-range"), _list_around),
    "between": _list_around_all,
    **dict.fromkeys(("starts", "ends", "contains"), list_texts),
    **dict.fromkeys(("match", "match-start"), list_matches),
    "cidr": _list_addresses,
    "modulo": _list_remainders,
    **dict.fromkeys(("meets", "superset", "subset"), _list_all_parts),
    "weekly": _list_hours,
}
"""By relation, a function of its right side. For others the right side itself is tried."""
