"""`plan-experiment`: from a known baseline, and from an archive."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from realtime.analysis.archive.folder import FolderArchive
from realtime.analysis.engines.duckdb_engine import create_duckdb_engine
from realtime.analysis.plan_question import Ask
from realtime.commands.plan_experiment import Source, fill_days, read_ratio, read_share, run_plan
from realtime.testing.stores import MemoryDefinitions
from tests.support.archives import DAY, START, line, write_lines
from tests.support.capacity_page import run_command
from tests.support.experiments import document, shares

REVENUE = "--mean 13.4243046245 --variance 1304.64219765 --lift 5%"


def plan(options: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(run_command(f"plan-experiment {options} --json"))
    return answer


@pytest.mark.parametrize(
    ("options", "users"),
    [
        (f"{REVENUE} --fixed", 45_458),
        (f"{REVENUE} --fixed --correlation 0.14381454656", 38_921),
        (f"{REVENUE} --sequential", 87_047),
        (REVENUE, 87_047),
        (f"{REVENUE} --fixed --variants 3", 55_050),
        (f"{REVENUE} --fixed --ratio 1:3", 30_305),
        ("--rate 0.226941026729 --lift 0.05 --fixed", 21_760),
        ("--rate 10% --lift 10% --fixed", 14_749),
    ],
)
def test_a_known_baseline_needs_no_archive(options: str, users: int) -> None:
    assert plan(options)["control_users"] == users


def test_users_are_added_up() -> None:
    found = plan(f"{REVENUE} --fixed --ratio 1:3 --variants 3")
    control, treatment = found["control_users"], found["treatment_users"]
    assert treatment == 3 * control
    assert found["planned_users"] == 4 * control
    assert found["all_users"] == 7 * control
    assert found["duration"] is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--rate 10% --lift 5", "--lift: '5' must be a share"),
        ("--rate 10% --lift -5%", "--lift: '-5%' must be a share"),
        ("--rate 10% --lift 5% --ratio 3", "--ratio: '3' must be control to treatment"),
        ("--rate 10% --lift 5% --mean 3 --variance 3", "--rate: is the whole baseline"),
        ("--mean 3 --lift 5%", "--mean: needs --variance"),
        ("--rate 10%", "say which effect matters, with --lift"),
        ("--rate 90% --lift 50%", "it is at most 1"),
        ("--mean 0 --variance 1 --lift 5%", "a lift needs one above 0"),
    ],
)
def test_what_is_wrong_is_said_with_its_option(options: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan(options)


def test_shares_and_ratios() -> None:
    assert read_share("5%", "--lift") == read_share("0.05", "--lift") == 0.05
    assert read_share("100%", "--traffic") == 1
    assert read_ratio("1:3") == 3
    assert read_ratio("3:1.5") == 0.5


def test_the_table_fits_60_columns() -> None:
    narrow, wide = (run_command(f"plan-experiment {REVENUE}", columns) for columns in (60, 200))
    assert max(map(len, narrow.splitlines())) <= 60
    assert narrow.split() == wide.split()
    assert "planned_users: 174094" in narrow


def test_days_without_users_are_days() -> None:
    assert fill_days({"2026-11-03": 5, "2026-10-31": 2}) == [2, 0, 0, 5]
    assert fill_days({}) == []


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 new users on each of 20 days; each second one buys for 10, a day later."""
    folder, lines = tmp_path_factory.mktemp("archive"), []
    for number in range(240):
        user, at = f"u{number}", START + number // 12 * DAY
        lines.append(line(user, "visit", at, f"v{number}"))
        lines.append(line(user, "visit", at + DAY, f"w{number}"))
        if number % 2:
            lines.append(line(user, "purchase", at + DAY, f"p{number}", value=10, currency="EUR"))
    write_lines(folder, lines)
    return folder


BASE = {"event": "purchase", "window": "3d"}
METRICS = [
    BASE | {"key": "converted", "aggregate": "conversion", "minimum_effect": 0.2},
    BASE | {"key": "revenue", "aggregate": "sum"},
]


def run(
    archive: Path,
    ask: Ask,
    capsys: pytest.CaptureFixture[str],
    key: str | None = None,
    file: Path | None = None,
) -> dict[str, Any]:
    def find_source() -> Source:
        return Source(lambda tell: create_duckdb_engine(FolderArchive(archive), tell), None, START + 40 * DAY)

    run_plan(*(Console(), MemoryDefinitions, find_source, ask), key=key, file=file, known=None, as_json=True)
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


@pytest.fixture
def file(tmp_path: Path) -> Path:
    experiment = document(
        metrics=["purchase"],
        traffic_allocation=0.5,
        variants=shares(control=0.2, treatment=0.6, other=0.2),
        analysis={
            "primary": ["converted"],
            "guardrails": [{"metric": "revenue", "margin": 0.5}],
            "sequential": False,
        },
    )
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump({"metrics": METRICS, "experiments": [experiment]}))
    return path


def test_the_baseline_and_the_weeks_come_from_the_archive(
    archive: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = Ask(metric="converted", lift=0.2, entry="visit", is_sequential=False)
    found = run(archive, ask, capsys, file=file)
    [metric] = found["metrics"]
    assert metric["baseline"]["mean"] == 0.5
    # (1.959964 + 0.841621)² · (0.25 + 0.24) / 0.1² = 384.6; six a day of the control: 20 days have 120
    assert found["control_users"] == 385
    assert found["duration"] == {"entry_days": 65, "days": 70, "weeks": 10, "is_extrapolated": True}
    week = found["smallest_lifts"][0]
    assert (week["weeks"], week["control_users"]) == (1, 24)
    assert week["lift"] == pytest.approx(0.7021, abs=1e-4)


def test_an_experiment_of_a_file_is_planned_with_its_shares(
    archive: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run(archive, Ask(entry="visit"), capsys, "checkout", file)
    assert [(one["key"], one["role"], one["effect"]) for one in found["metrics"]] == [
        ("converted", "primary", 0.2),
        ("revenue", "guardrail", 0.5),
    ]
    assert (found["treatments"], found["ratio"], found["sequential"]) == (2, pytest.approx(1), False)
    # two comparisons and one guardrail: (2.241403 + 1.281552)² · 49
    assert found["metrics"][0]["control_users"] == 609
    # 1.2 users a day: half of them take part, a fifth of these in the control
    assert found["duration"]["entry_days"] == pytest.approx(609 / 1.2, abs=1)


def test_an_archive_without_the_event_says_so(
    archive: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for ask, message in (
        (Ask(metric="converted", lift=0.1, entry="signup"), "nobody had the event signup then"),
        (Ask(metric="nothing", lift=0.1), "there is no metric nothing; known are: converted, revenue"),
        (Ask(lift=0.1), "name an experiment, or a metric with --metric"),
    ):
        with pytest.raises(ValueError, match=message):
            run(archive, ask, capsys, file=file)
