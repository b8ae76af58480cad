"""Where a written test or shard finds its value: attributes, units, times."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from chalicelib.domain.definitions.rules.syntax import (
    Json,
    References,
    require_choice,
    require_fields,
    require_key,
    require_list,
)
from chalicelib.domain.general_form.problems import InvalidForm
from chalicelib.domain.general_form.readers import READERS
from chalicelib.domain.general_form.readers.texts import TEXT_READERS
from chalicelib.domain.general_form.readers.times import read_instant
from chalicelib.domain.general_form.values import UNREADABLE

_ATTRIBUTE_PART = re.compile(r"(?:\\.|[^.\\])+")
_RELATIVE = re.compile(r"now(?:\s*([+-])\s*(\d{1,6})\s*([smhdw]))?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
VALUE_READERS = tuple(name for name in READERS if name not in ("cbor", "identity-1.0"))
"""What ``as`` may name in a test. The other readers are for hashing only."""
UNIT_READERS = (*TEXT_READERS, "integer", "integer-text", "minute", "day")
"""What ``as`` may name in a shard: a unit is a text or an integer, and what these read is one."""
MISSING_UNIT = {"exclude": "out", "error": "error", "unknown": "unknown"}
"""What ``missing`` may say of a unit, and what the general form calls it."""
MAX_ATTRIBUTE = 500
"""Characters of an attribute's name or path."""


def read_attribute(value: Json, path: str) -> Json:
    """An attribute: ``app-version``, ``account.id``, ``a\\.b`` or the path ``[account, id]``.

    ``account.id`` is the attribute of that name, else ``id`` of the object ``account``. A list is a path, and
    nothing else.
    """
    if isinstance(value, list) and value and all(isinstance(step, str) and step for step in value):
        return {"attr": value[0] if len(value) == 1 else value}
    if not isinstance(value, str) or not value or len(value) > MAX_ATTRIBUTE:
        raise InvalidForm(
            path, f"must be an attribute: text of at most {MAX_ATTRIBUTE} characters, or a path"
        )
    steps = [_unescape(part) for part in _ATTRIBUTE_PART.findall(value)]
    if ".".join(part for part in _ATTRIBUTE_PART.findall(value)) != value:
        raise InvalidForm(path, r"has an empty step between dots; write \. for a dot and \\ for a backslash")
    if len(steps) == 1:
        return {"attr": steps[0]}
    return {"first": [{"attr": ".".join(steps)}, {"attr": steps}]}


def read_operand(value: Json, path: str, references: References | None = None, depth: int = 1) -> Json:
    """An attribute, or an object that says how a value is made: `OPERANDS` has its kinds.

    ``references`` gets the flags whose answers it reads.
    """
    if not isinstance(value, dict):
        return read_attribute(value, path)
    if depth > MAX_OPERAND_DEPTH:
        raise InvalidForm(path, f"is nested more than {MAX_OPERAND_DEPTH} operands deep")
    kinds = [name for name in OPERANDS if name in value]
    if len(kinds) != 1:
        raise InvalidForm(path, f"must be an attribute, or an object with one of {', '.join(OPERANDS)}")
    (kind,) = kinds
    fields = require_fields(value, path, (kind, "as", *(("get", "path") if kind == "flag" else ())))
    inner = fields[kind]

    def read(each: Json, where: str) -> Json:
        return read_operand(each, where, references, depth + 1)

    form = _read_kind(kind, inner, fields, path, references, read)
    if "as" not in fields:
        return form
    reader = require_choice(fields["as"], VALUE_READERS, f"{path}.as")
    return {"first": [form]} | {"as": reader} if isinstance(form, str) else form | {"as": reader}


def _read_kind(
    kind: str,
    inner: Json,
    fields: Mapping[str, Json],
    path: str,
    references: References | None,
    read: Callable[[Json, str], Json],
) -> Json:
    if kind == "attribute":
        return read(inner, f"{path}.attribute")
    if kind == "item":
        return read_item(inner, f"{path}.item")
    if kind == "const":
        return {"const": inner}
    if kind in _WORDS:
        word, operand = _WORDS[kind]
        if inner != word:
            raise InvalidForm(f"{path}.{kind}", f"must be {word}")
        return operand
    if kind == "flag":
        key = require_key(inner, f"{path}.flag")
        if references is not None:
            references.flags.setdefault(key, f"{path}.flag")
        form = {"flag": key, "get": require_choice(fields.get("get", "value"), FLAG_ANSWERS, f"{path}.get")}
        return form | ({"path": require_steps(fields["path"], f"{path}.path")} if "path" in fields else {})
    if kind in ("length", "lower"):
        return {"fn": kind, "args": [read(inner, f"{path}.{kind}")]}
    parts = [
        read(each, f"{path}.{kind}[{i}]") for i, each in enumerate(require_list(inner, f"{path}.{kind}"))
    ]
    return {"first": parts} if kind == "first" else {"fn": kind, "args": parts}


def read_item(value: Json, path: str) -> Json:
    """The element of a list that `some` looks at, or an attribute of it."""
    if value in ("", []):
        return {"item": []}
    attribute = read_attribute(value, path)
    steps = attribute["first"][1]["attr"] if "first" in attribute else attribute["attr"]
    return {"item": [steps] if isinstance(steps, str) else steps}


def require_steps(value: Json, path: str) -> Json:
    if not isinstance(value, list) or not value or not all(isinstance(step, str) for step in value):
        raise InvalidForm(path, "must be a list of names, one for each level")
    return value


OPERANDS = (
    *("attribute", "item", "user", "clock", "first", "cat", "join", "list", "length", "lower"),
    *("const", "flag"),
)
"""Ways to make a value: of an attribute, the element of a list, the user's id, the time, the first of several
that is there, joined texts, a list, a length, a constant, another flag's answer."""
MAX_OPERAND_DEPTH = 5
_WORDS: Mapping[str, tuple[str, Json]] = {"user": ("id", "user"), "clock": ("now", {"now": 0})}
FLAG_ANSWERS = ("value", "variant", "enabled")


def _unescape(part: str) -> str:
    return re.sub(r"\\(.)", r"\1", part)


def read_unit(value: Json, path: str) -> tuple[Json, Json]:
    """What users are divided by, and what a missing one means (None: as the definition says).

    An attribute or another operand, a list of them of which the first that is there counts, or an object with
    ``of`` and ``missing``.
    """
    missing = None
    if isinstance(value, dict) and not value.keys() & set(OPERANDS):
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
    return "user" if value == "user_id" else read_operand(value, path)


def _as_unit(unit: Json) -> Json:
    """An attribute that cannot be a unit, such as an empty text, is passed over."""
    if unit == "user":
        return unit
    return (
        {"first": [each | {"as": "unit"} for each in unit["first"]]}
        if "first" in unit
        else unit | {"as": "unit"}
    )


def replace_unit_reader(unit: Json, reader: str) -> Json:
    """Of a list of attributes each is read by ``reader``."""
    if not isinstance(unit, dict):
        return unit
    if "first" in unit:
        unit = unit | {"first": [replace_unit_reader(each, reader) for each in unit["first"]]}
    return unit | {"as": reader} if "as" in unit else unit


def list_attributes(unit: Json) -> list[str]:
    """The context's fields that a written unit reads: ``account`` and ``account.id`` of ``account.id``."""
    if isinstance(unit, dict):
        parts = [unit.get(name) for name in ("of", "attribute", "length", "lower")]
        parts += [each for name in ("first", "cat", "join", "list") for each in unit.get(name, ())]
        return [name for part in parts for name in list_attributes(part)]
    if isinstance(unit, list):
        return [
            name for each in unit for name in (each[:1] if isinstance(each, list) else list_attributes(each))
        ]
    if not isinstance(unit, str) or unit == "user_id":
        return []
    steps = [_unescape(part) for part in _ATTRIBUTE_PART.findall(unit)]
    return list(dict.fromkeys((".".join(steps), steps[0])))


def read_missing_unit(value: Json, path: str) -> Json:
    if isinstance(value, dict):
        number = require_fields(value, path, ("bucket",)).get("bucket")
        if type(number) not in (int, float):
            raise InvalidForm(f"{path}.bucket", "must be a number of the shard's scheme")
        return {"bucket": number}
    return MISSING_UNIT[require_choice(value, MISSING_UNIT, path)]


def read_time(value: Json, path: str) -> float:
    """Epoch seconds of a date-time with an offset."""
    instant: Any = read_instant(value) if isinstance(value, str) else UNREADABLE
    if isinstance(value, datetime) and value.tzinfo is not None:
        instant = read_instant(value.astimezone(UTC).isoformat().replace("+00:00", "Z"))
    if instant is UNREADABLE:
        raise InvalidForm(path, "must be a date-time with an offset, such as 2026-01-31T09:00:00Z")
    return float(instant) / 1e6


def read_relative_time(value: Any) -> float | None:
    """The seconds of ``now - 7d`` after now; None for anything else."""
    match = _RELATIVE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    sign, number, unit = match.groups()
    seconds = int(number) * _SECONDS[unit] if number else 0
    return float(-seconds if sign == "-" else seconds)
