"""The parts of a record: aggregation by the KPL, and gzip. Pure.

Aggregated records are parsed here, not by `aws-kinesis-agg`: that library prints what it cannot parse,
user ids included, and drops it. The tests compare this parser with it.
"""

import binascii
import hashlib
import zlib
from collections.abc import Iterator, Sequence

from chalicelib.domain.stream.event import MAX_BYTES, Refusal

_GZIP = b"\x1f\x8b"
_AGGREGATED = b"\xf3\x89\x9a\xc2"
_DIGEST_BYTES = 16

Part = tuple[str | None, bytes]
"""Its own partition key, if it has one, and its data, which may be gzipped."""


class UndecodableRecord(Exception):
    """The parts of a record cannot be found, or a part cannot be unpacked."""

    def __init__(self, code: str, message: str, payload: bytes) -> None:
        super().__init__(message)
        self.refusal = Refusal(code, message)
        self.payload = payload


def split_parts(data: object) -> list[Part]:
    """The parts of a record's ``data`` (base64), each with its own partition key if it has one.

    A part may be gzipped.
    """
    if not isinstance(data, str):
        raise UndecodableRecord("invalid_base64", "The record has no data.", b"")
    try:
        content = binascii.a2b_base64(data, strict_mode=True)
    except ValueError:  # binascii.Error, or a character outside of ASCII
        payload = data.encode("utf-8", "surrogatepass")
        message = "The record's data is not valid base64."
        raise UndecodableRecord("invalid_base64", message, payload) from None
    return split_content(content)


def split_content(content: bytes) -> list[Part]:
    """As `split_parts`, of the data itself."""
    return _disaggregate(content) if content.startswith(_AGGREGATED) else [(None, content)]


def join_parts(parts: Sequence[tuple[str, bytes]]) -> bytes:
    """One aggregated record of parts with their partition keys: what `split_content` splits."""
    keys = {key: index for index, key in enumerate(dict.fromkeys(key for key, _ in parts))}
    message = bytearray()
    for key in keys:
        _add_field(message, 1, key.encode())
    for key, data in parts:
        part = bytearray(b"\x08")  # field 1, a varint: the index of its key
        _add_varint(part, keys[key])
        _add_field(part, 3, data)
        _add_field(message, 3, part)
    return b"".join((_AGGREGATED, message, hashlib.md5(message, usedforsecurity=False).digest()))


def _add_field(message: bytearray, number: int, value: bytes | bytearray) -> None:
    message.append(number << 3 | 2)
    _add_varint(message, len(value))
    message += value


def _add_varint(message: bytearray, value: int) -> None:
    while value >= 0x80:
        message.append(value & 0x7F | 0x80)
        value >>= 7
    message.append(value)


def unpack_part(content: bytes, max_bytes: int = MAX_BYTES) -> bytes:
    """The data of a part. Raises UndecodableRecord for broken gzip, and for more than ``max_bytes``."""
    if not content.startswith(_GZIP):
        return content
    rest, unpacked = content, b""
    while rest:
        member = zlib.decompressobj(31)
        try:
            unpacked += member.decompress(rest, max_bytes + 1 - len(unpacked))
        except zlib.error:
            message = "The record begins like gzip, but it is not gzip."
            raise UndecodableRecord("invalid_gzip", message, content) from None
        if len(unpacked) > max_bytes:
            raise UndecodableRecord("too_large", f"Unpacked, it has more than {max_bytes} bytes.", content)
        if not member.eof:
            raise UndecodableRecord("invalid_gzip", "The gzipped record is cut off.", content)
        rest = member.unused_data
    return unpacked


def _disaggregate(content: bytes) -> list[Part]:
    """Magic number, protocol buffer, MD5 of it (amazon-kinesis-producer, aggregation-format.md)."""
    message, digest = content[len(_AGGREGATED) : -_DIGEST_BYTES], content[-_DIGEST_BYTES:]
    if hashlib.md5(message, usedforsecurity=False).digest() != digest:
        raise UndecodableRecord("invalid_aggregate", "The aggregated record's checksum is wrong.", content)
    try:
        fields = list(_parse_fields(message))
        keys = [value.decode() for number, value in fields if number == 1 and isinstance(value, bytes)]
        parts = [
            dict(_parse_fields(value)) for number, value in fields if number == 3 and isinstance(value, bytes)
        ]
        return [(keys[part[1]], part[3]) for part in parts]  # type: ignore[misc, index]  # a wrong type is caught below
    except (LookupError, ValueError, TypeError):
        refusal = "The aggregated record cannot be parsed."
        raise UndecodableRecord("invalid_aggregate", refusal, content) from None


def _parse_fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(number, value) of each field. This format has only varints and length-delimited fields."""
    offset = 0
    while offset < len(message):
        tag, offset = _parse_varint(message, offset)
        value, offset = _parse_varint(message, offset)
        if tag & 7 == 0:
            yield tag >> 3, value
        elif tag & 7 == 2 and offset + value <= len(message):
            yield tag >> 3, message[offset : offset + value]
            offset += value
        else:
            raise ValueError("not a field of an aggregated record")


def _parse_varint(message: bytes, offset: int) -> tuple[int, int]:
    """The number, and the offset after it."""
    value = shift = 0
    while shift < 64:
        byte = message[offset]
        value |= (byte & 0x7F) << shift
        offset += 1
        if byte < 0x80:
            return value, offset
        shift += 7
    raise ValueError("a varint has at most ten bytes")
