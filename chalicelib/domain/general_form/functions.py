"""The closed registry of functions of operands: from values to one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from chalicelib.domain.general_form.readers.texts import read_canonical, read_lower
from chalicelib.domain.general_form.values import UNREADABLE


class Function(NamedTuple):
    """``call`` takes values, none of them UNREADABLE, and gives one; None is a missing one."""

    call: Callable[[Sequence[Any]], Any]
    argument_count: int | None = None


def _cat(values: Sequence[Any]) -> Any:
    """Their texts, as the reader ``canonical`` writes them, one after the other; a missing one is empty."""
    texts = ["" if value is None else read_canonical(value) for value in values]
    return UNREADABLE if UNREADABLE in texts else "".join(texts)


def _join(values: Sequence[Any]) -> Any:
    """As `_cat`, but missing if one of them is."""
    return None if None in values else _cat(values)


def _length(values: Sequence[Any]) -> Any:
    """Of text its characters."""
    (value,) = values
    if value is None:
        return None
    return len(value) if type(value) in (str, list, dict) else UNREADABLE


def _lower(values: Sequence[Any]) -> Any:
    (value,) = values
    return None if value is None else read_lower(value)


FUNCTIONS: Mapping[str, Function] = {
    "cat": Function(_cat),
    "join": Function(_join),
    "list": Function(list),
    "length": Function(_length, argument_count=1),
    "lower": Function(_lower, argument_count=1),
}
