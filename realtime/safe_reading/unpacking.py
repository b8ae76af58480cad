"""Unpack what a user sends or names, and never more of it than is allowed."""

import gzip
import io
from collections.abc import Callable
from typing import Any

MAX_RATIO = 200
_CHUNK = 1 << 16
FREE_BYTES = 32_000_000
"""That a file may unpack to, whatever its own size."""


class TooMuch(ValueError):
    """It unpacks to more than is allowed."""


def unpack_gzip(data: bytes, max_bytes: int) -> bytes:
    """Raises TooMuch, or what gzip raises for a damaged file."""
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        unpacked = file.read(max_bytes + 1)
    if len(unpacked) > max_bytes:
        raise TooMuch(f"unpacks to over {max_bytes // 1_000_000} MB; split it")
    return unpacked


class Allowance:
    """What one packed file may unpack to, with all that is packed inside it."""

    def __init__(self, packed_bytes: int) -> None:
        self._left = max(FREE_BYTES, MAX_RATIO * packed_bytes)

    def spend(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise TooMuch(f"unpacks to over {MAX_RATIO} times its size; if that is right, unpack it yourself")


class Counted(io.RawIOBase):
    """What ``file`` has, until the allowance is spent."""

    def __init__(self, file: Any, allowance: Allowance) -> None:
        self._file, self._allowance = file, allowance

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data: bytes = self._file.read(len(buffer))
        self._allowance.spend(len(data))
        buffer[: len(data)] = data
        return len(data)


class Unpacked(io.RawIOBase):
    """What ``file`` holds, one stream after another; ``start`` makes the decompressor of each."""

    def __init__(self, file: Any, start: Callable[[], Any]) -> None:
        self._file, self._start = file, start
        self._stream = start()
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = b""
        while not data:
            if self._stream.eof:
                self._rest = self._stream.unused_data.lstrip(b"\0") or self._file.read(_CHUNK).lstrip(b"\0")
                if not self._rest:
                    return 0
                self._stream = self._start()
            elif not self._rest and self._stream.needs_input:
                self._rest = self._file.read(_CHUNK)
                if not self._rest:
                    raise EOFError("it was cut off")
            data = self._stream.decompress(self._rest, len(buffer))
            self._rest = b""
        buffer[: len(data)] = data
        return len(data)
