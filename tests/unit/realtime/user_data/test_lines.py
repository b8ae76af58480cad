"""Lines of the archive without a user."""

import base64
import gzip
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.user_data.lines import FORGOTTEN, Action, holds_user, rewrite_lines
from realtime.user_data.matching import Matcher
from realtime.user_data.pseudonyms import Pseudonyms

USER, OTHER = "customer-7", "customer-8"
PEOPLE = {USER: USER, "visitor-7": USER}
PSEUDONYMS = Pseudonyms(b"salt", PEOPLE)
REMOVE, PSEUDONYMISE = Action(None), Action(PSEUDONYMS)
MATCHER = Matcher(list(PEOPLE))
WITH_NUMBER = Matcher([*PEOPLE, "8"])


def line(user: str, **fields: Any) -> bytes:
    return orjson.dumps({"event_type": "purchase", "user_id": user, **fields})


def test_own_lines_go_and_all_others_stay_byte_for_byte() -> None:
    strange = b'{ "user_id" : "customer-78", "n": 1.50, "t": "\\u0041" }\r'
    body = b"\n".join([line(OTHER), line(USER, value=2), strange, b"", line("visitor-7"), line(OTHER), b""])
    rewritten = rewrite_lines(body, MATCHER, REMOVE)
    assert rewritten.body == b"\n".join([line(OTHER), strange, b"", line(OTHER), b""])
    assert (rewritten.own, rewritten.mentions) == (2, 0)
    assert rewritten.lines == [line(USER, value=2), line("visitor-7")]


@pytest.mark.parametrize("escaped", [b"customer\\u002d7", b"\\u0063ustomer-7", b"customer-7"])
def test_an_id_is_found_however_it_is_escaped(escaped: bytes) -> None:
    assert rewrite_lines(b'{"user_id":"%b"}\n' % escaped, MATCHER, REMOVE).body == b""


def test_mentions_in_lines_of_others_are_replaced() -> None:
    body = line(OTHER, properties={"invited_by": USER, "n": 1}) + b"\n" + line(OTHER) + b"\n"
    rewritten = rewrite_lines(body, MATCHER, REMOVE)
    expected = line(OTHER, properties={"invited_by": FORGOTTEN, "n": 1}) + b"\n" + line(OTHER) + b"\n"
    assert rewritten.body == expected
    assert (rewritten.own, rewritten.mentions) == (0, 1)


def test_a_pseudonym_keeps_what_is_analysed_and_hides_what_can_be_computed_from_the_id() -> None:
    realtime = {"place": "p:1:0", "experiments": [{"id": "checkout", "variant": "control"}]}
    body = line(
        USER,
        event_id="9f0c",
        value=12.5,
        properties={"assignment_id": "a-1", "url": f"/u/{USER}", "colour": "blue"},
        realtime=realtime,
    )
    [changed] = map(orjson.loads, rewrite_lines(body, MATCHER, PSEUDONYMISE).body.splitlines())
    pseudonym = PSEUDONYMS.get_user(USER)
    assert changed == {
        "event_type": "purchase",
        "user_id": pseudonym,
        "event_id": PSEUDONYMS.hide("event", "9f0c"),
        "value": 12.5,
        "properties": {
            "assignment_id": PSEUDONYMS.hide("assignment", "a-1"),
            "url": f"/u/{pseudonym}",
            "colour": "blue",
        },
        "realtime": realtime,
    }


def test_all_ids_of_a_person_become_one_user() -> None:
    body = b"\n".join([line(USER), line("visitor-7")])
    changed = [
        orjson.loads(text)["user_id"] for text in rewrite_lines(body, MATCHER, PSEUDONYMISE).body.split()
    ]
    assert len(set(changed)) == 1
    assert Pseudonyms(b"other", PEOPLE).get_user(USER) not in changed


def test_each_of_several_people_keeps_an_own_pseudonym() -> None:
    people = {USER: USER, "visitor-7": USER, OTHER: OTHER}
    body = b"\n".join([line(USER), line(OTHER), line("visitor-7"), line("customer-9")])
    rewritten = rewrite_lines(body, Matcher(list(people)), Action(Pseudonyms(b"salt", people)))
    users = [orjson.loads(text)["user_id"] for text in rewritten.body.splitlines()]
    assert users[0] == users[2] != users[1]
    assert users[3] == "customer-9"
    assert rewritten.own == 3


def test_fields_can_be_dropped_from_lines_with_a_pseudonym() -> None:
    body = b"\n".join([line(USER, properties={"email": "a@b.c"}), line(OTHER, properties={"a": 1})])
    first, second = rewrite_lines(body, MATCHER, Action(PSEUDONYMS, ["properties"])).body.split(b"\n")
    assert "properties" not in orjson.loads(first)
    assert second == line(OTHER, properties={"a": 1})


def test_records_that_firehose_could_not_deliver_are_searched() -> None:
    def failed(user: str) -> bytes:
        return orjson.dumps({"errorCode": "x", "rawData": base64.b64encode(line(user)).decode()})

    body = b"\n".join([failed(OTHER), failed(USER), b""])
    assert rewrite_lines(body, MATCHER, PSEUDONYMISE).body == failed(OTHER) + b"\n"


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (line(USER), True),
        (line(OTHER), False),
        (line("customer-78"), False),
        (b'{"user_id": "customer-7", broken', True),
        (b"\xff\x00customer-7\x12customer-9", True),
        (b"[]", False),
        (b'{"user_id": "8", "n": 9, broken', True),
        (b'{"user_id": "9", "n": "8", broken', False),
        (gzip.compress(line(OTHER), mtime=0), False),
    ],
)
def test_a_payload_that_is_no_event_is_searched_as_text(payload: bytes, expected: bool) -> None:
    assert holds_user(payload, WITH_NUMBER) is expected


USERS = st.sampled_from([USER, OTHER, "visitor-7", "customer-78", "visitor"])


@given(users=st.lists(USERS), has_end=st.booleans(), mode=st.sampled_from([REMOVE, PSEUDONYMISE]))
def test_what_was_rewritten_holds_nobody_and_all_others(
    users: list[str], has_end: bool, mode: Action
) -> None:
    lines = [line(user, n=number) for number, user in enumerate(users)]
    body = b"\n".join(lines) + (b"\n" if has_end else b"")
    rewritten = rewrite_lines(body, MATCHER, mode)
    assert not rewrite_lines(rewritten.body, MATCHER, mode).has_users
    assert rewritten.own == sum(user in PEOPLE for user in users)
    kept = rewritten.body.split(b"\n")
    assert [text for text in kept if text in lines] == [
        text for text, user in zip(lines, users, strict=True) if user not in PEOPLE
    ]
