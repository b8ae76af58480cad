"""Which events count for a measure: ``where`` as SQL. `matches` says the same in Python."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chalicelib.domain.definitions.analysis_schema import CURRENCY, MeasureDocument, Scalar
from realtime.analysis.engines.literals import quote, quote_all

Where = Mapping[str, Scalar | list[Scalar]]


def list_properties(measures: Iterable[MeasureDocument]) -> list[str]:
    """Names of properties that ``where`` needs."""
    names = (name for measure in measures for name in measure.where if name != CURRENCY)
    return list(dict.fromkeys(names))


def write_condition(where: Where, properties: Sequence[str]) -> str:
    """Each property is two columns: its text ``p0`` and the first character of its JSON ``t0``.

    That character tells "1" from 1, and "true" from true. Numbers are compared as doubles.
    """
    conditions = [_write_any(name, values, properties) for name, values in where.items()]
    return " and ".join(conditions) or "true"


def _write_any(name: str, values: Scalar | list[Scalar], properties: Sequence[str]) -> str:
    wanted = values if isinstance(values, list) else [values]
    texts = [value for value in wanted if isinstance(value, str)]
    if name == CURRENCY:
        return f"currency in {quote_all(text.upper() for text in texts)}" if texts else "false"
    column = properties.index(name)
    conditions = []
    if texts:
        conditions.append(f"t{column} = '\"' and p{column} in {quote_all(texts)}")
    conditions += [
        f"t{column} = {quote(str(value).lower()[0])}" for value in wanted if isinstance(value, bool)
    ]
    numbers = [_write_number(value) for value in wanted if _is_number(value)]
    if numbers:
        is_number = f"t{column} in ('-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9')"
        conditions.append(f"{is_number} and try_cast(p{column} as double) in ({', '.join(numbers)})")
    return "(" + (" or ".join(f"({condition})" for condition in conditions) or "false") + ")"


def _is_number(value: Scalar) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _write_number(value: Scalar) -> str:
    return f"cast({quote(repr(float(value)))} as double)"


def matches(where: Where, event: Mapping[str, Any]) -> bool:
    properties = event.get("properties") or {}
    for name, values in where.items():
        wanted = values if isinstance(values, list) else [values]
        if name == CURRENCY:
            given = (event.get("currency") or "").upper()
            wanted = [value.upper() for value in wanted if isinstance(value, str)]
        else:
            given = properties.get(name)
        if not any(_is_equal(given, value) for value in wanted):
            return False
    return True


def _is_equal(given: Any, value: Scalar) -> bool:
    if isinstance(given, bool) or isinstance(value, bool):
        return given is value
    if isinstance(given, int | float) and isinstance(value, int | float):
        return float(given) == float(value)
    return isinstance(given, str) and isinstance(value, str) and given == value
