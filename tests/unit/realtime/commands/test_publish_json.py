"""`publish --json`: what happened, as one object."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from realtime.commands.publish import refuse_to_ask
from tests.support.publisher import FLAG, Publisher

EXPERIMENT = {
    "key": "e",
    "variants": [{"key": "a", "allocation": 0.5}, {"key": "b", "allocation": 0.5}],
    "analysis": {"primary": ["orders"]},
}

ORDERS = {"key": "orders", "event": "purchase"}


@pytest.fixture
def report() -> dict[str, Any]:
    return {}


def test_what_was_published(publisher: Publisher, report: dict[str, Any]) -> None:
    assert publisher.publish(FLAG, record=report.update) == 0
    [change] = report.pop("changes")
    assert (change["sign"], change["kind"], change["key"]) == ("+", "flag", "f")
    assert report == {
        "valid": True,
        "definitions": 1,
        "metrics": 0,
        "errors": [],
        "warnings": [],
        "skipped": [],
        "outcome": "published",
        "version": 1,
        "proposal": None,
        "notes": [],
    }


def test_a_dry_run_has_the_differences_and_changes_nothing(
    publisher: Publisher, report: dict[str, Any]
) -> None:
    publisher.publish(FLAG)
    assert publisher.publish(FLAG | {"enabled": False}, dry_run=True, record=report.update) == 0
    assert (report["outcome"], report["version"], report["needs_approval"]) == ("dry_run", 1, False)
    [change] = report["changes"]
    assert [each["path"] for each in change["differences"]] == ["enabled"]
    assert change["impact"]
    assert json.loads(json.dumps(report)) == report


def test_the_plan_is_described_before_it_is_published_and_not_printed(publisher: Publisher) -> None:
    versions: list[tuple[str, int]] = []

    def record(part: dict[str, Any]) -> None:
        versions.extend((name, publisher.definitions.get_changes(None).version) for name in part)

    publisher.publish(FLAG, record=record)
    assert dict(versions) | {"changes": 0, "outcome": 1} == dict(versions)
    assert "+ flag f" not in publisher.output


def test_nothing_changes(publisher: Publisher, report: dict[str, Any]) -> None:
    publisher.publish(FLAG)
    assert publisher.publish(FLAG, record=report.update) == 0
    assert (report["outcome"], report["version"], report["changes"]) == ("unchanged", 1, [])


@pytest.mark.parametrize(
    ("flag", "path", "version"),
    [
        ({"key": "f", "type": "colour"}, "flags[0] (f).type", None),
        (FLAG | {"prerequisites": [{"flag": "gone", "variants": ["on"]}]}, "flags[0] (f).prerequisites", 0),
    ],
)
def test_a_mistake_in_a_file_or_between_definitions(
    publisher: Publisher, report: dict[str, Any], flag: dict[str, Any], path: str, version: int | None
) -> None:
    assert publisher.publish(flag, record=report.update) == 1
    assert (report["valid"], report["outcome"], report["version"]) == (False, "invalid", version)
    [error] = report["errors"]
    assert path in error["path"]
    assert report["changes"] == []


def test_an_experiment_without_a_plan_is_noted(publisher: Publisher, report: dict[str, Any]) -> None:
    estimate: Callable[[Any], str] = lambda _: "a week"  # noqa: E731 - one word
    assert (
        publisher.publish(
            experiments=(EXPERIMENT,), metrics=(ORDERS,), record=report.update, estimate=estimate
        )
        == 0
    )
    assert report["notes"] == ["e has no planned_users: a week"]


def test_nobody_is_asked(publisher: Publisher, report: dict[str, Any]) -> None:
    publisher.publish(FLAG)
    with pytest.raises(ValueError, match="with --json, add --yes"):
        publisher.publish(prune=True, confirm=refuse_to_ask, record=report.update)
    assert publisher.list_flag_keys() == ["f"]


def test_a_rollback(publisher: Publisher, report: dict[str, Any]) -> None:
    publisher.publish(FLAG)
    publisher.publish(FLAG | {"enabled": False})
    assert publisher.roll_back(1, record=report.update) == 0
    assert (report["outcome"], report["version"]) == ("published", 3)
    assert [each["sign"] for each in report["changes"]] == ["~"]
