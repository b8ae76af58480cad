"""Asks the parser and the JSON Schema of definition files about definitions in a file."""

from collections.abc import Callable
from typing import Any

from jsonschema import Draft202012Validator

from chalicelib.domain.definitions import consistency
from chalicelib.domain.definitions.compiler import parse_experiment, parse_flag, parse_segment
from chalicelib.domain.errors import InvalidInput
from realtime.definition_files.json_schema.file import make_schema

SCHEMA = make_schema()
FILE = Draft202012Validator(SCHEMA)
_PARSERS: dict[str, Callable[[object], Any]] = {
    "experiments": parse_experiment,
    "flags": parse_flag,
    "segments": parse_segment,
}


def find_mistakes(document: Any) -> list[str]:
    """Of a whole file."""
    return [f"{error.json_path}: {error.message}" for error in FILE.iter_errors(document)]


def is_parsed(kind: str, definition: Any) -> bool:
    """Also by the check of fields that are left empty in a file."""
    try:
        document = _PARSERS[kind](definition)
    except InvalidInput:
        return False
    return not consistency.check_document(document)
