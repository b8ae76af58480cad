"""MurmurHash3 x64 128 from its specification, to check the library that the service uses against."""

MASK = (1 << 64) - 1
C1, C2 = 0x87C37B91114253D5, 0x4CF5AD432745937F


def murmur3_x64_128(data: bytes) -> tuple[int, int]:
    """Both unsigned halves, with seed 0."""
    first = second = 0
    whole = len(data) // 16 * 16
    for start in range(0, whole, 16):
        one, two = (int.from_bytes(data[at : at + 8], "little") for at in (start, start + 8))
        first = (_rotated(first ^ _mixed(one, C1, 31, C2), 27) + second) * 5 + 0x52DCE729 & MASK
        second = (_rotated(second ^ _mixed(two, C2, 33, C1), 31) + first) * 5 + 0x38495AB5 & MASK
    tail = data[whole:]
    second ^= _mixed(int.from_bytes(tail[8:], "little"), C2, 33, C1)
    first ^= _mixed(int.from_bytes(tail[:8], "little"), C1, 31, C2)
    first, second = first ^ len(data), second ^ len(data)
    first = first + second & MASK
    second = second + first & MASK
    first, second = _finished(first), _finished(second)
    first = first + second & MASK
    return first, second + first & MASK


def _mixed(block: int, factor: int, turn: int, other: int) -> int:
    return _rotated(block * factor & MASK, turn) * other & MASK


def _rotated(value: int, by: int) -> int:
    return (value << by | value >> 64 - by) & MASK


def _finished(value: int) -> int:
    value = (value ^ value >> 33) * 0xFF51AFD7ED558CCD & MASK
    value = (value ^ value >> 33) * 0xC4CEB9FE1A85EC53 & MASK
    return value ^ value >> 33
