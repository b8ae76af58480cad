"""Which user ids and contexts are valid, and the errors for others."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.domain.bucketing import compute_halves
from chalicelib.domain.context import (
    MAX_CONTEXT_BYTES,
    MAX_DEPTH,
    MAX_USER_ID_BYTES,
    check_context,
    check_user_id,
    walk_context,
)
from chalicelib.domain.errors import InvalidInput, TooLarge


@pytest.mark.parametrize(
    "user_id",
    ["u", " ", "0", "null", "ünï", "😀", "👩‍👩‍👧‍👦", "\u200b", "\u2028", "x" * 1024, "😀" * 256, "a/b#c:d"],
)
def test_any_visible_or_invisible_text_up_to_1_kb_is_an_id(user_id: str) -> None:
    assert check_user_id(user_id) == user_id


@pytest.mark.parametrize(
    ("user_id", "expected"),
    [
        ("", "must not be empty"),
        (42, 'must be a string, not a number: 1 and "1" and 1.0 would be three users; quote it'),
        (1.5, "not a number"),
        (True, "must be a string, not a boolean"),
        (None, "must be a string, not null"),
        (["u"], "must be a string, not an array"),
        ({}, "must be a string, not an object"),
        ("x" * (MAX_USER_ID_BYTES + 1), "at most 1024 bytes of UTF-8, it has 1025"),
        ("😀" * 257, "at most 1024 bytes of UTF-8, it has 1028"),
        ("a\x00", "control characters"),
        ("a\n", "control characters"),
        ("a\x7f", "control characters"),
        ("é\x85", "control characters"),
        ("\ud800", "lone surrogate"),
    ],
)
def test_what_is_no_id_is_refused_with_the_reason(user_id: object, expected: str) -> None:
    with pytest.raises(InvalidInput, match=r"^user_id must ") as caught:
        check_user_id(user_id)
    assert expected in caught.value.message
    assert caught.value.details[0].path == "user_id"


def test_an_error_names_the_field_and_never_the_id() -> None:
    with pytest.raises(InvalidInput, match=r"^events\[3\].user_id must") as caught:
        check_user_id("secret\n", "events[3].user_id")
    assert "secret" not in str(caught.value)


@given(st.text())
def test_every_accepted_id_can_be_hashed(text: str) -> None:
    try:
        check_user_id(text)
    except InvalidInput:
        return
    compute_halves("experiment/checkout:", text)


@pytest.mark.parametrize("value", [None, [], "{}", 1])
def test_a_context_is_an_object(value: object) -> None:
    with pytest.raises(InvalidInput, match="context must be a JSON object"):
        check_context(value)


def nest(depth: int) -> dict[str, Any]:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    context: dict[str, Any] = value
    return context


@pytest.mark.parametrize("number", ["1e999", "-1e999"])
@pytest.mark.parametrize("template", ['{"a": %s}', '{"a": [1, {"b": %s}]}'])
def test_a_number_that_is_read_as_infinity_is_refused(template: str, number: str) -> None:
    with pytest.raises(InvalidInput, match="no number beyond") as refused:
        check_context(json.loads(template % number))
    assert refused.value.code == "invalid_context"
    check_context(json.loads(template % "1e308"))


def test_a_context_is_nested_at_most_50_deep() -> None:
    check_context(nest(MAX_DEPTH))
    for deep in (nest(MAX_DEPTH + 1), {"a": [nest(100_000)]}):
        with pytest.raises(InvalidInput, match="nested at most 50 deep"):
            check_context(deep)


@pytest.mark.parametrize(
    "context",
    [
        {"a": "x" * MAX_CONTEXT_BYTES},
        {"x" * MAX_CONTEXT_BYTES: 1},
        {"a": ["é" * 100] * 200},
        {"a": [[]] * MAX_CONTEXT_BYTES},
        {"a": 10**40_000},
        {f"k{number}": "value" for number in range(4000)},
    ],
)
def test_a_context_over_32_kb_is_too_large(context: dict[str, Any]) -> None:
    with pytest.raises(TooLarge, match="at most 32768 bytes"):
        check_context(context)


def test_a_large_context_within_the_limit_is_taken() -> None:
    context = {"a": "x" * 20_000, "b": [1.5, None, True, {"c": "é" * 1000}], "n": 10**100}
    assert check_context(context) is context
    assert check_context({}) == {}


def test_null_long_blanks_and_what_orjson_cannot_write_are_taken() -> None:
    for value in (None, " " * 100, "null", 2**64, "\ud800", {"\ud800": [None]}, (1, 2)):
        check_context({"a": value})
    check_context({1: "numbers as names come from Python only"})


odd_texts = ["null", "\ud800", " " * 40, '"', "\x00" * 500, "é" * 3000, "x" * 9000]
odd_numbers = [8, 2**63, 2**64, -(10**400), 1e308, -0.0]
texts = st.text(max_size=8) | st.sampled_from(odd_texts)
numbers = st.integers() | st.floats() | st.sampled_from(odd_numbers)
scalars = texts | numbers | st.booleans() | st.none()


def nest_value(value: Any, kinds: list[bool]) -> Any:
    for is_list in kinds:
        value = [value] if is_list else {"a": value, "b": 1}
    return value


values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
deep_values = st.builds(nest_value, scalars, st.lists(st.booleans(), max_size=60))
repeated_values = st.builds(lambda value, count: [value] * count, scalars, st.integers(0, 500))
contexts = st.dictionaries(texts, values | deep_values | repeated_values, max_size=4)


@given(contexts)
@example({"a": [8] * (MAX_CONTEXT_BYTES // 3)})
@example({"a": [0.5] * (MAX_CONTEXT_BYTES // 5)})
@example({"a": [[]] * (MAX_CONTEXT_BYTES // 3 - 2)})
@example({"a": "\x00" * (MAX_CONTEXT_BYTES - 8)})
@example({"a": "x" * (MAX_CONTEXT_BYTES - 8)})
@example({"a": "x" * (MAX_CONTEXT_BYTES - 7)})
def test_the_short_check_refuses_what_the_walk_refuses(context: dict[str, Any]) -> None:
    def outcome(check: Any) -> str | None:
        try:
            check(context, "context")
        except (InvalidInput, TooLarge) as error:
            return f"{error.code}: {error}"
        return None

    assert outcome(check_context) == outcome(walk_context)
