"""How other systems hash, written from what they document; shares no code with the engine.

Each function gives the number that the system compares, in its own counting.
"""

import hashlib
import struct

MASK = 2**32 - 1


def murmur3_x86_32(text: str, seed: int = 0) -> int:
    """MurmurHash3 of UTF-8, unsigned, from its specification."""
    data, state = text.encode(), seed & MASK
    whole = len(data) // 4 * 4
    for (block,) in struct.iter_unpack("<I", data[:whole]):
        state = (_rotate(state ^ _mix(block), 13) * 5 + 0xE6546B64) & MASK
    state ^= _mix(int.from_bytes(data[whole:], "little")) ^ len(data)
    state = (state ^ state >> 16) * 0x85EBCA6B & MASK
    state = (state ^ state >> 13) * 0xC2B2AE35 & MASK
    return state ^ state >> 16


def _mix(block: int) -> int:
    return _rotate(block * 0xCC9E2D51 & MASK, 15) * 0x1B873593 & MASK


def _rotate(value: int, bits: int) -> int:
    return (value << bits | value >> 32 - bits) & MASK


def fnv1a_utf16(text: str) -> int:
    state = 0x811C9DC5
    data = text.encode("utf-16-le")
    for (code_unit,) in struct.iter_unpack("<H", data):
        state = (state ^ code_unit) * 0x01000193 & MASK
    return state


def unleash(group: str, unit: str, modulus: int = 100, seed: int = 0) -> int:
    """1 … modulus."""
    return murmur3_x86_32(f"{group}:{unit}", seed) % modulus + 1


VARIANT_SEED = 86028157
"""Of Unleash."""


def eppo(salt: str, subject: str) -> int:
    """0 … 9,999."""
    return int(hashlib.md5(f"{salt}-{subject}".encode()).hexdigest()[:8], 16) % 10_000  # noqa: S324 - theirs


def sha1_share(text: str) -> float:
    """0 … 1: LaunchDarkly (``flag.salt.unit`` or ``seed.unit``) and PostHog (``flag.unit``)."""
    return int(hashlib.sha1(text.encode()).hexdigest()[:15], 16) / 0xFFFFFFFFFFFFFFF  # noqa: S324 - theirs


def growthbook(seed: str, unit: str, version: int) -> float:
    if version == 1:
        return fnv1a_utf16(unit + seed) % 1_000 / 1_000
    return fnv1a_utf16(str(fnv1a_utf16(seed + unit))) % 10_000 / 10_000


def flagd(unit: str, total: int) -> int:
    """0 … total - 1; flagd 0.15 and later."""
    return murmur3_x86_32(unit) * total >> 32


def optimizely(bucketing_id: str, entity: str) -> int:
    """0 … 9,999."""
    return int(murmur3_x86_32(bucketing_id + entity, 1) / 2**32 * 10_000)


def statsig(text: str, modulus: int) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:16], 16) % modulus


def configcat(setting: str, unit: str) -> int:
    """0 … 99."""
    return int(hashlib.sha1(f"{setting}{unit}".encode()).hexdigest()[:7], 16) % 100  # noqa: S324 - theirs


def flagsmith(*ids: str) -> float:
    """0 … 100, 100 excluded."""
    repetitions = 1
    while True:
        text = ",".join(ids * repetitions)
        number = int(hashlib.md5(text.encode()).hexdigest(), 16) % 9_999  # noqa: S324 - theirs
        if number != 9_998:
            return number / 9_998 * 100
        repetitions += 1


def split(key: str, seed: int) -> int:
    """1 … 100."""
    return murmur3_x86_32(key, seed) % 100 + 1


def split_legacy(key: str, seed: int) -> int:
    """1 … 100: Java's hash of a text, as a signed number."""
    state = 0
    for character in key:
        state = (31 * state + ord(character)) & MASK
    state ^= seed & MASK
    signed = state - 2**32 if state >= 2**31 else state
    return abs(signed) % 100 + 1
