"""Schemes that hash the UTF-16 code units of a text, one by one. A lone surrogate is such a unit too."""

import struct
from collections.abc import Mapping

from chalicelib.domain.general_form.schemes.scheme import Parameters, Scheme, SchemeEntry

_MASK = 2**32 - 1
_FNV_START, _FNV_PRIME = 0x811C9DC5, 0x01000193


def _read_code_units(text: str) -> tuple[int, ...]:
    data = text.encode("utf-16-le", "surrogatepass")
    return struct.unpack(f"<{len(data) // 2}H", data)


def hash_fnv1a(text: str, state: int = _FNV_START) -> int:
    """FNV-1a of 32 bits, each code unit taken as a whole. ``state`` is the hash of what stands before."""
    for code_unit in _read_code_units(text):
        state = ((state ^ code_unit) * _FNV_PRIME) & _MASK
    return state


def _fnv1a16_1(parameters: Parameters) -> Scheme:
    suffix = parameters.get("suffix", "")
    return Scheme(
        hash_unit=lambda unit: hash_fnv1a(unit + suffix) % 1_000,
        raw_end=1_000,
        read_number=lambda raw: raw / 1_000,
        end=1.0,
        identity=("fnv1a16-1", suffix),
    )


def _fnv1a16_2(parameters: Parameters) -> Scheme:
    """The hash of the hash in decimal."""
    prefix = parameters.get("prefix", "")
    start = hash_fnv1a(prefix)
    return Scheme(
        hash_unit=lambda unit: hash_fnv1a(str(hash_fnv1a(unit, start))) % 10_000,
        raw_end=10_000,
        read_number=lambda raw: raw / 10_000,
        end=1.0,
        identity=("fnv1a16-2", prefix),
    )


def _java31_mod(parameters: Parameters) -> Scheme:
    """The polynomial of 31 with the seed in its bits, as a signed number without its sign."""
    seed, modulus = int(parameters.get("seed", 0)), int(parameters["of"])

    def hash_unit(unit: str) -> int:
        state = 0
        for code_unit in _read_code_units(unit):
            state = (31 * state + code_unit) & _MASK
        state ^= seed
        return min(state, 2**32 - state) % modulus

    return Scheme(hash_unit, modulus, lambda raw: raw, modulus, ("java31-mod", seed, modulus))


CODE_UNIT_SCHEMES: Mapping[str, SchemeEntry] = {
    "fnv1a16-1": SchemeEntry(_fnv1a16_1, frozenset(), frozenset({"suffix"})),
    "fnv1a16-2": SchemeEntry(_fnv1a16_2, frozenset(), frozenset({"prefix"})),
    "java31-mod": SchemeEntry(_java31_mod, frozenset({"of"}), frozenset({"seed"})),
}
