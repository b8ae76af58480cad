"""Makes a picture of a page a third of its size: its 256 most frequent colours in place of all."""

import struct
import zlib

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def shrink(png: bytes) -> bytes:
    """``png`` has 8 bits of red, green and blue, and maybe alpha, as browsers write it."""
    width, height, pixels = _decode(png)
    codes = pixels[:, :, 0] << 16 | pixels[:, :, 1] << 8 | pixels[:, :, 2]
    unique, counts = np.unique(codes, return_counts=True)
    common = unique[np.argsort(-counts, kind="stable")[:256]]
    palette, colours = _split(common), _split(unique)
    distances = ((colours[:, None, :] - palette[None, :, :]) ** 2).sum(axis=2)
    nearest = distances.argmin(axis=1).astype(np.uint8)
    rows = np.zeros((height, width + 1), np.uint8)  # the first byte of a row: no filter
    rows[:, 1:] = nearest[np.searchsorted(unique, codes)]
    return SIGNATURE + b"".join(
        _chunk(*chunk)
        for chunk in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            (b"PLTE", palette.astype(np.uint8).tobytes()),
            (b"IDAT", zlib.compress(rows.tobytes(), 9)),
            (b"IEND", b""),
        )
    )


def _split(codes: Numbers) -> Numbers:
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _decode(png: bytes) -> tuple[int, int, Numbers]:
    position, data, header = len(SIGNATURE), b"", b""
    while position < len(png):
        length, kind = struct.unpack(">I4s", png[position : position + 8])
        body = png[position + 8 : position + 8 + length]
        header, data = (body, data) if kind == b"IHDR" else (header, data + body if kind == b"IDAT" else data)
        position += length + 12
    width, height, depth, colour = struct.unpack(">IIBB", header[:10])
    size = {2: 3, 6: 4}[colour]
    assert depth == 8
    raw, rows = zlib.decompress(data), list[bytes]()
    before = bytes(width * size)
    for start in range(0, len(raw), width * size + 1):
        before = _unfilter(raw[start], bytearray(raw[start + 1 : start + 1 + width * size]), before, size)
        rows.append(before)
    flat = np.frombuffer(b"".join(rows), np.uint8).astype(np.int64)
    return width, height, flat.reshape(height, width, size)


def _unfilter(kind: int, row: bytearray, above: bytes, size: int) -> bytes:
    for i in range(len(row)) if kind else ():
        left, up, corner = (row[i - size], above[i], above[i - size]) if i >= size else (0, above[i], 0)
        if kind == 4:
            guess = left + up - corner
            distances = abs(guess - left), abs(guess - up), abs(guess - corner)
            added = (left, up, corner)[distances.index(min(distances))]
        else:
            added = (0, left, up, (left + up) // 2)[kind]
        row[i] = row[i] + added & 255
    return bytes(row)
