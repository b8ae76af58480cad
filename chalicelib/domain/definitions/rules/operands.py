"""Where a written test or shard finds its value: attributes, made values, times."""

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
from chalicelib.domain.general_form.readers.times import read_instant
from chalicelib.domain.general_form.values import UNREADABLE

_ATTRIBUTE_PART = re.compile(r"(?:\\.|[^.\\])+")
_RELATIVE = re.compile(r"now(?:\s*([+-])\s*(\d{1,6})\s*([smhdw]))?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
VALUE_READERS = tuple(name for name in READERS if name not in ("cbor", "identity-1.0"))
"""What ``as`` may name in a test. The other readers are for hashing only."""
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
    steps = split_steps(value)
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

    def read(each: Json, where: str) -> Json:
        return read_operand(each, where, references, depth + 1)

    if kind == "flag":
        form = _read_flag(fields, path, references)
    else:
        form = _read_kind(kind, fields[kind], f"{path}.{kind}", read)
    if "as" not in fields:
        return form
    return add_reader(form, require_choice(fields["as"], VALUE_READERS, f"{path}.as"))


def add_reader(operand: Json, reader: str) -> Json:
    """On top of the operand's own reader."""
    has_place = isinstance(operand, dict) and "as" not in operand
    return operand | {"as": reader} if has_place else {"first": [operand], "as": reader}


def _read_flag(fields: Mapping[str, Json], path: str, references: References | None) -> Json:
    key = require_key(fields["flag"], f"{path}.flag")
    if references is not None:
        references.flags.setdefault(key, f"{path}.flag")
    form = {"flag": key, "get": require_choice(fields.get("get", "value"), FLAG_ANSWERS, f"{path}.get")}
    return form | ({"path": _require_steps(fields["path"], f"{path}.path")} if "path" in fields else {})


def _read_kind(kind: str, inner: Json, path: str, read: Callable[[Json, str], Json]) -> Json:
    """All but a flag's answer. ``read`` reads the operands inside."""
    if kind == "attribute":
        return read(inner, path)
    if kind == "item":
        return read_item(inner, path)
    if kind == "const":
        return {"const": inner}
    if kind in _WORDS:
        word, operand = _WORDS[kind]
        if inner != word:
            raise InvalidForm(path, f"must be {word}")
        return operand
    if kind in ("length", "lower"):
        return {"fn": kind, "args": [read(inner, path)]}
    parts = [read(each, f"{path}[{index}]") for index, each in enumerate(require_list(inner, path))]
    return {"first": parts} if kind == "first" else {"fn": kind, "args": parts}


def read_item(value: Json, path: str) -> Json:
    """The element of a list that `some` looks at, or an attribute of it."""
    if value in ("", []):
        return {"item": []}
    attribute = read_attribute(value, path)
    steps = attribute["first"][1]["attr"] if "first" in attribute else attribute["attr"]
    return {"item": [steps] if isinstance(steps, str) else steps}


def _require_steps(value: Json, path: str) -> Json:
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


def split_steps(attribute: str) -> list[str]:
    """``a`` and ``b.c`` of the written ``a.b\\.c``."""
    return [re.sub(r"\\(.)", r"\1", part) for part in _ATTRIBUTE_PART.findall(attribute)]


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
