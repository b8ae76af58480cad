"""Unpacks a body that its request declares as compressed, and never more of it than is allowed."""

import zlib
from collections.abc import Callable
from gzip import BadGzipFile, GzipFile
from io import BytesIO
from typing import cast

from chalice.app import Request

from chalicelib.domain.errors import InvalidInput, Problem, RealtimeError, TooLarge

ENCODINGS = "gzip, deflate, identity"
_GZIP = b"\x1f"
_ZLIB = b"\x78"  # the first byte of what HTTP calls deflate; some clients send it without this header


class UnsupportedEncoding(RealtimeError):
    """The header Content-Encoding names something else."""


def read_body(request: Request, max_bytes: int) -> bytes:
    """The body, unpacked. Raises TooLarge, InvalidInput or UnsupportedEncoding."""
    raw = check_size(cast(bytes, request.raw_body), max_bytes)
    header = request.headers.get("content-encoding")
    return raw if header is None else _unpack(raw, header, max_bytes, _is_text(request))


def check_size(body: bytes, max_bytes: int) -> bytes:
    """``body``; raises TooLarge."""
    if len(body) > max_bytes:
        reason = f"has {len(body)} bytes; {max_bytes} are allowed"
        raise TooLarge("too_large", f"The body {reason}.", (Problem("body", reason),))
    return body


def _unpack(raw: bytes, header: str, max_bytes: int, is_text: bool) -> bytes:
    """``is_text``: API Gateway has unpacked the body already, and left the header as it was."""
    encodings = [name.strip().lower() for name in header.split(",")]
    encodings = [name for name in encodings if name not in ("", "identity")]
    if not encodings or not raw:
        return raw
    name = encodings[0]
    if len(encodings) > 1 or name not in _DECODERS:
        reason = f"must be one of {ENCODINGS}, not {header[:80]}"
        problem, message = Problem("Content-Encoding", reason), f"The header Content-Encoding {reason}."
        raise UnsupportedEncoding("unsupported_encoding", message, (problem,))
    if is_text and not raw.startswith(_GZIP):
        return raw
    try:
        unpacked = _DECODERS[name](raw, max_bytes + 1)
    except EOFError:
        raise _make_error(f"is cut off: its {name} data has no end") from None
    except (BadGzipFile, zlib.error):
        raise _make_error(f"is not {name}, as Content-Encoding says, or has other bytes after it") from None
    if len(unpacked) > max_bytes:
        reason = f"unpacks to more than {max_bytes} bytes"
        raise TooLarge("too_large", f"The body {reason}.", (Problem("body", reason),))
    return unpacked


def _is_text(request: Request) -> bool:
    event = request.to_original_event()
    return isinstance(event["body"], str) and not event.get("isBase64Encoded")


def _gunzip(raw: bytes, max_bytes: int) -> bytes:
    with GzipFile(fileobj=BytesIO(raw)) as file:
        return file.read(max_bytes)


def _inflate(raw: bytes, max_bytes: int) -> bytes:
    stream = zlib.decompressobj(zlib.MAX_WBITS if raw.startswith(_ZLIB) else -zlib.MAX_WBITS)
    unpacked = stream.decompress(raw, max_bytes)
    if stream.unused_data:
        raise zlib.error("data after the end")
    if not stream.eof and len(unpacked) < max_bytes:
        raise EOFError
    return unpacked


_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _inflate,
}


def _make_error(reason: str) -> InvalidInput:
    return InvalidInput("invalid_encoding", f"The body {reason}.", (Problem("body", reason),))
