"""Which flags can go: those with one answer for all users, and those that are not used."""

import io
import json
from typing import Any

import pytest
from rich.console import Console

from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.stream.counters import (
    Counter,
    Entry,
    Tally,
    flag_scope,
    format_position,
    to_day_and_hour,
)
from chalicelib.domain.timestamps import format_timestamp
from chalicelib.services.admin.flag_usage import FlagUsage, find_constant_variant
from realtime.commands.flags import list_flags
from realtime.testing.event_stores import MemoryCounters
from realtime.testing.stores import MemoryDefinitions
from tests.support.experiments import published, published_flag, published_segment
from tests.support.flags import flag, rules, variants, where

NOW = 1_800_000_000.0
DAY = 86_400.0
TODAY = int(NOW / DAY)
TARGETED = {"targeting_rules": rules({"rule": where("country", "eq", "DE")})}


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({}, "on"),
        ({"enabled": False}, "off"),
        ({"rollout_percentage": 0}, "off"),
        ({"rollout_percentage": 50}, None),
        (TARGETED, None),
        (TARGETED | {"rollout_percentage": 0}, "off"),
        (TARGETED | {"enabled": False}, "off"),
        ({"overrides": {"u1": "off"}}, None),
        ({"prerequisites": [{"flag": "g", "variants": ["on"]}]}, None),
        (
            {
                "rollout_percentage": 0,
                "rollout_schedule": [{"at": format_timestamp(NOW - DAY), "percentage": 100}],
            },
            "on",
        ),
        (
            {
                "rollout_percentage": 0,
                "rollout_schedule": [{"at": format_timestamp(NOW + DAY), "percentage": 100}],
            },
            None,
        ),
        ({"rules": [{"serve": "on"}]}, None),
        ({"holdout": {"key": "h", "share": 0.1}}, None),
        ({"layer": {"key": "l", "start": 0.0, "end": 0.5}}, None),
        ({"end_at": format_timestamp(NOW + DAY)}, None),
        ({"changes": [{"at": format_timestamp(NOW + DAY), "set": {"enabled": False}}]}, None),
        ({"changes": [{"at": format_timestamp(NOW - DAY), "set": {"enabled": False}}]}, "off"),
        ({"type": "string", "default_variant": "a", "variants": variants(a=0.5, b=0.5)}, None),
        ({"type": "string", "default_variant": "a", "variants": variants(a=0, b=1)}, "b"),
    ],
)
def test_a_flag_is_settled_when_nothing_decides_any_more(fields: dict[str, Any], answer: str | None) -> None:
    assert find_constant_variant(flag(**fields), NOW) == answer


def stepped(days: float) -> dict[str, Any]:
    """For everyone since so many days."""
    return {
        "rollout_percentage": 0,
        "rollout_schedule": [{"at": format_timestamp(NOW - days * DAY), "percentage": 100}],
    }


@pytest.mark.parametrize(
    ("fields", "age", "evaluated", "reasons"),
    [
        ({}, 91, TODAY, ["on for everyone for 91 days"]),
        ({}, 89, TODAY, []),
        ({"rollout_percentage": 50}, 91, TODAY - 30, []),
        ({"rollout_percentage": 50}, 91, TODAY - 31, ["not evaluated since 2026-12-15"]),
        ({"rollout_percentage": 50}, 31, None, ["not evaluated ever"]),
        ({"rollout_percentage": 50}, 29, None, []),
        ({"rollout_percentage": 50, "tracking_sample": 0}, 100, None, []),
        ({"enabled": False}, 100, None, ["off for everyone for 100 days", "not evaluated ever"]),
        (stepped(1), 100, TODAY, []),
        (stepped(91), 100, TODAY, ["on for everyone for 91 days"]),
        (stepped(200), 100, TODAY, ["on for everyone for 100 days"]),
        (stepped(1) | {"enabled": False}, 100, TODAY, ["off for everyone for 100 days"]),
        (stepped(1), 31, None, ["not evaluated ever"]),
    ],
)
def test_why_a_flag_can_go(
    fields: dict[str, Any], age: int, evaluated: int | None, reasons: list[str]
) -> None:
    usage = FlagUsage(flag(**fields), format_timestamp(NOW - age * DAY), evaluated)
    assert list(usage.find_removal_reasons(NOW)) == reasons


class Stores:
    def __init__(self, *flags: DefinitionRow, published: float) -> None:
        self.definitions, self.counters = MemoryDefinitions(), MemoryCounters()
        self.definitions.publish(flags, 0, published)

    def evaluate(self, key: str, at: float) -> None:
        day, hour = to_day_and_hour(at)
        counter = Counter(flag_scope(key), "on", "evaluation", day, "shard-0")
        self.counters.add(Tally(counter, [Entry(format_position("1"), hour)]), None)


def shown(stores: Stores, only_stale: bool, width: int = 200) -> str:
    console = Console(file=io.StringIO(), width=width)
    list_flags(console, stores.definitions, stores.counters, only_stale, NOW)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_list_has_every_flag_or_only_those_that_can_go() -> None:
    half = {"rollout_percentage": 50}
    stores = Stores(
        published_flag("used", **half), published_flag("unused", **half), published=NOW - 40 * DAY
    )
    stores.evaluate("used", NOW - DAY)
    stores.evaluate("used", NOW - 20 * DAY)
    everything, stale = shown(stores, only_stale=False), shown(stores, only_stale=True)
    assert "2027-01-14" in everything
    assert "unused" in everything
    assert "│ used" not in stale
    assert "not evaluated ever" in stale


def test_a_flag_that_others_require_cannot_go_and_they_are_named() -> None:
    needs = {"prerequisites": [{"flag": "needed", "variants": ["on"]}]}
    stores = Stores(
        published_flag("needed"),
        published_flag("one", **needs),
        published_flag("two", **needs),
        published=NOW - 100 * DAY,
    )
    assert "│ needed" not in shown(stores, only_stale=True)
    assert "│ one" in shown(stores, only_stale=True)
    (line,) = (line for line in shown(stores, only_stale=False).splitlines() if "│ needed" in line)
    assert "no: required by one, two" in line


def test_a_flag_that_rules_ask_for_cannot_go() -> None:
    asks: Any = {"flag": "needed", "enabled": True}
    stores = Stores(
        published_flag("needed"),
        published_flag("one", rules=[{"serve": {"flag": "needed"}}]),
        published("two", when=asks),
        published_segment("three", when=asks),
        published=NOW - 100 * DAY,
    )
    (line,) = (line for line in shown(stores, only_stale=False).splitlines() if "│ needed" in line)
    assert "no: required by one, experiment two, segment three" in line


def test_a_flag_that_cannot_be_read_hides_no_other() -> None:
    stores = Stores(published_flag("a"), DefinitionRow("flag", "b", "{broken", "active"), published=NOW)
    lines = shown(stores, only_stale=False).splitlines()
    assert any(line.startswith("│ a") for line in lines)
    assert any(line.startswith("│ b") and "cannot be read: publish it again" in line for line in lines)
    assert "No flag can go." in shown(stores, only_stale=True)


def test_80_columns_cut_off_nothing() -> None:
    stores = Stores(published_flag("a-flag-whose-name-is-long", enabled=False), published=NOW - 100 * DAY)
    assert "…" not in shown(stores, only_stale=True, width=80)


def test_nothing_to_show_is_said() -> None:
    assert "There are no flags." in shown(Stores(published=NOW), only_stale=False)
    assert "No flag can go." in shown(Stores(published_flag("f"), published=NOW), only_stale=True)


def test_json_has_what_the_table_has(capsys: pytest.CaptureFixture[str]) -> None:
    stores = Stores(
        published_flag("half", rollout_percentage=50), published_flag("all"), published=NOW - 40 * DAY
    )
    stores.evaluate("half", NOW - DAY)

    def show(*, only_stale: bool) -> Any:
        list_flags(Console(), stores.definitions, stores.counters, only_stale, NOW, as_json=True)
        return json.loads(capsys.readouterr().out)

    by_key = {each["key"]: each for each in show(only_stale=False)}
    assert by_key["half"]["can_go"] == []
    assert by_key["half"]["last_evaluated"] == "2027-01-14"
    assert by_key["all"]["last_evaluated"] is None
    assert show(only_stale=True) == [by_key["all"]]
    assert by_key["all"]["can_go"]
