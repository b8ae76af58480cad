"""Numbers of files: what is certain is read, what may mean two numbers is refused with the remedy."""

import json
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.event_files.numbers import UNCERTAIN, guess_decimal, parse_number


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [
        ("12.50", "", 12.5),
        (" 7 ", "", 7),
        ("-.5", "", -0.5),
        ("1e3", "", 1000.0),
        ("1,250.00", "", 1250.0),
        ("1,250", ".", 1250),
        ("1,250", ",", 1.25),
        ("1.250,50", ",", 1250.5),
        ("1.250", ",", 1250),
        ("12,5", ",", 12.5),
        (5, "", 5),
        ("0.125", UNCERTAIN, 0.125),
        ("1250", UNCERTAIN, 1250),
        (2.5, ",", 2.5),
    ],
)
def test_a_number_is_read(text: object, decimal: str, number: float) -> None:
    assert parse_number(text, decimal) == number


@pytest.mark.parametrize(
    ("text", "decimal", "hint"),
    [
        ("1_000", "", "underscore"),
        ("NaN", "", "NaN is no number; --null NaN"),
        ("Infinity", "", "--null Infinity"),
        ("-inf", "", "--null -inf"),
        (math.nan, "", "--null NaN"),
        (-math.inf, "", "--null -Infinity"),
        ("1e999", "", "is no number"),
        ("1,250", "", "--decimal"),
        ("12,50", "", "decimal comma; say --decimal ,"),
        ("12.50", ",", "say --decimal ."),
        ("$12", "", "--const currency=USD"),
        ("12 EUR", "", "--const currency=USD"),
        ("12%", "", "fraction"),
        ("1 000", "", "spaces"),
        ("1.250", UNCERTAIN, "--decimal . or --decimal ,"),
        ("1.250.000", UNCERTAIN, "--decimal . or --decimal ,"),
        ("many", "", "text of 4 characters"),
        ("٣", "", "text of 1 characters"),
        (True, "", "true or false"),
        ({}, "", "an object"),
        (None, "", "an empty value"),
    ],
)
def test_what_is_no_number_is_refused_with_its_kind_and_the_remedy(
    text: object, decimal: str, hint: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(hint)) as refusal:
        parse_number(text, decimal)
    assert "many" not in str(refusal.value)


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_what_json_writes_is_read_as_the_same_number(number: float) -> None:
    assert parse_number(json.dumps(number)) == number


@pytest.mark.parametrize(
    ("values", "delimiter", "decimal"),
    [
        (["12,50", "7"], ",", ","),
        (["1.250,50"], ";", ","),
        (["1,250"], ";", ","),
        (["1,250", "12.50"], ";", ""),
        (["1,250"], ",", ""),
        (["12.50"], ";", ""),
        (["1.250"], ";", UNCERTAIN),
        (["1.250", "0.125"], ";", ""),
        (["1.250", "12,5"], ";", ","),
        ([1, None], ",", ""),
    ],
)
def test_the_decimal_of_a_file_is_guessed(values: list[object], delimiter: str, decimal: str) -> None:
    assert guess_decimal(values, delimiter) == decimal
