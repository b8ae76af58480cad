"""The closed registry of schemes: pure functions from a unit's text to a number in which ranges are written.

A scheme gives a raw integer and a monotone reading of it as a number. Ranges become bounds on the raw integer
when a definition is loaded, so that a request compares integers whatever the scheme's numbers are.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import mmh3

from chalicelib.domain.bucketing import BUCKETS, compute_halves

Number = int | float


class Scheme(NamedTuple):
    """``hash_unit`` raises UnicodeEncodeError for a lone surrogate. Raw integers are below ``raw_end``.

    ``identity`` is equal for schemes that hash equally; ``half`` says which part of a shared hash is read.
    """

    hash_unit: Callable[[str], int]
    raw_end: int
    read_number: Callable[[int], Number]
    end: Number  # ranges lie within [0, end]
    identity: tuple[Any, ...]
    half: int | None = None


def find_bound(scheme: Scheme, number: Number, *, closed: bool = False) -> int:
    """The smallest raw integer that reads as at least ``number``, or as more than it if ``closed``.

    By bisection, which is exact for doubles too.
    """
    low, high, read = 0, scheme.raw_end, scheme.read_number
    while low < high:
        middle = (low + high) // 2
        is_reached = read(middle) > number if closed else read(middle) >= number
        if is_reached:
            high = middle
        else:
            low = middle + 1
    return low


def _realtime_1(parameters: Mapping[str, Any]) -> Scheme:
    prefix, half = parameters["prefix"], 0 if parameters["half"] == "first" else 1
    return Scheme(
        hash_unit=lambda unit: compute_halves(prefix, unit)[half],
        raw_end=1 << 64,
        read_number=lambda raw: (raw * BUCKETS) >> 64,
        end=BUCKETS,
        identity=("realtime-1", prefix),
        half=half,
    )


def _murmur32_mod(parameters: Mapping[str, Any]) -> Scheme:
    prefix, seed, modulus = parameters.get("prefix", ""), parameters.get("seed", 0), parameters["of"]
    return Scheme(
        hash_unit=lambda unit: int(mmh3.hash((prefix + unit).encode(), seed, signed=False)) % modulus,
        raw_end=modulus,
        read_number=lambda raw: raw,
        end=modulus,
        identity=("murmur32-mod", prefix, seed, modulus),
    )


def _md5_mod(parameters: Mapping[str, Any]) -> Scheme:
    prefix, suffix, modulus = parameters.get("prefix", ""), parameters.get("suffix", ""), parameters["of"]

    def hash_unit(unit: str) -> int:
        digest = hashlib.md5((prefix + unit + suffix).encode(), usedforsecurity=False).digest()
        return int(int.from_bytes(digest) % modulus)

    return Scheme(hash_unit, modulus, lambda raw: raw, modulus, ("md5-mod", prefix, suffix, modulus))


_SHA1_END = 1 << 60


def _sha1_unit(parameters: Mapping[str, Any]) -> Scheme:
    """Doubles between 0 and 1, both included."""
    prefix, suffix = parameters.get("prefix", ""), parameters.get("suffix", "")

    def hash_unit(unit: str) -> int:
        text = (prefix + unit + suffix).encode()
        return int(hashlib.sha1(text, usedforsecurity=False).hexdigest()[:15], 16)

    return Scheme(hash_unit, _SHA1_END, lambda raw: raw / (_SHA1_END - 1), 1.0, ("sha1-unit", prefix, suffix))


def _is_text(value: Any) -> bool:
    """A lone surrogate cannot be hashed."""
    try:
        return isinstance(value, str) and bool(value.encode() or True)
    except UnicodeEncodeError:
        return False


def _is_integer(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= high


PARAMETERS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "prefix": (_is_text, "must be a text"),
    "suffix": (_is_text, "must be a text"),
    "half": (lambda value: value in ("first", "second"), "must be first or second"),
    "seed": (_is_integer(0, 2**32 - 1), "must be an integer from 0 to 4294967295"),
    "of": (_is_integer(1, 2**32), "must be an integer from 1 to 4294967296"),
}
"""What each parameter must be."""


class SchemeEntry(NamedTuple):
    build: Callable[[Mapping[str, Any]], Scheme]
    required: frozenset[str]
    optional: frozenset[str] = frozenset()


SCHEMES: Mapping[str, SchemeEntry] = {
    "realtime-1": SchemeEntry(_realtime_1, frozenset({"prefix", "half"})),
    "murmur32-mod": SchemeEntry(_murmur32_mod, frozenset({"of"}), frozenset({"prefix", "seed"})),
    "md5-mod": SchemeEntry(_md5_mod, frozenset({"of"}), frozenset({"prefix", "suffix"})),
    "sha1-unit": SchemeEntry(_sha1_unit, frozenset(), frozenset({"prefix", "suffix"})),
}
