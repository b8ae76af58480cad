"""JSON values as CBOR (RFC 8949, core deterministic encoding), to be hashed.

Whole floats that fit 64 bits are encoded as integers, other floats in the shortest form that keeps them. Keys
of objects are in the order of their encodings.
"""

import struct
from math import isnan
from typing import Any

from chalicelib.domain.general_form.values import UNREADABLE

_INTEGER, _NEGATIVE, _TEXT, _LIST, _OBJECT = 0, 1, 3, 4, 5
_SIMPLE = {False: b"\xf4", True: b"\xf5", None: b"\xf6"}
_FLOATS = ((">e", b"\xf9"), (">f", b"\xfa"), (">d", b"\xfb"))


def read_cbor(value: Any) -> Any:
    """The encoding as text, a character for each byte: units are texts."""
    try:
        return encode_cbor(value).decode("latin-1")
    except (ValueError, RecursionError):  # lone surrogates, which are ValueErrors, included
        return UNREADABLE


def encode_cbor(value: Any) -> bytes:
    """Raises ValueError for what has no encoding here: lone surrogates, integers over 64 bits."""
    if value is None or type(value) is bool:
        return _SIMPLE[value]
    if type(value) is str:
        data = value.encode()
        return _encode_head(_TEXT, len(data)) + data
    if type(value) is float and value.is_integer() and -(2**64) <= value < 2**64:
        value = int(value)
    if type(value) is int:
        return _encode_head(_NEGATIVE, -1 - value) if value < 0 else _encode_head(_INTEGER, value)
    if type(value) is float:
        return _encode_float(value)
    if type(value) is list:
        return _encode_head(_LIST, len(value)) + b"".join(map(encode_cbor, value))
    if type(value) is dict:
        members = sorted((encode_cbor(name), encode_cbor(member)) for name, member in value.items())
        return _encode_head(_OBJECT, len(value)) + b"".join(name + member for name, member in members)
    raise ValueError("not JSON")


def _encode_head(kind: int, number: int) -> bytes:
    if number < 24:
        return bytes([kind << 5 | number])
    for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << (8 * size):
            return bytes([kind << 5 | code]) + number.to_bytes(size)
    raise ValueError("over 64 bits")


def _encode_float(number: float) -> bytes:
    if isnan(number):
        return b"\xf9\x7e\x00"
    for form, head in _FLOATS:
        try:
            data = struct.pack(form, number)
        except OverflowError:
            continue
        if struct.unpack(form, data) == (number,):
            return head + data
    raise AssertionError(number)
