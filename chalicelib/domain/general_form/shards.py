"""Shards: a unit's place under a scheme, and whether it lies in given ranges."""

from collections.abc import Callable
from typing import Any, NamedTuple

from mmh3 import mmh3_x64_128_utupledigest as murmur

from chalicelib.domain.general_form.operands import compile_read_operand, parse_reader
from chalicelib.domain.general_form.problems import InvalidForm, require_choice, require_list, require_object
from chalicelib.domain.general_form.readers import KEEPS_TEXT, UNREADABLE
from chalicelib.domain.general_form.readers.texts import read_text
from chalicelib.domain.general_form.schemes import PARAMETERS, SCHEMES, Number, Scheme, find_bound
from chalicelib.domain.general_form.state import Context, Get, MissingUnit, State

Bounds = tuple[tuple[int, int], ...]
"""Half-open ranges of raw integers, ascending."""


class Shard(NamedTuple):
    """``get_unit`` gives the text to hash, or None. ``is_user``: that is the user's id as it is.

    ``get_value``: a text that it gives, if not empty, is the unit; for other values ask ``get_unit``.
    ``missing`` says what a missing unit means; ``missing_number`` is its number for ``missing: {bucket: n}``.
    ``unit_name`` is for messages.
    """

    scheme: Scheme
    get_value: Get
    get_unit: Get
    is_user: bool
    unit_name: str
    missing: str
    missing_number: Number | None


def parse_shard(shard: Any, path: str) -> Shard:
    name = require_choice(shard.get("scheme") if isinstance(shard, dict) else None, SCHEMES, f"{path}.scheme")
    entry = SCHEMES[name]
    fields = require_object(
        shard, path, ("scheme", *entry.required), ("unit", "as", "missing", *entry.optional)
    )
    for parameter, (is_valid, rule) in PARAMETERS.items():
        if parameter in fields and not is_valid(fields[parameter]):
            raise InvalidForm(f"{path}.{parameter}", rule)
    scheme = entry.build(fields)
    unit = fields.get("unit", "user")
    get, reader = compile_read_operand(unit, f"{path}.unit"), parse_reader(fields, path)
    is_user = unit == "user" and reader in (None, read_text)

    def get_unit(user: str | None, context: Context, state: State) -> str | None:
        value = get(user, context, state)
        if reader is not None and value is not None and value is not UNREADABLE:
            value = reader(value)
        if type(value) is str:
            return value
        if type(value) is not int:
            return None
        try:
            return str(value)
        except ValueError:  # over 4,300 digits
            return None

    missing, number = fields.get("missing", "out"), None
    if isinstance(missing, dict):
        number = require_object(missing, f"{path}.missing", ("bucket",))["bucket"]
        if not _is_number(number) or not 0 <= number <= scheme.end:
            raise InvalidForm(f"{path}.missing.bucket", f"must be a number from 0 to {scheme.end}")
        missing = "bucket"
    elif missing not in ("out", "unknown", "error"):
        raise InvalidForm(f"{path}.missing", "must be out, unknown, error or {bucket: number}")
    get_value = get if reader is None or reader in KEEPS_TEXT else get_unit
    return Shard(scheme, get_value, get_unit, is_user, _name_unit(unit), missing, number)


def _name_unit(unit: Any) -> str:
    """The first attribute that the operand reads, as people write it."""
    parts = (unit.get("first") or unit.get("args")) if isinstance(unit, dict) else None
    if parts:
        return _name_unit(parts[0])
    attribute = unit.get("attr", "unit") if isinstance(unit, dict) else unit
    return ".".join(attribute) if isinstance(attribute, list) else str(attribute)


def parse_ranges(ranges: Any, scheme: Scheme, path: str, *, closed: bool = False) -> Bounds:
    """Ranges in the scheme's numbers as bounds on its raw integers."""
    bounds = []
    for index, pair in enumerate(require_list(ranges, path)):
        where = f"{path}[{index}]"
        if not isinstance(pair, list) or len(pair) != 2 or not all(map(_is_number, pair)):
            raise InvalidForm(where, "must be a list of two numbers, from and to")
        low, high = pair
        if not 0 <= low <= high <= scheme.end:
            raise InvalidForm(where, f"must lie within 0 and {scheme.end}, the lower number first")
        bounds.append((find_bound(scheme, low), find_bound(scheme, high, closed=closed)))
    return tuple(sorted(bound for bound in bounds if bound[0] < bound[1]))


def compile_place(shard: Shard) -> Callable[[str | None, Context, State], int | None]:
    """The raw integer of the unit; None if it is missing. Raises MissingUnit for ``missing: error``."""
    hash_unit, is_required, name = shard.scheme.hash_unit, shard.missing == "error", shard.unit_name
    get_value, get_unit = shard.get_value, shard.get_unit
    if shard.is_user and shard.scheme.half is not None:
        return _compile_place_of_user(shard.scheme.identity[1].encode(), shard.scheme.half, name, is_required)
    if shard.is_user and not is_required:

        def find_place_of_user(user: str | None, _context: Context, _state: State) -> int | None:
            try:
                return None if user is None else hash_unit(user)
            except UnicodeEncodeError:  # a lone surrogate
                return None

        return find_place_of_user

    def find_place(user: str | None, context: Context, state: State) -> int | None:
        unit = get_value(user, context, state)
        if type(unit) is not str or not unit:
            unit = get_unit(user, context, state)
        if unit is not None:
            try:
                return hash_unit(unit)
            except UnicodeEncodeError:  # a lone surrogate
                pass
        if is_required:
            raise MissingUnit(name)
        return None

    return find_place


def _compile_place_of_user(
    prefix: bytes, half: int, name: str, is_required: bool
) -> Callable[[str | None, Context, State], int | None]:
    """As of any shard, with fewer calls: most shards are halves of a hash of the user's id."""

    def find_place(user: str | None, _context: Context, _state: State) -> int | None:
        try:
            return int(murmur(prefix + user.encode(), 0)[half])  # type: ignore[union-attr]
        except (AttributeError, UnicodeEncodeError):  # no user, or a lone surrogate
            if is_required:
                raise MissingUnit(name) from None
            return None

    return find_place


def is_in_ranges(number: Number, ranges: Any, *, closed: bool = False) -> bool:
    """``ranges`` as they are written."""
    return any(low <= number < high or (closed and number == high) for low, high in ranges)


class Ramp(NamedTuple):
    """A number that grows or shrinks linearly from one time (epoch seconds) to another."""

    start: float
    end: float
    low: Number
    high: Number


def parse_ramp(ramp: Any, scheme: Scheme, path: str) -> Ramp:
    fields = require_object(ramp, path, ("from", "to"))
    points = []
    for name in ("from", "to"):
        point = fields[name]
        if not isinstance(point, list) or len(point) != 2 or not all(map(_is_number, point)):
            raise InvalidForm(f"{path}.{name}", "must be a list of epoch seconds and a number")
        if not 0 <= point[1] <= scheme.end:
            raise InvalidForm(f"{path}.{name}[1]", f"must be a number from 0 to {scheme.end}")
        points.append(point)
    (start, low), (end, high) = points
    if not start < end:
        raise InvalidForm(f"{path}.to[0]", "must be after the first time")
    return Ramp(start, end, low, high)


def find_ramp_limit(ramp: Ramp, now: float) -> Number:
    if now <= ramp.start:
        return ramp.low
    if now >= ramp.end:
        return ramp.high
    return ramp.low + (ramp.high - ramp.low) * ((now - ramp.start) / (ramp.end - ramp.start))


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)
