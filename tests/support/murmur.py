"""MurmurHash3 x64 128, written from its specification, to check the library against."""

MASK = (1 << 64) - 1
C1, C2 = 0x87C37B91114253D5, 0x4CF5AD432745937F


def murmur3_x64_128(data: bytes) -> tuple[int, int]:
    """Both unsigned halves, with seed 0."""
    first = second = 0
    whole = len(data) // 16 * 16
    for start in range(0, whole, 16):
        low, high = (int.from_bytes(data[offset : offset + 8], "little") for offset in (start, start + 8))
        first = (_rotate(first ^ _mix(low, C1, 31, C2), 27) + second) * 5 + 0x52DCE729 & MASK
        second = (_rotate(second ^ _mix(high, C2, 33, C1), 31) + first) * 5 + 0x38495AB5 & MASK
    tail = data[whole:]
    second ^= _mix(int.from_bytes(tail[8:], "little"), C2, 33, C1)
    first ^= _mix(int.from_bytes(tail[:8], "little"), C1, 31, C2)
    first, second = first ^ len(data), second ^ len(data)
    first = first + second & MASK
    second = second + first & MASK
    first, second = _finish(first), _finish(second)
    first = first + second & MASK
    return first, second + first & MASK


def _mix(block: int, factor: int, turn: int, second_factor: int) -> int:
    return _rotate(block * factor & MASK, turn) * second_factor & MASK


def _rotate(value: int, bits: int) -> int:
    return (value << bits | value >> 64 - bits) & MASK


def _finish(value: int) -> int:
    value = (value ^ value >> 33) * 0xFF51AFD7ED558CCD & MASK
    value = (value ^ value >> 33) * 0xC4CEB9FE1A85EC53 & MASK
    return value ^ value >> 33
