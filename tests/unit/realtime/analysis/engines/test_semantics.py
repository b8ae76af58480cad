"""What an engine counts: by example, and equal to a plain reading of the same lines."""

import gzip
import json
import os
import random
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.definitions.analysis_schema import MetricDocument
from realtime.analysis.archive.folder import FolderArchive
from realtime.analysis.engines.duckdb_engine import create_duckdb_engine
from realtime.analysis.engines.sql_engine import SqlEngine
from realtime.analysis.model import Census, Moments
from tests.support.archives import (
    DAY,
    START,
    Line,
    Reading,
    assignment,
    attribution,
    check_equal,
    design,
    draw_design,
    draw_lines,
    exposure,
    line,
    write_lines,
)

Ask = Callable[..., Any]
REVENUE = MetricDocument(key="revenue", event="purchase", aggregate="sum")
ORDERS = MetricDocument(key="orders", event="purchase")


def open_engine(folder: Path, lines: list[Line]) -> SqlEngine:
    (folder / "raw" / "events").mkdir(parents=True, exist_ok=True)
    write_lines(folder, lines or [line("nobody", "other", START, "s:none:0")])
    return create_duckdb_engine(FolderArchive(folder))


def measure(folder: Path, lines: list[Line], metric: MetricDocument, **fields: Any) -> Moments:
    [moments] = open_engine(folder, lines).read_moments(design(metric, **fields), [metric])
    return moments


def count(folder: Path, lines: list[Line], **fields: Any) -> Census:
    return open_engine(folder, lines).read_census(design(ORDERS, **fields))


def total(moments: Moments, name: str = "y") -> list[Any]:
    return [sums.totals[name] for sums in moments.sums]


def buy(user: str, at: float, place: str, value: Any = 10, **fields: Any) -> Line:
    return line(user, "purchase", START + at, place, value=value, **fields)


def see(user: str, variant: str, at: float, place: str, **fields: Any) -> Line:
    return exposure(user, variant, START + at, place, **fields)


def compare_with_reference(folder: Path, seed: int) -> int:
    """The number of users."""
    rng = random.Random(seed)
    lines, drawn = draw_lines(rng), draw_design(rng)
    reading = Reading(drawn, lines)
    engine = open_engine(folder, lines)
    metrics = [planned.metric for planned in drawn.metrics]
    for metric, found in zip(metrics, engine.read_moments(drawn, metrics), strict=True):
        check_equal(found, reading.build(metric))
    census = engine.read_census(drawn)
    variants = [anchor.variant for anchor in reading.anchors]
    assert [users.users for users in census.users] == [
        variants.count(users.variant) for users in census.users
    ]
    assert census.unassigned == reading.unassigned
    assert census.left_out == len(reading.left_out)
    assert sum(users.moved for users in census.users) == len(reading.moved)
    if drawn.since is None:
        assert census.events_before_anchor == reading.count_before_anchor(metrics)
        assert engine.read_counts(drawn) == reading.count_attributed(metrics)
    return len(variants)


@pytest.mark.parametrize("seed", range(300 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 12))
def test_moments_equal_a_plain_reading(tmp_path: Path, seed: int) -> None:
    compare_with_reference(tmp_path, seed)


def test_a_place_counts_once_by_the_line_that_says_most(tmp_path: Path) -> None:
    first = see("u1", "treatment", 0, "p1")
    before = dict(first, realtime=first["realtime"] | {"experiments": []})
    bought = buy("u1", 5, "p2")
    again = dict(bought, realtime=bought["realtime"] | {"duplicate": True})
    assert total(measure(tmp_path / "a", [before, first, bought, bought], ORDERS)) == [0, 1]
    assert total(measure(tmp_path / "b", [before, first, bought, again], ORDERS)) == [0, 0]


def test_events_are_counted_as_the_counters_have_them(tmp_path: Path) -> None:
    """Also before the anchor and a second time; not what is marked as repeated or counted as another type."""
    mine = {"experiments": [attribution("control")]}
    other = {"experiments": [attribution("control", id="other"), attribution("treatment", iteration=2)]}
    lines = [
        buy("u1", 0, "p1", **mine),
        see("u1", "control", 5, "p2"),
        buy("u1", 9, "p3", event_id="order-7", **mine),
        buy("u1", 3 * DAY, "p4", event_id="order-7", **mine),
        buy("u1", 9, "p5", duplicate=True, **mine),
        buy("u1", 9, "p6", **other),
        buy("u1", 9, "p7", experiments=[attribution("control") | {"counted_as": "$other"}]),
        buy("u2", 9, "p8", experiments=[attribution("$unassigned")]),
    ]
    engine = open_engine(tmp_path, [*lines, lines[0]])
    assert engine.read_counts(design(ORDERS)) == {
        "exposure": {"control": 1},
        "purchase": {"control": 3},
    }
    refunds = MetricDocument(key="refunds", event="refund")
    assert engine.read_counts(design(refunds)) == {"exposure": {"control": 1}, "refund": {}}


def test_an_event_that_was_sent_again_later_counts_once_and_is_told(tmp_path: Path) -> None:
    lines = [
        see("u1", "control", 0, "p1"),
        buy("u1", 5, "p2", event_id="order-7"),
        buy("u1", 3 * DAY, "p3", event_id="order-7"),
        buy("u2", 5, "p4", event_id="order-7"),
        line("u1", "refund", START + 9, "p5", event_id="order-7"),
    ]
    assert total(measure(tmp_path, lines, ORDERS)) == [1, 0]
    assert count(tmp_path, []).late_duplicates == 1


def test_copied_objects_change_nothing(tmp_path: Path) -> None:
    rng = random.Random(11)
    lines = draw_lines(rng)
    write_lines(tmp_path, lines)
    asked = design(REVENUE, ORDERS)

    def ask() -> tuple[Census, list[Moments], object]:
        engine = create_duckdb_engine(FolderArchive(tmp_path))
        metrics = [REVENUE, ORDERS]
        return engine.read_census(asked), engine.read_moments(asked, metrics), engine.read_counts(asked)

    before = ask()
    assert before[0].users[0].users > 0
    for path in list(tmp_path.rglob("*.jsonl.gz")):
        path.with_name(f"copy-{path.name}").write_bytes(path.read_bytes())
    assert ask() == before


def test_a_user_stays_in_the_first_variant_and_is_said_to_have_moved(tmp_path: Path) -> None:
    lines = [see("u1", "control", 0, "p1"), see("u1", "treatment", 10, "p2"), buy("u1", 20, "p3")]
    assert total(measure(tmp_path, lines, REVENUE)) == [10, 0]
    control, treatment = count(tmp_path, []).users
    assert (control.users, control.moved, treatment.users) == (1, 1, 0)
    assert control.by_day == {"2026-11-01": 1}


def test_ids_that_are_linked_are_one_user(tmp_path: Path) -> None:
    lines = [
        see("phone", "control", 0, "p1", person="ann"),
        buy("ann", 5, "p2"),
        buy("tab", 6, "p3", person="ann"),
    ]
    moments = measure(tmp_path, lines, REVENUE)
    assert (moments.sums[0].users, total(moments)) == (1, [20, 0])


def test_windows_begin_with_the_anchor_and_end_before_their_end(tmp_path: Path) -> None:
    lines = [
        see("u1", "control", DAY, "p0"),
        *(buy("u1", at, f"p{at}", 1) for at in (DAY - 1, DAY, 2 * DAY - 0.000001, 2 * DAY)),
    ]
    metric = MetricDocument(key="m", event="purchase", window="1d", pre_period="1h")
    moments = measure(tmp_path, lines, metric, until=START + 2 * DAY)
    assert (total(moments), total(moments, "x"), moments.waiting) == ([2, 0], [1, 0], 0)
    moments = measure(tmp_path, [], metric, until=START + 2 * DAY - 0.000001)
    assert (total(moments), moments.sums[0].users, moments.waiting) == ([0, 0], 0, 1)


def test_anchors_are_those_in_the_asked_time(tmp_path: Path) -> None:
    lines = [
        see("u1", "control", 0, "p1"),
        see("u1", "treatment", DAY, "p2"),
        see("u2", "control", 2 * DAY, "p3"),
    ]
    engine = open_engine(tmp_path, lines)
    census = engine.read_census(design(ORDERS, since=START + DAY, until=START + 2 * DAY))
    assert [users.users for users in census.users] == [0, 1]
    assert (census.first_anchor, census.last_anchor) == (START + DAY, START + DAY)


def test_who_has_an_override_is_left_out_and_who_has_no_variant_is_told(tmp_path: Path) -> None:
    lines = [
        see("tester's", "control", 0, "p1"),
        see("u2", "$unassigned", 0, "p2"),
        see("u3", "treatment", 0, "p3"),
        line("u4", "exposure", START, "p4", experiments=[attribution("treatment", iteration=2)]),
        line("u5", "exposure", START, "p5", experiments=[attribution("treatment", id="other")]),
    ]
    census = count(tmp_path, lines, left_out=frozenset(["tester's"]))
    assert [users.users for users in census.users] == [0, 1]
    assert (census.left_out, census.unassigned) == (1, 1)


def test_an_event_that_names_another_experiment_does_not_count(tmp_path: Path) -> None:
    lines = [
        see("u1", "control", 0, "p1"),
        buy("u1", 1, "p2", experiment_key="other"),
        buy("u1", 2, "p3", experiment_key="checkout"),
        buy("u1", 3, "p4"),
        buy("u1", -1, "p5"),
    ]
    assert total(measure(tmp_path, lines, ORDERS)) == [2, 0]
    assert count(tmp_path, []).events_before_anchor == 1


def test_assignments_are_of_an_iteration_and_older_ones_of_the_first(tmp_path: Path) -> None:
    lines = [
        assignment("u1", "control", START, "p1", None),
        assignment("u2", "treatment", START, "p2", 2),
        assignment("u3", "treatment", START, "p3", 1),
    ]
    assert [users.users for users in count(tmp_path, lines, anchor="assignment").users] == [1, 1]
    assert [users.users for users in count(tmp_path, [], anchor="assignment", iteration=2).users] == [0, 1]


def test_accounts_are_compared_where_accounts_are_divided(tmp_path: Path) -> None:
    """Two users of one account are one unit. Events that do not say their account are told."""
    acme: Line = {"properties": {"account": {"id": "acme"}}}
    lines = [
        see("u1", "control", 0, "p1", **acme),
        see("u2", "control", 5, "p2", **acme),
        see("u3", "treatment", 0, "p3", properties={"account.id": 7}),
        see("u4", "treatment", 0, "p4"),
        buy("u2", 9, "p5", **acme),
        buy("u1", 9, "p6", value=5, **acme),
        buy("u1", 9, "p7"),
        buy("u9", 9, "p8", properties={"account": {"id": ""}, "account.id": "7"}),
    ]
    fields: Any = {"unit": (("account.id",), ("account", "id"))}
    assert total(measure(tmp_path, lines, REVENUE, **fields)) == [15, 10]
    census = count(tmp_path, [], **fields)
    assert [users.users for users in census.users] == [1, 1]
    assert (census.nameless, census.lines) == (2, 8)
    also_users = count(tmp_path, [], unit=(*fields["unit"], ("user_id",)))
    assert [users.users for users in also_users.users] == [1, 2]
    assert also_users.nameless == 0


def test_a_baseline_takes_everybody_with_the_event(tmp_path: Path) -> None:
    lines = [
        buy("u1", 0, "p1", 7),
        buy("u1", 5, "p2", 8, experiment_key="other"),
        see("u2", "control", 0, "p3"),
    ]
    moments = measure(
        tmp_path, lines, REVENUE, is_baseline=True, anchor="purchase", shares={"all": 1.0}, control="all"
    )
    assert [(sums.variant, sums.users) for sums in moments.sums] == [("all", 1)]
    assert total(moments) == [15]


def test_other_currencies_are_left_out_or_converted_and_told(tmp_path: Path) -> None:
    lines = [
        see("u1", "control", 0, "p0"),
        buy("u1", 1, "p1", 10, currency="EUR"),
        buy("u1", 2, "p2", 0.1, currency="eur"),
        buy("u1", 3, "p3", 100.00005, currency="USD"),
        buy("u1", 4, "p4", 5),
    ]
    moments = measure(tmp_path, lines, REVENUE)
    assert (total(moments)[0], moments.currencies) == (Fraction("10.1"), {"USD": 1, "": 1})
    dollars = REVENUE.model_copy(update={"currency": "USD"})
    moments = measure(tmp_path, [], dollars)
    assert (total(moments)[0], moments.currencies) == (Fraction("100.0001"), {"EUR": 2, "": 1})
    converted = REVENUE.model_copy(update={"currency": "EUR", "rates": {"USD": "0.9213"}})
    moments = measure(tmp_path, [], converted)
    assert (total(moments)[0], moments.currencies) == (Fraction("102.23"), {"": 1})


def test_amounts_are_exact_in_ten_thousandths(tmp_path: Path) -> None:
    values = [0.1 + 0.2, 1e-05, 0.00005, -0.00005, 1e10, 99999999999.5]
    lines = [see("u1", "control", 0, "p0"), *(buy("u1", 1, f"p{value}", value) for value in values)]
    assert total(measure(tmp_path, lines, REVENUE))[0] == Fraction("0.3") + 10**10 + Fraction("99999999999.5")


def test_lines_without_a_readable_time_are_told(tmp_path: Path) -> None:
    """Lines of before there was ``occurred_at`` have only the text that was sent."""
    old, lost = see("u1", "control", 0, "p1"), see("u2", "control", 0, "p2")
    engine = open_engine(tmp_path, [see("u3", "control", 0, "p3")])
    del old["realtime"]["occurred_at"], lost["realtime"]["occurred_at"]
    old["timestamp"], lost["timestamp"] = "2026-11-01T02:00:00.25+02:00", "20261101T000000Z"
    [path] = tmp_path.rglob("*.jsonl.gz")
    body = "".join(json.dumps(each) + "\n" for each in (old, lost))
    path.with_name("old.jsonl.gz").write_bytes(gzip.compress(body.encode()))
    census = engine.read_census(design(ORDERS))
    assert (census.users[0].users, census.unreadable) == (2, 1)
    assert census.last_anchor == START + 0.25


def test_segments_are_of_the_anchors_property(tmp_path: Path) -> None:
    lines = [
        see("u1", "control", 0, "p1", properties={"count'ry": "D'E", "n": 1}),
        see("u2", "treatment", 0, "p2", properties={"count'ry": "D'E", "n": True}),
        see("u3", "treatment", 0, "p3", properties={"count'ry": "AT"}),
        see("u4", "treatment", 0, "p4"),
        buy("u2", 1, "p5", 7, properties={"count'ry": "FR"}),
    ]
    engine = open_engine(tmp_path, lines)
    found = engine.read_moments(design(REVENUE), [REVENUE, ORDERS], by="count'ry")
    assert [(each.metric.key, each.segment) for each in found] == [
        (metric, segment) for metric in ("revenue", "orders") for segment in ("D'E", "(none)", "AT")
    ]
    assert total(found[0]) == [0, 7]
    assert {each.segment for each in engine.read_moments(design(ORDERS), [ORDERS], by="n")} == {
        "1",
        "true",
        "(none)",
    }


def test_looks_are_what_was_known_at_their_time(tmp_path: Path) -> None:
    lines = draw_lines(random.Random(5))
    metric = MetricDocument(key="m", event="purchase", aggregate="sum", window="2d", cap=0.9, pre_period="3d")
    engine = open_engine(tmp_path, lines)
    times = [START + day * DAY for day in (3, 6, 12)]
    looks = engine.read_looks(design(metric), metric, times)
    assert [look.until for look in looks] == times
    for look in looks:
        [expected] = engine.read_moments(design(metric, until=look.until), [metric])
        assert look.moments.sums == expected.sums
        assert (look.moments.waiting, look.moments.cap) == (expected.waiting, expected.cap)
    assert looks[-1].moments.sums[0].users > 0


def test_days_and_distribution_add_up_to_the_whole(tmp_path: Path) -> None:
    lines = [
        see("u1", "control", 0, "p1"),
        see("u2", "treatment", 9 * DAY, "p2"),
        buy("u1", 5, "p3", 2.5),
        buy("u1", 1.5 * DAY, "p4", 4),
        buy("u2", 9.5 * DAY, "p5", 20),
    ]
    metric = MetricDocument(key="m", event="purchase", aggregate="sum", window="3d")
    engine = open_engine(tmp_path, lines)
    days = engine.read_days(design(metric, until=START + 10 * DAY), metric, 7)
    assert [(each.day, each.users, each.total) for each in days if each.variant == "control"] == [
        (0, 1, Fraction("2.5")),
        (1, 1, 4),
        (2, 1, 0),
    ]
    treated: list[Any] = [(each.users, each.total) for each in days if each.variant == "treatment"]
    assert treated == [(1, 20), (0, 0), (0, 0)]
    bins = engine.read_distribution(design(metric), metric, 4)
    assert [(each.variant, each.users) for each in bins if each.users] == [("control", 1), ("treatment", 1)]
    assert all(each.lower < each.upper for each in bins)
    [control] = [each for each in bins if each.variant == "control" and each.users]
    assert control.lower <= 6.5 < control.upper


def test_a_variant_without_users_stays_and_nobody_is_an_answer(tmp_path: Path) -> None:
    moments = measure(tmp_path, [], REVENUE)
    assert [(sums.variant, sums.users) for sums in moments.sums] == [("control", 0), ("treatment", 0)]
    assert moments.cap is None
