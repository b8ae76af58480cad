"""Schemes have the numbers that others published, or that a pocket calculator gives for a published hash."""

from typing import Any

import pytest

from chalicelib.domain.general_form.problems import InvalidForm
from chalicelib.domain.general_form.readers.cbor import read_cbor
from chalicelib.domain.general_form.schemes import SCHEMES, find_bound
from chalicelib.domain.general_form.shards import parse_shard


def read_number(scheme: str, unit: str, **parameters: Any) -> float:
    built = SCHEMES[scheme].build(parameters)
    return built.read_number(built.hash_unit(unit))


@pytest.mark.parametrize(
    ("prefix", "unit", "number"),
    [
        ("split-numeric-flag-some-allocation-", "alice", 9_136),
        ("split-json-flag-", "bob", 5_188),
        ("traffic-", "žofie", 5_705),
    ],
)
def test_md5_32_mod(prefix: str, unit: str, number: int) -> None:
    assert read_number("md5-32-mod", unit, prefix=prefix, of=10_000) == number


@pytest.mark.parametrize(
    ("unit", "suffix", "number"),
    [
        *[("ppid1", "1886780721", 5_254), ("ppid2", "1886780721", 4_299), ("ppid2", "1886780722", 2_434)],
        *[("ppid3", "1886780721", 5_439), ("žofie", "7099", 9_916)],
    ],
)
def test_murmur32_scaled(unit: str, suffix: str, number: int) -> None:
    assert read_number("murmur32-scaled", unit, suffix=suffix, seed=1, of=10_000) == number


HASHES = [("ejOoVL", 0), ("bY9fO-", 1), ("SI7p-", 2**31 - 1), ("6LvT0", 2**31), ("ceQdGm", 2**32 - 1)]
"""Texts that have the first and the last hashes of all."""


@pytest.mark.parametrize(("unit", "number"), [*HASHES, ("fractional-flagjack", 2_682_799_072)])
@pytest.mark.parametrize("count", [1, 3, 100, 2**31 - 1, 2**32])
def test_murmur32_scaled_is_a_share_of_all_hashes(unit: str, number: int, count: int) -> None:
    assert read_number("murmur32-scaled", unit, of=count) == number * count // 2**32


@pytest.mark.parametrize(
    ("unit", "percent"),
    [
        *[("ejOoVL", 0), ("bY9fO-", 100 / (2**31 - 1)), ("SI7p-", 100), ("ceQdGm", 100 / (2**31 - 1))],
        *[("6LvT0", 2**31 / (2**31 - 1) * 100), ("fractional-flagjack", 75.0724330894055)],
    ],
)
def test_murmur32_abs_percent(unit: str, percent: float) -> None:
    assert read_number("murmur32-abs-percent", unit) == pytest.approx(percent, rel=1e-15)


def test_the_lowest_signed_hash_lies_in_no_percentage() -> None:
    scheme = SCHEMES["murmur32-abs-percent"].build({})
    assert scheme.hash_unit("6LvT0") == find_bound(scheme, 100, closed=True) == 2**31


def test_cbor_murmur32_scaled_hashes_any_json_value() -> None:
    parameters = {"of": 100, "as": "cbor"}
    assert read_number("cbor-murmur32-scaled", read_cbor("fractional-flagjack"), **parameters) == 33
    # The bytes 01 and 82 01 02 by murmur3_x86_32
    scheme = SCHEMES["cbor-murmur32-scaled"].build(parameters)
    assert scheme.hash_unit(read_cbor(1)) == scheme.hash_unit(read_cbor(1.0)) == scheme.hash_unit("\x01")
    assert scheme.hash_unit(read_cbor([1, 2])) == scheme.hash_unit("\x82\x01\x02")


def test_cbor_murmur32_scaled_needs_its_reader() -> None:
    with pytest.raises(InvalidForm, match="as: required"):
        parse_shard({"scheme": "cbor-murmur32-scaled", "of": 100}, "shard")
    with pytest.raises(InvalidForm, match="as: must be cbor"):
        parse_shard({"scheme": "cbor-murmur32-scaled", "of": 100, "as": "text"}, "shard")


@pytest.mark.parametrize(
    ("unit", "number"),
    [
        *[("hello", 22), ("Aa", 12), ("BB", 12), ("", 0)],  # 99,162,322 and 2,112
        ("polygenelubricants", 48),  # -2,147,483,648, whose sign is dropped
        ("𐅑", (31 * 0xD800 + 0xDD51) % 100),  # two code units
    ],
)
def test_java31_mod(unit: str, number: int) -> None:
    assert read_number("java31-mod", unit, of=100) == number


def test_java31_mod_has_its_seed_in_the_bits_of_the_signed_hash() -> None:
    assert read_number("java31-mod", "hello", of=100, seed=1) == (99_162_322 ^ 1) % 100
    assert read_number("java31-mod", "hello", of=100, seed=2**32 - 7) == -(99_162_322 ^ -7) % 100
    assert read_number("java31-mod", "hello", of=100, seed=99_162_322) == 0


@pytest.mark.parametrize(
    ("scheme", "number"),
    [
        # sha1("hello") begins with aaf4c61, sha256 with 2cf24dba5fb0a30e, md5 with 5d41402a
        ("sha1-mod", 0xAAF4C61 % 1_000),
        ("sha256-mod", 0x2CF24DBA5FB0A30E % 1_000),
        ("md5-32-mod", 0x5D41402A % 1_000),
        ("md5-mod", 0x5D41402ABC4B2A76B9719D911017C592 % 1_000),
    ],
)
def test_digests_modulo_a_number(scheme: str, number: int) -> None:
    assert read_number(scheme, "ell", prefix="h", suffix="o", of=1_000) == number


def test_md5_percent() -> None:
    assert read_number("md5-percent", "test_env_foobar", prefix="12345,") == 51.990398079615915
    md5_of_hello = 0x5D41402ABC4B2A76B9719D911017C592
    assert read_number("md5-percent", "ello", prefix="h") == md5_of_hello % 9_999 / 9_998 * 100


def test_md5_percent_never_is_100() -> None:
    """The digest of this text comes to 100, and is taken of the text written twice instead."""
    assert read_number("md5-percent", "u2353", prefix="12,") == 90.08801760352071


FNV_1 = [
    *[("", "a", 0.22), ("", "b", 0.077), ("b", "a", 0.946), ("ef", "d", 0.652)],
    *[("asdf", "8952klfjas09ujk", 0.549), ("", "123", 0.011), ("", '___)((*":&', 0.563)],
    ("sömething", "žofie", 0.551),
]
FNV_2 = [
    *[("seed", "a", 0.0505), ("seed", "b", 0.2696), ("foo", "ab", 0.2575), ("foo", "def", 0.2019)],
    *[("89123klj", "8952klfjas09ujkasdf", 0.124), ("90850943850283058242805", "123", 0.7516)],
    *[("()**(%$##$%#$#", '___)((*":&', 0.0128), ("sömething", "žofie", 0.4168)],
]


@pytest.mark.parametrize(("seed", "unit", "number"), FNV_1)
def test_fnv1a16_1(seed: str, unit: str, number: float) -> None:
    assert read_number("fnv1a16-1", unit, suffix=seed) == number


@pytest.mark.parametrize(("seed", "unit", "number"), FNV_2)
def test_fnv1a16_2(seed: str, unit: str, number: float) -> None:
    assert read_number("fnv1a16-2", unit, prefix=seed) == number


@pytest.mark.parametrize("scheme", ["fnv1a16-1", "fnv1a16-2", "java31-mod"])
def test_schemes_of_code_units_hash_lone_surrogates(scheme: str) -> None:
    parameters = {"of": 2**32} if scheme == "java31-mod" else {}
    assert read_number(scheme, "\ud800", **parameters) != read_number(scheme, "\udfff", **parameters)


@pytest.mark.parametrize(
    ("shard", "problem"),
    [
        ({"scheme": "murmur32-scaled"}, "shard.of: required"),
        ({"scheme": "murmur32-scaled", "of": 0}, "shard.of: must be an integer from 1"),
        ({"scheme": "murmur32-scaled", "of": 1.0}, "shard.of: must be an integer from 1"),
        ({"scheme": "murmur32-scaled", "of": 9, "seed": -1}, "shard.seed: must be an integer from 0"),
        ({"scheme": "java31-mod", "of": 9, "seed": 2**32}, "shard.seed: must be an integer from 0"),
        ({"scheme": "fnv1a16-1", "suffix": "\ud800"}, "shard.suffix: must be a text"),
        ({"scheme": "fnv1a16-2", "suffix": "x"}, "shard.suffix: unknown field"),
        ({"scheme": "md5-percent", "of": 100}, "shard.of: unknown field"),
    ],
)
def test_parameters_are_checked(shard: Any, problem: str) -> None:
    with pytest.raises(InvalidForm) as refused:
        parse_shard(shard, "shard")
    assert str(refused.value).startswith(problem)
