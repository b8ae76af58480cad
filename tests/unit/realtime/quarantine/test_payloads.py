"""What a redrive and an edit make of a payload."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.stream.aggregation import join_parts
from chalicelib.domain.stream.event import MAX_BYTES
from realtime.quarantine.edit import edit_in_editor, find_refusal, format_payload, set_fields
from realtime.quarantine.parts import list_parts
from realtime.quarantine.targets import add_fields
from tests.unit.realtime.quarantine.test_selection import NOW, waiting

RECORD = waiting(7)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["event_id", "realtime", "value", "a"]) | st.text()


@given(st.dictionaries(names, values, max_size=5), st.sampled_from(["", " \r\n"]), st.booleans())
def test_an_event_keeps_all_but_what_it_lacks(event: dict[str, Any], end: str, backfill: bool) -> None:
    payload = (json.dumps(event) + end).encode()
    sent = json.loads(add_fields(RECORD, payload, backfill=backfill))
    marks = event.get("realtime")
    received_at = marks.get("received_at", NOW) if isinstance(marks, dict) else NOW
    assert sent["event_id"] == (RECORD.place if event.get("event_id") is None else event["event_id"])
    assert sent["realtime"]["received_at"] == received_at
    assert sent["realtime"].get("backfill") == (True if backfill else marks_of(event).get("backfill"))
    others = {name: value for name, value in sent.items() if name not in ("event_id", "realtime")}
    assert others == {name: event[name] for name in event if name not in ("event_id", "realtime")}
    again = add_fields(RECORD, json.dumps(sent).encode(), backfill=backfill)
    assert json.loads(again) == sent


def marks_of(event: dict[str, Any]) -> dict[str, Any]:
    marks = event.get("realtime")
    return marks if isinstance(marks, dict) else {}


def test_no_digit_of_a_number_changes() -> None:
    payload = b'{"value": 0.12345678901234567890123, "n": 123456789012345678901234567890}'
    assert add_fields(RECORD, payload).startswith(payload[:-1])


@pytest.mark.parametrize(
    "payload",
    [b"", b"x", b"[1]", b"{", b'{"a": NaN}', b"\xff", b'{"a":"' + b"x" * MAX_BYTES + b'"}', b'"\\ud800"'],
)
def test_what_is_no_event_is_sent_as_it_is(payload: bytes) -> None:
    assert add_fields(RECORD, payload, backfill=True) == payload


def test_fields_are_set_and_removed_by_path() -> None:
    payload = b'{"user_id": 7, "properties": {"a": 1, "b": 2}, "x.y": 1}'
    edited = set_fields(payload, ['user_id="7"', "event_type=purchase", "c.d=3", "x.y=2"], ["properties.a"])
    expected = {"user_id": "7", "properties": {"b": 2}, "x.y": 2, "event_type": "purchase", "c": {"d": 3}}
    assert json.loads(edited) == expected


@pytest.mark.parametrize(
    ("payload", "assignments", "removed", "message"),
    [
        (b"not json", ["a=1"], [], "not a JSON object"),
        (b"[]", ["a=1"], [], "not a JSON object"),
        (b"{}", ["a"], [], "write field=value"),
        (b"{}", ["=1"], [], "write field=value"),
        (b'{"a": 1}', ["a.b=1"], [], "a is no JSON object"),
        (b"{}", [], ["a"], "--unset a: the payload has no such field"),
        (b"{}", [], ["a.b"], "--unset a.b: a is no JSON object"),
    ],
)
def test_a_change_that_cannot_be_made_is_named(
    payload: bytes, assignments: list[str], removed: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        set_fields(payload, assignments, removed)


def test_an_editor_sees_an_indented_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", 'sed -i \'s/.*"a": 1$/"a": 2/\'')
    assert json.loads(edit_in_editor(b'{"b": 0, "a": 1}')) == {"b": 0, "a": 2}
    monkeypatch.setenv("EDITOR", "true")
    assert edit_in_editor(b'{"value": 1.50}') == b'{"value": 1.50}'
    monkeypatch.setenv("EDITOR", "false")
    with pytest.raises(ValueError, match="false failed, and nothing was sent"):
        edit_in_editor(b"{}")
    monkeypatch.setenv("EDITOR", "/no/such/editor")
    with pytest.raises(ValueError, match="/no/such/editor failed"):
        edit_in_editor(b"{}")


def test_a_payload_that_is_no_json_is_edited_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", "sed -i 's/x/{}/'")
    assert format_payload(b"x\xff") == b"x\xff"
    assert edit_in_editor(b"x") == b"{}"


def test_a_lone_surrogate_stays_an_escape() -> None:
    assert json.loads(set_fields(b'{"a": "\\ud800"}', ["b=1"], [])) == {"a": "\ud800", "b": 1}
    assert find_refusal(set_fields(b'{"a": "\\ud800"}', ["b=1"], []), NOW) is not None


def test_an_old_event_is_no_mistake() -> None:
    event = b'{"event_type": "purchase", "user_id": "u", "timestamp": "1997-01-01T00:00:00Z"}'
    assert find_refusal(event, NOW) is None


def test_parts_of_one_payload_are_looked_at_one_by_one() -> None:
    good = json.dumps({"event_type": "a", "user_id": "u", "timestamp": "2026-11-22T10:00:00Z"}).encode()
    joined = join_parts([("u", good), ("u", gzip.compress(good)), ("u", b"[]")])
    assert list_parts(joined) == [good, good, b"[]"]
    refusal = find_refusal(joined, NOW)
    assert refusal is not None
    assert refusal.code == "not_an_object"
    assert find_refusal(join_parts([("u", good)] * 11), NOW) is None
    assert list_parts(joined[:-1]) == [joined[:-1]]  # not what it says
    assert list_parts(good) == [good]
