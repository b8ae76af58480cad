"""The closed registry of readers: what a JSON value is to a test, or that it cannot be read.

A reader is total: it answers for every JSON value, lone surrogates and huge integers included.
"""

import json
from collections.abc import Mapping
from typing import Any

from chalicelib.domain.general_form.readers.cbor import read_cbor
from chalicelib.domain.general_form.readers.numbers import NUMBER_READERS
from chalicelib.domain.general_form.readers.texts import KEEPS_TEXT, TEXT_READERS, read_typed
from chalicelib.domain.general_form.readers.times import TIME_READERS
from chalicelib.domain.general_form.readers.versions import VERSION_READERS
from chalicelib.domain.general_form.values import UNREADABLE, Reader
from chalicelib.domain.targeting.rollout import identify_v1
from chalicelib.domain.targeting.values import ERRORS

__all__ = ["KEEPS_TEXT", "LIST_READERS", "READERS", "UNREADABLE", "Reader"]


def read_identity_v1(context: Any) -> Any:
    """Of a context: its first identifier that is not empty, else a digest of the whole."""
    if not isinstance(context, Mapping):
        return UNREADABLE
    try:
        return identify_v1(context)
    except ERRORS:
        return UNREADABLE


def read_list_or_json(value: Any) -> Any:
    """A list, or the JSON text of one."""
    if type(value) is str:
        try:
            value = json.loads(value, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            return UNREADABLE
    return value if type(value) is list else UNREADABLE


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def read_boolean(value: Any) -> Any:
    return value if type(value) is bool else UNREADABLE


LIST_READERS: Mapping[str, Reader] = {"json-list": read_list_or_json}
"""Readers that answer a list. Relations on lists apply the others to each element."""

READERS: Mapping[str, Reader] = {
    **TEXT_READERS,
    **NUMBER_READERS,
    **VERSION_READERS,
    **TIME_READERS,
    **LIST_READERS,
    "boolean": read_boolean,
    "typed": read_typed,
    "cbor": read_cbor,
    "identity-1.0": read_identity_v1,
}
