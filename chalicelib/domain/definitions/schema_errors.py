"""Turns pydantic's errors into problems with a path and a fix."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from chalicelib.domain.errors import Problem
from chalicelib.domain.spelling import describe_unknown_field, suggest


def list_problems(error: Any, model: Any = None) -> tuple[Problem, ...]:
    """``error`` is a pydantic ValidationError of ``model``, by which misspelt fields are recognised."""
    problems = []
    for item in error.errors(include_url=False):
        path = ""
        for part in _remove_types(item["loc"]):
            path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
        message = str(item["msg"]).removeprefix("Value error, ")
        if item["type"] == "value_error" and ": " in message:
            inner_path, message = message.split(": ", 1)
            problems.append(Problem(inner_path, message).with_prefix(path))
        elif item["type"] == "extra_forbidden":
            *outer, name = item["loc"]
            problems.append(Problem(path, describe_unknown_field(name, _list_fields(model, outer))))
        else:
            problems.append(Problem(path, _write_fix(item, message)))
    return tuple(problems)


_OF_LISTED = re.compile(r"variants\[(\d+)\](?:\.([a-z]+))?(.*)", re.DOTALL)


def name_variants(problems: Iterable[Problem], written: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Variants are ``written`` by their keys, but checked as a list: the paths that people wrote."""
    return tuple(_name_variant(problem, written) for problem in problems)


def _name_variant(problem: Problem, written: Mapping[str, Any]) -> Problem:
    match = _OF_LISTED.fullmatch(problem.path)
    if match is None:
        return problem
    key, field = list(written)[int(match[1])], match[2]
    fields = written[key]
    is_whole = not isinstance(fields, dict) or field in ("key", None)
    is_whole = is_whole or (field == "value" and "value" not in fields)  # an object that is the value
    return Problem(f"variants.{key}{'' if is_whole else f'.{field}'}{match[3]}", problem.message)


def _list_fields(model: Any, path: Iterable[str | int]) -> list[str]:
    """The fields of the model at ``path`` within ``model``."""
    for name in path:
        if isinstance(name, str):
            model = _find_model(model.model_fields[name].annotation)
    return list(model.model_fields) if model else []


def _find_model(annotation: Any) -> Any:
    """The model in ``list[Model]`` or ``Model | None``."""
    if hasattr(annotation, "model_fields"):
        return annotation
    return next(filter(None, map(_find_model, get_args(annotation))), None)


def _remove_types(loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Within a JSON value, pydantic puts a type before each part of the path."""
    is_json = loc[:1] == ("variants",) and loc[2:3] in (("value",), ("payload",))
    steps = 3 if is_json else 4 if loc[2:3] == ("set",) else _JSON_FIELDS.get(loc[0] if loc else "")
    return loc[:steps] + loc[steps + 1 :: 2] if steps else loc


_JSON_FIELDS: Mapping[str | int, int] = {
    **dict.fromkeys(("when", "share", "unit", "default"), 1),
    **dict.fromkeys(("rules", "gates"), 2),
}
"""Fields that hold any JSON, and how many steps of a path lead to it."""


_DATE_TIME = "must be a date-time, such as 2026-01-31T09:00:00Z"
_FIXES = {
    "missing": "required",
    "string_type": 'must be a string; quote a number: 1, "1" and 1.0 would be three',
    "string_unicode": "must be valid Unicode: it has a lone surrogate",
    "string_pattern_mismatch": "must be 1 to 128 of A-Z a-z 0-9 . _ -",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must not be empty",
    "too_long": "must have at most {max_length} entries",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "list_type": "must be a list",
    "bool_type": "must be true or false",
    "int_type": "must be an integer",
    "float_type": "must be a number, or text such as 20%",
    "finite_number": "must be a finite number",
    "less_than_equal": "must be at most {le:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be below {lt:g}",
    "greater_than": "must be above {gt:g}",
    "timezone_aware": "needs a time zone, such as 2026-01-31T09:00:00Z",
    "datetime_type": _DATE_TIME,
    "datetime_parsing": _DATE_TIME,
    "datetime_from_date_parsing": _DATE_TIME,
}


_RANGES = {
    1: "a share, such as 0.2 or 20%, not a percentage",
    100: "a percentage, such as 20 or 20%",
}
_QUOTED = re.compile("'([^']+)'")


def _write_fix(item: Any, message: str) -> str:
    limits = item.get("ctx", {})
    if item["type"] == "literal_error":
        return f"must be {limits['expected']}{suggest(item['input'], _QUOTED.findall(limits['expected']))}"
    if item["type"] == "less_than_equal" and limits["le"] in _RANGES:
        return f"must be at most {limits['le']:g}: it is {_RANGES[limits['le']]}"
    fix = _FIXES.get(item["type"])
    return fix.format(**limits) if fix else message[:1].lower() + message[1:]
