"""Schemes that hash with MurmurHash3."""

from collections.abc import Mapping

import mmh3

from chalicelib.domain.bucketing import BUCKETS, compute_halves
from chalicelib.domain.general_form.problems import InvalidForm
from chalicelib.domain.general_form.schemes.scheme import Parameters, Scheme, SchemeEntry


def _realtime_1(parameters: Parameters) -> Scheme:
    prefix, half = parameters["prefix"], 0 if parameters["half"] == "first" else 1
    return Scheme(
        hash_unit=lambda unit: compute_halves(prefix, unit)[half],
        raw_end=1 << 64,
        read_number=lambda raw: (raw * BUCKETS) >> 64,
        end=BUCKETS,
        identity=("realtime-1", prefix),
        half=half,
    )


def _murmur32_mod(parameters: Parameters) -> Scheme:
    prefix, seed, modulus = parameters.get("prefix", ""), parameters.get("seed", 0), parameters["of"]
    return Scheme(
        hash_unit=lambda unit: mmh3.hash((prefix + unit).encode(), seed, signed=False) % modulus,
        raw_end=modulus,
        read_number=lambda raw: raw,
        end=modulus,
        identity=("murmur32-mod", prefix, seed, modulus),
    )


def _murmur32_scaled(parameters: Parameters) -> Scheme:
    prefix, suffix = parameters.get("prefix", ""), parameters.get("suffix", "")
    seed, count = parameters.get("seed", 0), parameters["of"]
    return Scheme(
        hash_unit=lambda unit: mmh3.hash((prefix + unit + suffix).encode(), seed, signed=False),
        raw_end=1 << 32,
        read_number=lambda raw: (raw * count) >> 32,
        end=count,
        identity=("murmur32-scaled", prefix, suffix, seed, count),
    )


def _cbor_murmur32_scaled(parameters: Parameters) -> Scheme:
    """The unit may be any JSON value: the reader ``cbor``, which this needs, makes a text of its encoding."""
    count = parameters["of"]
    if parameters["as"] != "cbor":
        raise InvalidForm("as", "must be cbor with the scheme cbor-murmur32-scaled")
    return Scheme(
        hash_unit=lambda unit: mmh3.hash(unit.encode("latin-1"), 0, signed=False),
        raw_end=1 << 32,
        read_number=lambda raw: (raw * count) >> 32,
        end=count,
        identity=("cbor-murmur32-scaled", count),
    )


_MAX_SIGNED = 2**31 - 1


def _murmur32_abs_percent(parameters: Parameters) -> Scheme:
    """Without its sign, as a share of the highest positive number: the lowest negative one is over 100."""
    prefix = parameters.get("prefix", "")
    return Scheme(
        hash_unit=lambda unit: abs(mmh3.hash((prefix + unit).encode(), 0)),
        raw_end=_MAX_SIGNED + 2,
        read_number=lambda raw: raw / _MAX_SIGNED * 100,
        end=100,
        identity=("murmur32-abs-percent", prefix),
    )


MURMUR_SCHEMES: Mapping[str, SchemeEntry] = {
    "realtime-1": SchemeEntry(_realtime_1, frozenset({"prefix", "half"})),
    "murmur32-mod": SchemeEntry(_murmur32_mod, frozenset({"of"}), frozenset({"prefix", "seed"})),
    "murmur32-scaled": SchemeEntry(
        _murmur32_scaled, frozenset({"of"}), frozenset({"prefix", "suffix", "seed"})
    ),
    "cbor-murmur32-scaled": SchemeEntry(_cbor_murmur32_scaled, frozenset({"of", "as"})),
    "murmur32-abs-percent": SchemeEntry(_murmur32_abs_percent, frozenset(), frozenset({"prefix"})),
}
