"""What the parts of written rules have in common: mistakes with a path, fields, percentages, references."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from chalicelib.domain.bucketing import BUCKETS, is_key
from chalicelib.domain.definitions.percent import read_percentage
from chalicelib.domain.general_form.problems import InvalidForm
from chalicelib.domain.spelling import describe_unknown_field, suggest

Json = Any


@dataclass(slots=True)
class References:
    """What written rules refer to, each with the path of its first mention."""

    segments: dict[str, str] = field(default_factory=dict)
    flags: dict[str, str] = field(default_factory=dict)
    experiments: dict[str, str] = field(default_factory=dict)
    flag_variants: list[tuple[str, str, str]] = field(default_factory=list)
    """(flag, variant, path) of conditions on a flag's variant."""
    layers: list[tuple[str, int, int, str]] = field(default_factory=list)
    """(layer, start, end, path) in buckets."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What the rules of one definition share.

    ``prefix`` is the hash input of the definition's own traffic and split. ``unit`` is the operand that it
    divides by, and ``missing`` what a missing unit means to a shard.
    """

    salt: str
    prefix: str
    unit: Json
    missing: Json
    variants: Mapping[str, Json]
    references: References


def require_fields(value: Json, path: str, known: Collection[str]) -> Mapping[str, Json]:
    """``value`` as an object with no other fields."""
    if not isinstance(value, dict):
        raise InvalidForm(path, "must be an object")
    for name in value:
        if name not in known:
            raise InvalidForm(f"{path}.{name}", describe_unknown_field(str(name), known))
    return value


def require_one_kind(fields: Mapping[str, Any], kinds: Collection[str], path: str, fix: str) -> None:
    """Refuses fields that exclude each other: one of them would count, and the others be ignored."""
    found = [name for name in kinds if name in fields]
    if len(found) > 1:
        raise InvalidForm(path, f"has {' and '.join(found)}, which exclude one another: {fix}")


def require_list(value: Json, path: str) -> list[Json]:
    if not isinstance(value, list):
        raise InvalidForm(path, "must be a list")
    return value


def require_key(value: Json, path: str) -> str:
    if not isinstance(value, str) or not is_key(value):
        raise InvalidForm(path, "must be 1 to 128 of A-Z a-z 0-9 . _ -")
    return value


def require_choice(value: Json, choices: Collection[str], path: str) -> str:
    if not isinstance(value, str) or value not in choices:
        hint = suggest(value, choices)
        raise InvalidForm(path, f"must be one of {', '.join(map(str, choices))}{hint}")
    return value


def require_boolean(value: Json, path: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidForm(path, "must be true or false")
    return value


def read_buckets(value: Json, path: str) -> int:
    """A percentage, ``20%`` or 20, as a number of buckets."""
    percentage = read_percentage(value)
    if type(percentage) not in (int, float):
        raise InvalidForm(path, "must be a percentage, such as 20%")
    try:
        buckets = Decimal(str(percentage)) * BUCKETS / 100
        is_within = 0 <= buckets <= BUCKETS
    except InvalidOperation:  # not a number
        raise InvalidForm(path, "must be a percentage, such as 20%") from None
    if not is_within:
        raise InvalidForm(path, "must be 0% to 100%")
    if buckets != int(buckets):
        raise InvalidForm(path, f"must be a multiple of 0.001%: users are divided into {BUCKETS:,} buckets")
    return int(buckets)


def read_bucket_ranges(value: Json, path: str) -> list[list[int]]:
    """``[[0%, 50%]]`` as ranges of buckets."""
    ranges = []
    for index, pair in enumerate(require_list(value, path)):
        where = f"{path}[{index}]"
        if not isinstance(pair, list) or len(pair) != 2:
            raise InvalidForm(where, "must be two percentages, from and to")
        low, high = (read_buckets(each, f"{where}[{side}]") for side, each in enumerate(pair))
        if low >= high:
            raise InvalidForm(where, "must have the lower percentage first")
        ranges.append([low, high])
    return ranges
