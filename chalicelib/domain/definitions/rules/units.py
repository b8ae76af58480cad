"""Written units: what users are divided by, and what a missing one means."""

from collections.abc import Iterator

from chalicelib.domain.definitions.rules.operands import (
    OPERANDS,
    add_reader,
    read_operand,
    split_steps,
)
from chalicelib.domain.definitions.rules.syntax import Json, References, require_choice, require_fields
from chalicelib.domain.general_form.problems import InvalidForm
from chalicelib.domain.general_form.readers.texts import TEXT_READERS

UNIT_READERS = (*TEXT_READERS, "integer", "integer-text", "minute", "day")
"""What ``as`` may name in a shard: a unit is a text or an integer, and what these read is one."""
MISSING_UNIT = {"exclude": "out", "error": "error", "unknown": "unknown"}
"""What ``missing`` may say of a unit, and what the general form calls it."""


def read_unit(value: Json, path: str) -> tuple[Json, Json]:
    """What users are divided by, and what a missing one means (None: as the definition says).

    An attribute or another operand, a list of them of which the first that is there counts, or an object with
    ``of`` and ``missing``.
    """
    missing = None
    if isinstance(value, dict) and value.keys().isdisjoint(OPERANDS):
        fields = require_fields(value, path, ("of", "missing"))
        if "of" not in fields:
            raise InvalidForm(f"{path}.of", "required: an attribute or a list of attributes")
        if "missing" in fields:
            missing = read_missing_unit(fields["missing"], f"{path}.missing")
        value, path = fields["of"], f"{path}.of"
    if not isinstance(value, list):
        return _read_single_unit(value, path), missing
    if not value:
        raise InvalidForm(path, "must name at least one attribute")
    units = [_read_single_unit(each, f"{path}[{index}]") for index, each in enumerate(value)]
    return (units[0] if len(units) == 1 else {"first": [_as_unit(unit) for unit in units]}), missing


def _read_single_unit(value: Json, path: str) -> Json:
    references = References()
    unit = "user" if value == "user_id" else read_operand(value, path, references)
    for where in references.flags.values():
        raise InvalidForm(where, "cannot be part of a unit: users would move whenever that flag changes")
    return unit


def _as_unit(unit: Json) -> Json:
    """An attribute that cannot be a unit, such as an empty text, is passed over."""
    if unit == "user":
        return unit
    if "first" in unit and "as" not in unit:
        return {"first": [_as_unit(each) for each in unit["first"]]}
    return add_reader(unit, "unit")


def replace_unit_reader(unit: Json, reader: str) -> Json:
    """Of a list of units each is read by ``reader``, which stands in place of `unit`."""
    if not isinstance(unit, dict):
        return unit
    if "first" in unit:
        unit = unit | {"first": [replace_unit_reader(each, reader) for each in unit["first"]]}
    return unit | {"as": reader} if unit.get("as") == "unit" else unit


def list_attributes(unit: Json) -> list[str]:
    """The context's fields that a written unit reads: ``account`` and ``account.id`` of ``account.id``."""
    return list(dict.fromkeys(path[0] for path in list_paths(unit)))


def list_paths(unit: Json) -> Iterator[tuple[str, ...]]:
    """Of the attributes that a written unit reads. ``a.b`` may be an attribute or an object's field."""
    if isinstance(unit, dict) and "of" in unit:
        unit = unit["of"]
    for each in unit if isinstance(unit, list) else [unit]:
        yield from _list_operand_paths(each)


def _list_operand_paths(operand: Json) -> Iterator[tuple[str, ...]]:
    """A list is a path here."""
    if isinstance(operand, list):
        yield tuple(operand)
    elif isinstance(operand, dict):
        parts = [operand.get(name) for name in ("attribute", "length", "lower")]
        parts += [part for name in ("first", "cat", "join", "list") for part in operand.get(name, ())]
        for part in parts:
            yield from _list_operand_paths(part)
    elif isinstance(operand, str) and operand != "user_id":
        steps = split_steps(operand)
        yield from dict.fromkeys(((".".join(steps),), tuple(steps)))


def read_missing_unit(value: Json, path: str) -> Json:
    if isinstance(value, dict):
        number = require_fields(value, path, ("bucket",)).get("bucket")
        if type(number) not in (int, float):
            raise InvalidForm(f"{path}.bucket", "must be a number of the shard's scheme")
        return {"bucket": number}
    return MISSING_UNIT[require_choice(value, MISSING_UNIT, path)]
