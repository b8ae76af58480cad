"""What is an event and what never can be; the two ways of reading them and the model agree."""

from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from chalicelib.domain.stream.amounts import MAX_VALUE, SCALE, scale_value, scale_values
from chalicelib.domain.stream.counters import Counter
from chalicelib.domain.stream.event import (
    MAX_BYTES,
    Event,
    Limits,
    Refusal,
    parse_event,
)
from chalicelib.domain.stream.event_schema import EventDocument
from chalicelib.domain.stream.ordinary_events import parse_ordinary_events
from chalicelib.domain.timestamps import format_timestamp

ARRIVED = datetime.fromisoformat("2026-11-22T10:00:00Z").timestamp()
LIMITS = Limits()
ALWAYS = Limits(float("inf"), float("inf"))
GOOD: dict[str, Any] = {"event_type": "purchase", "user_id": "u1", "timestamp": "2026-11-22T09:59:00Z"}


def parse(data: Any, limits: Limits = LIMITS) -> Event | Refusal:
    return parse_event(data if isinstance(data, bytes) else orjson.dumps(data), ARRIVED, limits)


def refusal(data: Any, limits: Limits = LIMITS) -> tuple[str, str]:
    refused = parse(data, limits)
    assert isinstance(refused, Refusal)
    return refused.code, refused.field


def accepted(**fields: Any) -> Event:
    event = parse(GOOD | fields)
    assert isinstance(event, Event), event
    return event


def test_the_smallest_event_is_accepted() -> None:
    event = accepted()
    assert (event.type, event.user_id, event.timestamp) == ("purchase", "u1", ARRIVED - 60)
    assert (event.event_id, event.experiment_key, event.amount) == (None, None, None)


def test_unknown_fields_are_kept() -> None:
    assert accepted(colour={"of": "money"}).data["colour"] == {"of": "money"}


def test_null_is_absent_for_every_optional_field() -> None:
    optional = (
        "event_id",
        "experiment_key",
        "flag_key",
        "value",
        "currency",
        "sent_at",
        "properties",
        "metadata",
    )
    assert accepted(**dict.fromkeys(optional)).amount is None


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (0, "0"),
        (-0.0, "0"),
        (12.34, "12.34"),
        (29.33, "29.33"),
        (0.000049, "0.000049"),
        (0.00125, "0.00125"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1e-18, "0.000000000000000001"),
        (1e11, "100000000000"),
        (99_999_999_999.9999, "99999999999.9999"),
        (-7, "-7"),
        (10**11, "100000000000"),
    ],
)
def test_values_are_counted_exactly(value: float, amount: str) -> None:
    assert accepted(value=value).amount == int(Decimal(amount).scaleb(18))


@pytest.mark.parametrize("value", [1e-19, 1.5e-18, 1e-300, 0.001 / 3, 5e-324])
def test_a_value_that_cannot_be_kept_exactly_is_refused_by_name(value: float) -> None:
    refused = parse(GOOD | {"value": value})
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.field) == ("invalid_field", "value")
    assert "at most 18 decimals" in refused.message


@given(st.floats(-MAX_VALUE, MAX_VALUE) | st.integers(-MAX_VALUE, MAX_VALUE) | st.decimals(-9, 9, places=9))
def test_a_value_counts_as_the_number_that_json_writes_or_not_at_all(value: float | Decimal) -> None:
    number = float(value) if isinstance(value, Decimal) else value
    exact = Decimal(repr(number))
    amount = scale_value(number)
    assert amount is None or Fraction(amount, SCALE) == Fraction(exact)
    assert (amount is None) == (Fraction(exact) * SCALE != int(Fraction(exact) * SCALE))
    expected = None if amount is None else [amount, None, 15 * SCALE // 10]
    assert scale_values([number, None, 1.5]) == expected


@given(st.integers(-MAX_VALUE * 10_000, MAX_VALUE * 10_000))
def test_a_value_of_four_decimals_is_counted_exactly(amount: int) -> None:
    assert accepted(value=amount / 10_000).amount == amount * SCALE // 10_000


def test_a_currency_is_of_the_value() -> None:
    assert accepted(value=3, currency="EUR").currency == "EUR"
    assert accepted(value=3, currency="usd").currency == "USD"
    assert accepted(currency="EUR").currency == ""
    assert accepted(value=3).currency == ""


NAMES = ["Order Completed", "$pageview", "Café réservé", "a/b#c%d", "日本", "x" * 128, "purchase:v2", "💰"]


@pytest.mark.parametrize("name", NAMES)
def test_events_have_the_names_that_their_senders_use(name: str) -> None:
    assert accepted(event_type=name).type == name
    assert Counter.parse("e", Counter("e", "a", name, 20_779, "s/0").sort_key).event_type == name


@pytest.mark.parametrize("offset", [20 * 60, -3600, 0, 90 * 86_400])
@pytest.mark.parametrize(
    ("marks", "received_at"),
    [
        (None, ARRIVED),
        ({"received_at": ARRIVED - 3600}, ARRIVED - 3600),
        ({"received_at": ARRIVED + 9}, ARRIVED),  # not before it arrived
        ({"received_at": "soon"}, ARRIVED),
        ({"received_at": True}, ARRIVED),
        ("marks", ARRIVED),
    ],
)
def test_a_wrong_clock_is_corrected_by_the_time_of_sending(
    offset: float, marks: Any, received_at: float
) -> None:
    """``offset``: how far the client's clock is ahead."""
    sent_at, written = format_timestamp(ARRIVED + offset), format_timestamp(ARRIVED + offset - 60)
    event = accepted(timestamp=written, sent_at=sent_at, realtime=marks)
    assert event.timestamp == received_at - 60
    assert parse_ordinary_events([orjson.dumps(event.data)], [ARRIVED], LIMITS) == [event]


def test_a_time_of_sending_that_is_none_is_refused() -> None:
    assert refusal(GOOD | {"sent_at": "now"}) == ("invalid_field", "sent_at")
    assert refusal(GOOD | {"sent_at": 7}) == ("invalid_field", "sent_at")
    assert refusal(GOOD | {"timestamp": "9999-01-01T00:00:00Z", "sent_at": "0001-01-01T00:00:00Z"}) == (
        "invalid_field",
        "sent_at",
    )


def test_a_backfill_is_taken_whatever_its_age() -> None:
    old = GOOD | {"timestamp": "1997-01-01T00:00:00Z"}
    assert refusal(old) == ("too_old", "timestamp")
    event = accepted(**old, realtime={"backfill": True})
    assert event.is_backfill
    assert not accepted(realtime={"backfill": "yes"}).is_backfill


def test_an_event_is_as_old_as_when_it_was_first_received() -> None:
    """A record that waits in quarantine does not become too old there."""
    event = GOOD | {"timestamp": "2026-11-10T10:00:00Z"}
    assert refusal(event) == ("too_old", "timestamp")
    received = datetime.fromisoformat("2026-11-10T10:01:00Z").timestamp()
    assert accepted(**event, realtime={"received_at": received}).received_at == received


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", ("empty", "")),
        (b" \n", ("empty", "")),
        (b"{", ("invalid_json", "")),
        (b"{} {}", ("invalid_json", "")),
        (b'{"value": NaN}', ("invalid_json", "")),
        (b'{"value": -Infinity}', ("invalid_json", "")),
        (b'{"user_id": "\\ud800"}', ("invalid_json", "")),
        (b'\xef\xbb\xbf{"a":1}', ("invalid_json", "")),
        (b'{"user_id": "\xff"}', ("invalid_utf8", "")),
        (b'{"user_id": "\xed\xa0\x80"}', ("invalid_utf8", "")),
        (b"[]", ("not_an_object", "")),
        (b"[{}]", ("not_an_object", "")),
        (b"null", ("not_an_object", "")),
        (b'"event"', ("not_an_object", "")),
        (b'{"a":"' + b"x" * MAX_BYTES + b'"}', ("too_large", "")),
        (b"[" * 5000 + b"]" * 5000, ("invalid_json", "")),
    ],
)
def test_what_is_no_json_object_is_refused(text: bytes, expected: tuple[str, str]) -> None:
    assert refusal(text) == expected


@pytest.mark.parametrize("field", ["event_type", "user_id", "timestamp"])
def test_a_missing_field_is_named(field: str) -> None:
    assert refusal({name: value for name, value in GOOD.items() if name != field}) == ("missing_field", field)
    assert refusal(GOOD | {field: None}) == ("missing_field", field)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        (
            "event_type",
            ["", "x" * 129, "purchase\n", "a\x7f", "a\x85b", "$assigned", "$other", 1, ["purchase"], {}],
        ),
        ("user_id", ["", 7, 7.5, True, "a\u0000b", "x" * 1025, ["u"], {}]),
        ("timestamp", ["", "yesterday", "2026-13-01T00:00:00Z", 1_795_341_600, "2026-11-22T10:00:00Zz", []]),
        ("event_id", ["", "x" * 257, 1, [], {}]),
        ("experiment_key", ["", "a/b", "a:b", 1, "key\n"]),
        ("flag_key", ["", "a b", []]),
        ("value", ["1", True, [], {}, 1.1e11, -1.1e11, 10**30, -(10**18)]),
        ("properties", ["", [], 1, True]),
        ("metadata", ["", [], 1, False]),
        ("currency", ["", "€", "EU", "EUROPEANS", 978, [], "E R"]),
    ],
)
def test_a_field_of_the_wrong_kind_is_named(field: str, values: list[Any]) -> None:
    for value in values:
        text = orjson.dumps(GOOD | {field: "REPLACED"}).replace(b'"REPLACED"', _json(value))
        assert refusal(text) == ("invalid_field", field), value


def test_an_event_may_be_seven_days_late_and_ten_minutes_early() -> None:
    assert refusal(GOOD | {"timestamp": "2026-11-15T09:59:59Z"}) == ("too_old", "timestamp")
    assert refusal(GOOD | {"timestamp": "2026-11-22T10:10:01Z"}) == ("in_the_future", "timestamp")
    accepted(timestamp="2026-11-15T10:00:00Z")
    accepted(timestamp="2026-11-22T10:10:00Z")


@pytest.mark.parametrize("timestamp", ["1970-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59"])
def test_a_clock_that_was_never_set_is_too_old(timestamp: str) -> None:
    assert refusal(GOOD | {"timestamp": timestamp})[0] in ("too_old", "invalid_field")


def test_a_clock_of_2099_is_in_the_future() -> None:
    assert refusal(GOOD | {"timestamp": "2099-01-01T00:00:00Z"}) == ("in_the_future", "timestamp")


@pytest.mark.parametrize("timestamp", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_that_is_no_date_in_utc_is_refused_whatever_the_limits(timestamp: str) -> None:
    event = GOOD | {"timestamp": timestamp}
    assert refusal(event, ALWAYS) == ("invalid_field", "timestamp")
    assert parse_ordinary_events([orjson.dumps(event)], [ARRIVED], ALWAYS) is None


def test_limits_may_be_lifted() -> None:
    for timestamp in ("1970-01-01T00:00:00Z", "2099-01-01T00:00:00Z"):
        assert isinstance(parse(GOOD | {"timestamp": timestamp}, ALWAYS), Event)


def test_a_time_without_an_offset_is_utc_and_any_other_is_converted() -> None:
    assert accepted(timestamp="2026-11-22T09:59:00").timestamp == ARRIVED - 60
    assert accepted(timestamp="2026-11-22T15:29:00+05:30").timestamp == ARRIVED - 60
    assert accepted(timestamp="2026-11-22T09:59:00.250Z").timestamp == ARRIVED - 59.75


def test_an_hour_is_of_utc_in_every_zone_and_before_1970() -> None:
    assert accepted(timestamp="2026-11-22T00:30:00-09:30").hour % 24 == 10
    before = parse(GOOD | {"timestamp": "1969-12-31T23:00:00Z"}, ALWAYS)
    assert isinstance(before, Event)
    assert before.hour == -1


def test_of_a_key_that_is_given_twice_the_last_counts() -> None:
    text = orjson.dumps(GOOD | {"value": 1}).replace(b'"value":1', b'"value":1,"value":2')
    event = parse(text)
    assert isinstance(event, Event)
    assert event.amount == 2 * SCALE


def test_depth_is_limited_to_32_levels() -> None:
    def nested(levels: int) -> dict[str, Any]:
        inner: Any = {}
        for level in range(levels - 2):
            inner = [inner] if level % 2 else {"a": inner}
        return {**GOOD, "properties": {"a": inner}}

    assert isinstance(parse(nested(31)), Event)
    assert refusal(nested(33)) == ("too_deep", "")
    wide = {**GOOD, "properties": {"list": [[] for _ in range(100)]}}
    assert isinstance(parse(wide), Event)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)
fields = {
    "event_type": st.sampled_from(["purchase", "a b", "", "$other", "a\n", "x" * 129]),
    "user_id": st.sampled_from(["u1", "", "ü", "a\x7fb", "x" * 1025]),
    "timestamp": st.sampled_from(
        [
            "2026-11-22T10:00:00Z",
            "2026-11-22T09:00:00",
            "2026-11-22",
            "now",
            "1970-01-01",
            "0001-01-01T00:00:00+14:00",
        ]
    ),
    "event_id": st.sampled_from(["e1", "", "x" * 257]),
    "experiment_key": st.sampled_from(["checkout", "a:b", ""]),
    "flag_key": st.sampled_from(["dark", " "]),
    "value": st.sampled_from([1, 2.5, 1e12, -0.0, 0.1 + 0.2, 1e-19]),
    "currency": st.sampled_from(["EUR", "usd", "€", ""]),
    "sent_at": st.sampled_from(["2026-11-22T10:20:00Z", "2026-11-22T09:00:00", "soon"]),
    "realtime": st.sampled_from([{"received_at": ARRIVED - 5}, {"received_at": "x"}, {"backfill": True}]),
    "properties": st.sampled_from([{}, {"a": [1]}]),
    "metadata": st.sampled_from([{}, {"b": {}}]),
    "other": st.sampled_from([1]),
}
required = ("event_type", "user_id", "timestamp")
events = st.fixed_dictionaries(
    {name: fields[name] | anything for name in required},
    optional={name: values | anything for name, values in fields.items() if name not in required},
) | st.just(GOOD)


@given(events)
def test_the_model_accepts_what_the_reader_accepts(data: dict[str, Any]) -> None:
    data = orjson.loads(orjson.dumps(data))
    try:
        EventDocument.model_validate(data)
    except ValidationError:
        valid = False
    else:
        valid = True
    assert isinstance(parse(data, ALWAYS), Event) == valid


@given(
    st.lists(
        st.tuples(events.map(orjson.dumps) | st.binary(max_size=5), st.sampled_from([ARRIVED, 0.0])),
        max_size=4,
    )
)
def test_ordinary_events_are_read_as_one_by_one(batch: list[tuple[bytes, float]]) -> None:
    texts, arrived = [text for text, _ in batch], [at for _, at in batch]
    events_ = parse_ordinary_events(texts, arrived, LIMITS)
    one_by_one = [parse_event(text, at, LIMITS) for text, at in batch]
    assert events_ == (one_by_one if events_ is not None else None)


def test_what_most_producers_send_is_ordinary() -> None:
    sent = [
        GOOD,
        GOOD
        | {"event_id": "e1", "experiment_key": "k", "flag_key": "f", "value": 2.5, "properties": {"a": [1]}},
        GOOD | {"event_id": None, "value": None, "metadata": {}, "user_id": "a b.c@d", "more": {"b": {}}},
    ]
    assert parse_ordinary_events([orjson.dumps(event) for event in sent], [ARRIVED] * 3, LIMITS) is not None


def _json(value: Any) -> bytes:
    return str(value).encode() if type(value) is int else orjson.dumps(value)
