"""Written tests of times: `{if: last_seen, after: "now - 7d", as: epoch-auto}`."""

from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.domain.definitions.compiler import compile_segment, parse_segment
from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.general_form.state import State

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC).timestamp()
WEEK = 7 * 86_400


def holds(condition: dict[str, Any], value: Any) -> bool | None:
    segment = compile_segment(parse_segment({"key": "s", "when": {"if": "t"} | condition}))
    return segment.condition("ada", {"t": value}, State(NOW, lambda _key: None, lambda _key: None))


@pytest.mark.parametrize(
    ("reader", "earlier", "later"),
    [
        ("instant", "2026-11-19T11:59:59Z", "2026-11-19T12:00:01Z"),
        ("instant-utc", "2026-11-19 11:59", "2026-11-20"),
        ("instant-ms", (NOW - WEEK) * 1000 - 1, (NOW - WEEK) * 1000 + 1),
        ("instant-or-epoch", NOW - WEEK - 1, "2026-11-19T12:00:01Z"),
        ("epoch-auto", str(int(NOW - WEEK - 1)), (NOW - WEEK) * 1000 + 1),
        ("minute", int(NOW - WEEK - 1), int(NOW - WEEK + 60)),
        ("day", int(NOW - 8 * 86_400), int(NOW - 6 * 86_400)),
    ],
)
def test_relative_times_have_every_reader_of_times(reader: str, earlier: Any, later: Any) -> None:
    after = {"after": "now - 7d", "as": reader}
    before = {"lt": "now - 1w", "as": reader}
    assert (holds(after, earlier), holds(after, later)) == (False, True)
    assert (holds(before, earlier), holds(before, later)) == (True, False)


def test_other_readers_have_no_relative_times() -> None:
    assert holds({"eq": "now", "as": "text"}, "now") is True
    with pytest.raises(InvalidInput):
        holds({"gt": "now - 7d", "as": "number"}, 5)
