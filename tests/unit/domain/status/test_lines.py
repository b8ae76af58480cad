"""Each line of `status`: when it is green, amber, red or unknown, and that it agrees with the alarm."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.status.alarms import TABLES
from chalicelib.domain.status.figures import format_duration, holds
from chalicelib.domain.status.judging import State
from chalicelib.domain.status.lines import LINES, get_overall
from chalicelib.domain.status.snapshot import Archived, Point, Published, Queue, Unanswered
from chalicelib.settings import Settings
from tests.support.paths import ROOT
from tests.support.status import (
    NOW,
    by_minute,
    find_metric,
    judge,
    judge_one,
    make_conditions,
    take_snapshot,
)

LAG = find_metric("IteratorAge", "event_processor")
PROCESSED = find_metric("EventsProcessed")
DROPPED = find_metric("TrackingDropped", "assignment")


def test_every_table_is_known() -> None:
    assert {name for name in Settings.__dataclass_fields__ if name.endswith("_table")} == {*TABLES}


def test_without_traffic_and_faults_all_is_green() -> None:
    lines = judge(take_snapshot())
    assert {line.state for line in lines.values()} == {State.GREEN, State.OFF}
    assert get_overall([*lines.values()]) is State.GREEN
    assert lines["PostgreSQL"].state is State.OFF
    assert all(not line.advice and not line.alarms for line in lines.values())


def test_a_source_that_does_not_answer_is_said_and_is_not_green() -> None:
    no = Unanswered("GetMetricData answers AccessDenied")
    sources = ("quarantine", "failed_batches", "published", "archived", "snapshot_version", "keys_confirmed")
    silent: dict[str, Any] = dict.fromkeys(sources, no)
    lines = judge(take_snapshot(no, alarms=no, **silent))
    assert {line.state for line in lines.values()} == {State.UNKNOWN}
    assert {line.text for line in lines.values()} == {no.reason}
    assert get_overall([*lines.values()]) is State.RED


@pytest.mark.parametrize(
    ("source", "affected"),
    [
        ("quarantine", {"quarantine"}),
        ("failed_batches", {"failed batches"}),
        ("published", {"definitions", "snapshot"}),
        ("snapshot_version", {"snapshot"}),
        ("keys_confirmed", {"API keys"}),
        ("archived", {"archive"}),
        ("alarms", {"alarms"}),
        ("series", LINES.keys() - {"quarantine", "failed batches", "alarms", "snapshot", "API keys"}),
    ],
)
def test_of_one_source_only_its_lines_are_unknown(source: str, affected: set[str]) -> None:
    changed: dict[str, Any] = {source: Unanswered("no")}
    lines = judge(take_snapshot(**changed))
    assert {name for name, line in lines.items() if line.state is State.UNKNOWN} == affected


@pytest.mark.parametrize(
    ("minutes", "state"),
    [
        ([0, 0, 0, 0, 0], State.GREEN),
        ([90_000, 90_000, 0, 0, 0], State.GREEN),
        ([0, 0, 0, 0, 90_000], State.AMBER),
        ([90_000, 90_000, 90_000, 0, 0], State.AMBER),  # the alarm rings
        ([13 * 3_600_000] * 5, State.RED),
    ],
)
def test_event_lag(minutes: list[float], state: State) -> None:
    line = judge_one("events", {LAG: by_minute(*minutes)})
    assert line.state is state
    assert bool(line.advice) is bool(line.alarms) is (state > State.GREEN)


def test_a_peak_that_is_over_is_named() -> None:
    line = judge_one("events", {LAG: by_minute(90_000, 2_000), PROCESSED: by_minute(1200, 34)})
    assert line.text == "2 s behind, 90 s a moment ago; 1,234 events/h"


def test_records_that_nobody_reads_are_red() -> None:
    arrived = find_metric("IncomingRecords")
    line = judge_one("events", {arrived: by_minute(5, *[0] * 10)})
    assert (line.state, line.text) == (State.RED, "records arrive, and nobody reads them")
    assert judge_one("events", {arrived: by_minute(5)}).state is State.GREEN  # Lambda will in a moment


def test_on_one_machine_a_pump_that_reports_nothing_is_red() -> None:
    lag = find_metric("IteratorAge", "event_processor", "local")
    for series in ({}, {lag: by_minute(5, *[0] * 9)[:1]}):
        line = judge_one("events", series, env="local", alarms=None)
        assert (line.state, line.text) == (State.RED, "the pump reports nothing")
    assert judge_one("events", {lag: by_minute(5)}, env="local").state is State.GREEN


def test_quarantine_and_failed_batches() -> None:
    oldest = find_metric("ApproximateAgeOfOldestMessage", "quarantine")
    line = judge_one("quarantine", {oldest: by_minute(7_900, 8_000)}, quarantine=Queue(3, 10))
    assert line.state is State.AMBER
    assert line.text == "3 records, the oldest 2 h 13 min old; 10 received by somebody"
    assert judge_one("quarantine", quarantine=Queue(0, 10)).state is State.GREEN
    line = judge_one("failed batches", failed_batches=Queue(1))
    assert (line.state, line.text) == (State.RED, "1 batch")


def test_drops_name_what_was_given_up_and_are_amber_while_the_alarm_rings() -> None:
    earlier = judge_one("drops", {DROPPED: by_minute(12, 0, 0, 0, 0)})
    assert (earlier.state, earlier.text) == (State.GREEN, "12 decisions in the last hour")
    now = judge_one("drops", {DROPPED: by_minute(12), find_metric("Quarantined"): by_minute(2)})
    assert (now.state, now.alarms) == (State.AMBER, ("tracking-drops",))
    assert now.text == "12 decisions, 2 refused records in the last hour"


def test_definitions_show_what_each_function_has_loaded() -> None:
    assigned, flags = (find_metric("DefinitionsVersion", name) for name in ("assignment", "feature_flags"))
    line = judge_one("definitions", {assigned: by_minute(7), flags: by_minute(6, 7)})
    assert line.state is State.GREEN
    assert line.text.splitlines() == [
        "version 7, published 2 h ago",
        "assignment: version 7",
        "feature_flags: version 7",
        "ingest: no report in the last hour",
        "event_processor: no report in the last hour",
    ]


def test_a_function_that_reports_an_old_version_after_a_publication_is_red() -> None:
    flags = find_metric("DefinitionsVersion", "feature_flags")
    for published_at, state in ((NOW - 200, State.RED), (NOW - 50, State.GREEN), (None, State.RED)):
        line = judge_one("definitions", {flags: by_minute(6)}, published=Published(7, published_at))
        assert line.state is state
        assert ("too old" in line.text) is (state is State.RED)
    before = [Point(NOW - 600, 6.0)]  # it has slept since
    assert judge_one("definitions", {flags: before}, published=Published(7, NOW - 500)).state is State.GREEN


def test_definitions_that_cannot_be_refreshed_or_loaded_are_red() -> None:
    age = find_metric("DefinitionsAge", "ingest")
    version = find_metric("DefinitionsVersion", "ingest")
    line = judge_one("definitions", {age: by_minute(75), version: by_minute(7)})
    assert (line.state, line.alarms) == (State.RED, ("stale-definitions",))
    assert "ingest: version 7, not checked for 75 s" in line.text
    assert judge_one("definitions", {age: by_minute(30)}).state is State.GREEN
    invalid = find_metric("InvalidDefinition", "ingest")
    line = judge_one("definitions", {invalid: [Point(NOW - 930, 1.0)]})
    assert (line.state, line.alarms) == (State.RED, ("invalid-definition",))


@pytest.mark.parametrize(
    ("version", "published", "state"),
    [(7, 7, State.GREEN), (6, 7, State.AMBER), (0, 7, State.AMBER), (57, 7, State.AMBER), (0, 0, State.OFF)],
)
def test_a_snapshot_that_is_not_what_is_published_is_amber(
    version: int, published: int, state: State
) -> None:
    line = judge_one("snapshot", published=Published(published, NOW - 60), snapshot_version=version)
    assert line.state is state
    assert ("python -m realtime snapshot" in line.advice) is (state is State.AMBER)


@pytest.mark.parametrize(
    ("confirmed", "state", "text"),
    [
        (NOW - 240, State.GREEN, "snapshot confirmed 4 min ago"),
        (NOW + 5, State.GREEN, "snapshot confirmed 0 s ago"),
        (NOW - 3600, State.AMBER, "snapshot confirmed 1 h ago"),
        (None, State.AMBER, "no snapshot"),
    ],
)
def test_a_snapshot_of_keys_that_nobody_confirms_is_amber(
    confirmed: float | None, state: State, text: str
) -> None:
    line = judge_one("API keys", keys_confirmed=confirmed)
    assert (line.state, line.text) == (state, text)
    assert ("python -m realtime snapshot" in line.advice) is (state is State.AMBER)


def test_an_open_breaker_is_red_and_one_that_was_open_is_named() -> None:
    opened = find_metric("BreakerOpened.definitions", "ingest")
    line = judge_one("breakers", {opened: by_minute(4)})
    assert (line.state, line.text) == (State.RED, "open: definitions (ingest)")
    assert line.alarms == ("breaker-open",)
    line = judge_one("breakers", {opened: by_minute(4, 0, 0, 0, 0)})
    assert (line.state, line.text) == (
        State.GREEN,
        "all closed; opened in the last hour: definitions (ingest)",
    )


def test_alarms_on_breakers_and_keys_are_not_green() -> None:
    line = judge_one("breakers", {find_metric("BreakerOpened", "ingest"): by_minute(4, 4, 4, 4, 4, 4)})
    assert (line.state, line.alarms) == (State.RED, ("breaker-open",))
    line = judge_one("breakers", {find_metric("KeysAge", "authorizer"): by_minute(400)})
    assert (line.state, line.text) == (State.RED, "all closed; API keys cannot be read")
    assert line.alarms == ("stale-keys",)


@pytest.mark.parametrize(
    ("event_minutes", "newest", "state"),
    [
        ([], NOW - 90_000, State.GREEN),  # no events, nothing to archive
        ([], None, State.GREEN),
        ([5], NOW - 90_000, State.GREEN),  # the first event after a long time: Firehose gathers
        ([5, *[0] * 7], NOW - 560, State.GREEN),  # within the slack of a batch
        ([5, *[0] * 7], NOW - 900, State.AMBER),
        ([5] * 8, NOW - 30, State.GREEN),
        ([5] * 40, NOW - 4000, State.RED),
        ([5] * 40, None, State.RED),
    ],
)
def test_the_archive(event_minutes: list[float], newest: float | None, state: State) -> None:
    line = judge_one("archive", {PROCESSED: by_minute(*event_minutes)}, archived=Archived(newest))
    assert line.state is state


def test_an_archive_that_is_too_large_to_look_through_is_unknown_unless_it_is_fresh() -> None:
    series = {PROCESSED: by_minute(*[5] * 40)}
    late = judge_one("archive", series, archived=Archived(NOW - 4000, is_complete=False))
    assert late.state is State.UNKNOWN
    fresh = judge_one("archive", series, archived=Archived(NOW - 5, is_complete=False))
    assert fresh.state is State.GREEN


@pytest.mark.parametrize(
    ("minutes", "state"),
    [([2, 3], State.GREEN), ([90] * 3, State.AMBER), ([50_000] * 3, State.RED)],
)
def test_postgresql_lag(minutes: list[float], state: State) -> None:
    assert judge_one("PostgreSQL", {find_metric("PostgresLag"): by_minute(*minutes)}).state is state


def test_throttled_tables_are_amber() -> None:
    throttled = find_metric("WriteThrottleEvents", "the-flags_table")
    line = judge_one("throttles", {throttled: by_minute(4)})
    assert (line.state, line.alarms) == (State.AMBER, ("flags-table-throttles",))
    assert line.text == "flags-table 4 in the last hour"
    assert judge_one("throttles", env="local").state is State.OFF


def test_an_alarm_that_no_line_shows_is_red() -> None:
    assert judge_one("alarms", alarms=["api-errors", "tracking-drops"]).state is State.RED
    assert judge_one("alarms", alarms=["sample-ratio-mismatch"]).state is State.AMBER


@given(st.lists(st.floats(0, 200_000), min_size=7, max_size=7))
def test_a_line_is_not_green_while_its_alarm_rings(minutes: list[float]) -> None:
    """CloudWatch looks at the last five whole minutes."""
    rings = sum(value > 60_000 for value in minutes[1:-1]) >= 3
    line = judge_one("events", {LAG: by_minute(*minutes)})
    assert line.state > State.GREEN or not rings


BEAT = find_metric("Heartbeat")


@given(st.lists(st.booleans(), min_size=7, max_size=7))
def test_the_line_of_the_heartbeat_is_not_green_while_its_alarm_rings(beats: list[bool]) -> None:
    """A minute without a beat is as bad as one that says so."""
    points = [point for point, has_beat in zip(by_minute(*[1] * 7), beats, strict=True) if has_beat]
    rings = beats[1:-1].count(False) >= 3 and beats[-1] is False and beats[0] is False
    line = judge_one("heartbeat", {BEAT: points})
    assert line.state > State.GREEN or not rings
    assert line.state is State.GREEN or not all(beats)


def test_a_dead_heartbeat_is_red_and_a_stack_that_has_just_started_is_not() -> None:
    assert judge_one("heartbeat", {BEAT: []}).state is State.RED
    local = find_metric("Heartbeat", env="local")
    assert judge_one("heartbeat", {local: []}, env="local").state is State.OFF
    assert judge_one("heartbeat", {local: by_minute(1)}, env="local").state is State.GREEN
    silent = by_minute(1, 0, 0, 0, 0, 0)[:1]
    assert judge_one("heartbeat", {local: silent}, env="local").state is State.RED


def test_a_disabled_event_source_is_red() -> None:
    disabled = find_metric("EventSourcesDisabled")
    line = judge_one("heartbeat", {disabled: by_minute(1, 1, 1, 1, 1, 1)})
    assert (line.state, line.alarms) == (State.RED, ("event-source-disabled",))


@given(st.lists(st.lists(st.integers(0, 2), min_size=3, max_size=3), min_size=2, max_size=2))
def test_several_functions_are_added_as_the_alarm_adds_them(counts: list[list[int]]) -> None:
    condition = make_conditions()["tracking-drops"]
    series = {metric: by_minute(*values) for metric, values in zip(condition.metrics, counts, strict=True)}
    assert holds(condition, series, NOW) is any(
        sum(minute) > 0 for minute in list(zip(*counts, strict=True))[1:]
    )


def test_every_section_that_a_line_names_is_in_the_runbook() -> None:
    text = (ROOT / "docs" / "runbook.md").read_text()
    names = [*make_conditions(), "event_processor-iterator-age", "assignment_sync-iterator-age"]
    assert [name for name in names if f'<a id="{name}">' not in text] == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (119, "119 s"), (120, "2 min"), (3600, "1 h"), (8_000, "2 h 13 min"), (90_000, "1 d 1 h")],
)
def test_durations_have_two_units_at_most(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
