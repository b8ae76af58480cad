"""Where an id is found: in a user's own events, in those of others, in texts of any form."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.user_data.matching import Matcher, Mentions

UUID = "550e8400-e29b-41d4-a716-446655440000"


def replaced(event: dict[str, Any], *ids: str, mentions: Mentions = "auto") -> dict[str, Any]:
    return Matcher(ids, mentions).replace_in_event(event, lambda _: "X")


def others(**properties: Any) -> dict[str, Any]:
    return {"user_id": "somebody-else", "event_type": "view", "properties": properties}


@pytest.mark.parametrize(
    ("id_", "value", "expected"),
    [
        ("customer-7", "customer-7", "X"),
        ("customer-7", "customer-71", "customer-71"),
        ("customer-7", "customer-7-1", "customer-7-1"),
        ("customer-7", "a-customer-7", "a-customer-7"),
        ("customer-7", "https://shop/customer-7/cart?by=customer-7", "https://shop/X/cart?by=X"),
        ("customer-7", "Ask customer-7.", "Ask X."),
        ("ada@example.com", "mailto:ada@example.com?subject=x", "mailto:X?subject=x"),
        ("ada@example.com", "bada@example.com ada@example.com.au", "bada@example.com ada@example.com.au"),
        (UUID, f"order_{UUID}_1", "order_X_1"),
        ("zoë-münch", "zoë-münch", "X"),
        ("u1", "u1", "X"),
        ("u1", "https://shop/u1", "https://shop/u1"),  # too short within a text
        ("8", "8", "8"),  # a number is a quantity
        ("12345678", "12345678", "X"),
        ("12345678", 12345678, "X"),
        ("12345678", True, True),
        ("8", 8, 8),
        ("customer-7", [{"a": ["customer-7"]}], [{"a": ["X"]}]),
        ("customer-7", {"customer-7": 1}, {"X": 1}),
    ],
)
def test_mentions_in_events_of_others(id_: str, value: Any, expected: Any) -> None:
    assert replaced(others(p=value), id_)["properties"] == {"p": expected}


@pytest.mark.parametrize(
    ("mentions", "value", "expected"),
    [
        ("own", "customer-7", "customer-7"),
        ("own", "at customer-7", "at customer-7"),
        ("all", "8", "X"),
        ("all", "row 8, not 80", "row X, not 80"),
    ],
)
def test_how_far_mentions_are_followed_can_be_chosen(mentions: Mentions, value: str, expected: str) -> None:
    ids = ("customer-7", "8")
    assert replaced(others(p=value), *ids, mentions=mentions)["properties"] == {"p": expected}


@pytest.mark.parametrize("mentions", ["own", "auto", "all"])
def test_fields_that_hold_ids_count_however_short_the_id(mentions: Mentions) -> None:
    event = others() | {"realtime": {"unit": "8", "place": "8"}, "context": {"user_id": "8", "n": 8}}
    changed = replaced(event, "8", mentions=mentions)
    assert changed["realtime"] == {"unit": "X", "place": "8"}
    assert changed["context"] == {"user_id": "X", "n": 8}


def test_in_a_users_own_event_the_id_is_found_as_a_word_however_short() -> None:
    event = {"user_id": "8", "event_id": "8-17", "timestamp": "2026-08-08T18:00:00Z", "note": "8 of 18"}
    assert replaced(event, "8") == {
        "user_id": "X",
        "event_id": "X-17",
        "timestamp": "2026-08-08T18:00:00Z",
        "note": "X of 18",
    }


def test_what_only_looks_like_an_id_stays() -> None:
    """A user may be called as a variant, an experiment or an event type is."""
    event = {
        "user_id": "somebody-else",
        "event_type": "treatment",
        "experiment_key": "treatment",
        "realtime": {"experiments": [{"variant": "treatment"}]},
    }
    assert replaced(event, "treatment", mentions="all") == event


def test_an_event_belongs_to_both_of_its_ids() -> None:
    matcher = Matcher(["visitor-1"])
    assert matcher.owns({"user_id": "u1", "anonymous_id": "visitor-1"})
    assert not matcher.owns({"user_id": ["visitor-1"]})
    assert not matcher.owns(["visitor-1"])


def test_ids_of_overrides_are_ids() -> None:
    document = {"key": "f", "overrides": {"8": "on", "9": "on"}, "variants": {"8": 1}}
    changed = Matcher(["8"]).replace_in_document(document, lambda _: "X")
    assert changed == {"key": "f", "overrides": {"X": "on", "9": "on"}, "variants": {"8": 1}}


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12)


@given(id_=TEXT, before=TEXT, after=TEXT, is_ascii=st.booleans())
def test_the_first_look_misses_no_id_however_json_writes_it(
    id_: str, before: str, after: str, is_ascii: bool
) -> None:
    line = json.dumps({"p": f"{before}{id_}{after}"}, ensure_ascii=is_ascii).encode()
    assert Matcher([id_, "another"]).may_hold(line)


@given(id_=TEXT, event=st.dictionaries(TEXT, TEXT | st.integers() | st.lists(TEXT), max_size=4))
def test_what_was_replaced_is_not_found_again(id_: str, event: dict[str, Any]) -> None:
    matcher = Matcher([id_])
    once = matcher.replace_in_event(event | {"user_id": id_}, lambda _: "$forgotten$")
    assert not matcher.owns(once) or id_ == "$forgotten$"
