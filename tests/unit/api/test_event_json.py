"""An event that JSON cannot hold spoils no other event of its body."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.api.event_json import parse_events
from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.stream.event import Limits
from chalicelib.services.events.ingest import Ingest
from realtime.testing.event_stores import MemoryEventStream
from tests.support.streams import ARRIVED, purchase

GOOD = json.dumps(purchase(event_id="good")).encode()


def write(value: bytes) -> bytes:
    """An event with a property of this text."""
    return json.dumps(purchase(event_id="bad", properties={"x": "VALUE"})).encode().replace(b'"VALUE"', value)


def send(body: bytes) -> dict[str, Any]:
    ingest = Ingest(MemoryEventStream(), Limits(), lambda: "new", lambda _: None)
    return ingest.ingest(parse_events(body), ARRIVED)


BAD = {
    b"NaN": "properties.x is NaN",
    b"Infinity": "properties.x is Infinity",
    b"-Infinity": "properties.x is Infinity",
    b"1e400": "properties.x is Infinity or a number beyond 64 bits",
    b"[1, -1e400]": r"properties.x\[1\] is Infinity or a number beyond 64 bits",
    b"1" * 30: "properties.x is an integer beyond 64 bits",
    b"1" * 5000: "properties.x is Infinity or a number beyond 64 bits",
    rb'"\ud800"': "properties.x is no valid text: a lone surrogate",
    rb'"a\udfffb"': "properties.x is no valid text",
    rb'{"\ud800": 1}': "properties.x has a key that is no valid text",
    b'"\xff\xfe"': "properties.x is no valid text: .* a byte that is not UTF-8",
    b'"\xed\xa0\x80"': "properties.x is no valid text",
    b'"a\tb"': "properties.x is no valid text: .* an unescaped control character",
    b'"a\\\\\nb"': "properties.x is no valid text: .* an unescaped control character",
    b"[" * 33 + b"]" * 33: "nested deeper than 32 levels",
    b'{"a":' * 300 + b"NaN" + b"}" * 300: "nested deeper than 32 levels",
    b"[" * 100_000 + b"]" * 100_000: "nested deeper than 32 levels",
    b'[{"a":' * 3_000 + b'"]"' + b"}]" * 3_000: "nested deeper than 32 levels",
}


@pytest.mark.parametrize(("value", "message"), BAD.items(), ids=range(len(BAD)))
def test_one_event_is_refused_by_name_and_the_others_are_accepted(value: bytes, message: str) -> None:
    answer = send(b'{"events": [' + GOOD + b"," + write(value) + b"," + GOOD + b"]}")
    assert (answer["accepted"], answer["event_ids"]) == (2, ["good", None, "good"])
    [rejected] = answer["rejected"]
    assert (rejected["index"], rejected["event_id"]) == (1, "bad")
    assert rejected["code"] == ("too_deep" if "nested" in message else "invalid_json")
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(rejected["message"])


@pytest.mark.parametrize("value", BAD, ids=range(len(BAD)))
def test_a_single_event_has_the_same_verdict(value: bytes) -> None:
    [rejected] = send(write(value))["rejected"]
    [in_a_list] = send(b'{"events": [' + write(value) + b"]}")["rejected"]
    assert rejected == in_a_list


def test_a_field_that_must_not_be_absent_is_not_called_missing() -> None:
    body = GOOD.replace(b'"user_id": "u1"', b'"user_id": NaN')
    assert send(body)["rejected"][0]["message"] == "user_id is NaN, which JSON does not have."


@pytest.mark.parametrize(
    "body",
    [b"{", b"", b"[]", b"NaN", b'{"events": [{"value": undefined}]}', b'{"events": [' + GOOD + b",]}",
     b'{"events": [{"a": NaN', b"[" * 200_000, b'{"a": ' * 200_000, b'{"a": "\xff}', b'{"a": .5}'],
)  # fmt: skip
def test_what_is_no_json_at_all_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_events(body)
    assert refused.value.code == "invalid_json"


def test_mistakes_are_located_in_the_body_as_it_was_sent() -> None:
    with pytest.raises(InvalidInput, match=r"line 2, column 11"):
        parse_events(b'{"a": "xy",\n"events": }')


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)


@given(JSON_VALUES)
def test_whatever_python_writes_is_read_back(value: Any) -> None:
    text = json.dumps({"x": value}, ensure_ascii=False)
    assert json.dumps(parse_events(text.encode("utf-8", "surrogatepass"))) == json.dumps({"x": value})


def test_the_slow_path_is_linear() -> None:
    start = time.process_time()
    parse_events(b'{"a": NaN, "b": "' + b'\\"[' * 200_000 + b'"}')
    parse_events(b'{"a": NaN, "b": [' + b"[" * 200_000 + b"]" * 200_000 + b"]}")
    assert time.process_time() - start < 2
