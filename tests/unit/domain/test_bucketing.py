"""Bucketing: golden vectors, which hold in every language, and properties."""

import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.bucketing import (
    BUCKETS,
    compute_bucket,
    compute_halves,
    compute_threshold,
    compute_upper_bounds,
    make_prefix,
    share_to_buckets,
)
from tests.support.murmur import murmur3_x64_128
from tests.support.paths import ROOT

GOLDEN: dict[str, Any] = json.loads((ROOT / "docs" / "bucketing.json").read_text("utf-8"))
half = st.integers(0, 2**64 - 1)
HASH = "experiment/checkout:"


def test_every_golden_vector_holds() -> None:
    assert len(GOLDEN["vectors"]) >= 200
    for vector in GOLDEN["vectors"]:
        halves = compute_halves(make_prefix(vector["kind"], vector["salt"]), vector["user_id"])
        assert [f"{half:016x}" for half in halves] == vector["halves"], vector
        assert [compute_bucket(half) for half in halves] == vector["buckets"], vector


def test_every_golden_split_holds() -> None:
    for split in GOLDEN["splits"]:
        assert list(compute_upper_bounds(split["allocations"])) == split["upper_bounds"]


@given(st.binary(max_size=70))
def test_the_library_computes_murmur3_as_specified(data: bytes) -> None:
    text = data.hex()
    assert compute_halves("", text) == murmur3_x64_128(text.encode())


@pytest.mark.parametrize("text", ["\ud800", "a\udfff"])
def test_a_lone_surrogate_is_an_error_and_not_a_crash(text: str) -> None:
    with pytest.raises(UnicodeEncodeError):
        compute_halves("experiment/checkout:", text)


@given(half)
def test_a_bucket_is_one_of_100_000(value: int) -> None:
    assert 0 <= compute_bucket(value) < BUCKETS


@given(half, st.integers(0, BUCKETS))
def test_comparing_a_half_with_a_threshold_is_comparing_buckets(value: int, buckets: int) -> None:
    assert (value < compute_threshold(buckets)) == (compute_bucket(value) < buckets)


@given(st.integers(0, BUCKETS - 1))
def test_a_threshold_is_the_smallest_half_of_its_bucket(buckets: int) -> None:
    assert compute_bucket(compute_threshold(buckets)) == buckets
    assert buckets == 0 or compute_bucket(compute_threshold(buckets) - 1) == buckets - 1


@given(st.integers(0, BUCKETS))
def test_a_share_is_read_as_the_decimal_that_was_written(buckets: int) -> None:
    assert share_to_buckets(buckets / BUCKETS) == buckets


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=20).filter(any))
def test_ranges_own_every_bucket_once_and_their_share_of_them(weights: list[int]) -> None:
    total = sum(weights)
    bounds = [0, *compute_upper_bounds([weight / total for weight in weights])]
    assert bounds[-1] == BUCKETS
    for weight, lower, upper in zip(weights, bounds, bounds[1:], strict=False):
        assert abs((upper - lower) - Fraction(weight * BUCKETS, total)) <= 1


def test_halves_are_uniform_and_independent() -> None:
    cells = [[0] * 5 for _ in range(5)]
    for number in range(200_000):
        first, second = compute_halves(HASH, f"user-{number}")
        cells[compute_bucket(first) // 20_000][compute_bucket(second) // 20_000] += 1
    chi_square = sum((seen - 8000) ** 2 / 8000 for row in cells for seen in row)
    assert chi_square < 51.18  # p > 0.001 at 24 degrees of freedom
    for row in [*cells, *zip(*cells, strict=True)]:
        assert abs(sum(row) / 200_000 - 0.2) < 0.005


def test_kind_and_salt_change_the_bucket() -> None:
    hashes = [
        compute_halves(make_prefix(kind, salt), "u")
        for kind in ("experiment", "layer")
        for salt in ("a", "b")
    ]
    assert len(set(hashes)) == 4
