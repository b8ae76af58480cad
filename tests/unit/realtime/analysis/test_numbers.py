"""Numbers as a reader sees them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.analysis.model import Interval
from realtime.analysis.numbers import format_interval, format_number, format_p, format_share


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (0.0, "0.00%"),
        (-0.0000001, "0.00%"),
        (0.0475, "+4.75%"),
        (-0.47561, "−47.6%"),
        (0.0999999, "+10.00%"),
        (12.0, "+1,200%"),
        (-1e9, "−1.0e+11%"),
    ],
)
def test_a_share_is_percent_with_the_digits_that_count(value: float | None, text: str) -> None:
    assert format_share(value, is_signed=True) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (float("inf"), "–"),
        (0.0, "0.0000"),
        (0.228934010152, "0.2289"),
        (43.6350198151, "43.64"),
        (-1904.29627239, "−1,904.30"),
        (1_234_567.8, "1,234,568"),
        (1e12, "1.000e+12"),
        (0.000012, "1.200e-05"),
    ],
)
def test_a_number_keeps_four_digits(value: float | None, text: str) -> None:
    assert format_number(value) == text


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_no_number_is_wider_than_its_column_or_has_a_blank(value: float) -> None:
    for text in (format_number(value, is_signed=True), format_share(value, is_signed=True)):
        assert 1 <= len(text) <= 12
        assert " " not in text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (1.0, "1.000"), (0.0451, "0.0451"), (0.0, "<0.0001"), (5e-5, "<0.0001")]
)
def test_a_p_value_is_never_shown_as_0(value: float | None, text: str) -> None:
    assert format_p(value) == text


def test_an_interval_names_its_open_ends() -> None:
    assert format_interval(Interval(-0.012, 0.034), is_lift=True) == "−1.20% to +3.40%"
    assert format_interval(Interval(None, 0.5), is_lift=True) == "−∞ to +50.0%"
    assert format_interval(Interval(-1.5, None), is_lift=False) == "−1.5000 to +∞"
    assert format_interval(None, is_lift=True) == "–"
