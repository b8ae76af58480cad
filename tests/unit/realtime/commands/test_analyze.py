"""`analyze` over definitions in memory and an archive in a folder."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from rich.console import Console

from chalicelib.domain.errors import NotFound
from realtime.analysis.archive.folder import FolderArchive
from realtime.analysis.engines.duckdb_engine import create_duckdb_engine
from realtime.commands.analyze import (
    Form,
    Question,
    Sources,
    find_sources,
    read_time,
    run_analyze,
)
from realtime.commands.archive_engine import EngineChoice, EngineName
from tests.support.archives import DAY, Line, assignment, attribution, exposure, line, write_lines
from tests.support.publisher import NOW, Publisher

START = NOW + DAY
"""Of the first user: the day after the experiment is published."""
END = START + 20 * DAY
REVENUE = {"key": "revenue", "event": "purchase", "aggregate": "sum", "window": "3d", "minimum_effect": "5%"}
REFUNDS = {"key": "refunds", "event": "refund", "aggregate": "count", "better": "down"}
CHECKOUT = {
    "key": "checkout",
    "status": "active",
    "metrics": ["purchase", "exposure"],
    "variants": [{"key": "control", "allocation": 0.5}, {"key": "treatment", "allocation": 0.5}],
    "analysis": {"primary": ["revenue"], "planned_users": 1000},
}


def make_lines(users: int = 240, treated: int = 240) -> list[Line]:
    """Half of the users buy for 10 to 19, with their country."""
    lines = []
    for number in range(users + treated):
        variant = "control" if number < users else "treatment"
        user, at = f"u{number}", START + number % 10 * DAY
        lines.append(assignment(user, variant, at - 60, f"a{number}"))
        lines.append(exposure(user, variant, at, f"x{number}", properties={"country": "DE"}))
        if number % 2:
            lines.append(
                line(
                    user, "purchase", at + 60, f"p{number}", experiments=[attribution(variant)],
                    value=10 + number % 10,
                )
            )  # fmt: skip
    return lines


@dataclass
class Desk:
    """Where an analyst sits. ``assigned`` and ``events`` are what the counters say."""

    publisher: Publisher
    archive: Path
    width: int = 100
    assigned: Mapping[str, int] = field(default_factory=lambda: {"control": 240, "treatment": 240})
    events: dict[str, Mapping[str, int]] = field(default_factory=dict)
    now: float = END

    def publish(self, **fields: Any) -> None:
        assert self.publisher.publish(
            experiments=(CHECKOUT | fields,), metrics=(REVENUE, REFUNDS)
        ) == 0, self.publisher.output  # fmt: skip

    def ask(self, key: str = "checkout", *, form: Form | None = None, **question: Any) -> str:
        console = Console(file=io.StringIO(), width=self.width)
        sources = Sources(
            self.publisher.definitions,
            lambda tell: create_duckdb_engine(FolderArchive(self.archive), tell),
            lambda _: {"$assigned": self.assigned} | self.events,
            clock=lambda: self.now,
        )
        run_analyze(console, sources, Question(key, **question), form or Form())
        assert isinstance(console.file, io.StringIO)
        return console.file.getvalue()


@pytest.fixture
def desk(publisher: Publisher, tmp_path: Path) -> Desk:
    return Desk(publisher, tmp_path / "archive")


Describe = Callable[..., dict[str, Any]]


@pytest.fixture
def describe(desk: Desk, capsys: pytest.CaptureFixture[str]) -> Describe:
    def ask(**question: Any) -> dict[str, Any]:
        assert desk.ask(form=Form(as_json=True), **question) == ""
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        return answer

    return ask


def test_an_experiment_is_answered_without_an_option(desk: Desk) -> None:
    desk.publish()
    write_lines(desk.archive, make_lines())
    text = desk.ask()
    assert text.startswith("Keep running: revenue is not decided yet.")
    assert "480 users" in text
    assert "48.0% of the 1,000 users planned" in text
    assert "revenue" in text


def test_an_answer_is_saved_with_its_curve_for_the_console(desk: Desk) -> None:
    desk.publish()
    write_lines(desk.archive, make_lines())
    saved: list[dict[str, Any]] = []
    assert "Saved: the console shows it." in desk.ask(form=Form(save=saved.append))
    [report] = saved
    assert report["verdict"]["code"] == "keep_running"
    [curve] = report["curves"]
    assert (curve["metric"], curve["treatment"]) == ("revenue", "treatment")
    lower, upper = curve["steps"][-1]["interval"]
    assert lower < curve["steps"][-1]["effect"] < upper
    json.dumps(report, allow_nan=False)


def test_json_has_the_numbers_of_each_user(desk: Desk, describe: Describe) -> None:
    desk.publish()
    write_lines(desk.archive, make_lines())
    answer = describe()
    [metric] = answer["metrics"]
    assert answer["users"] == {"control": 240, "treatment": 240}
    assert (answer["anchor"], answer["engine"], answer["notes"]) == ("exposure", "duckdb", [])
    assert metric["variants"]["control"] | {"variance": 0} == {
        "users": 240, "mean": 7.5, "raw_mean": 7.5, "converted": 120, "total": 1800.0, "variance": 0,
    }  # fmt: skip
    [comparison] = metric["comparisons"]
    assert (comparison["lift"], comparison["fixed"], comparison["decision"]) == (0, None, "undecided")
    assert answer["verdict"]["code"] == "keep_running"


def test_fixed_numbers_are_there_if_they_are_asked_for(desk: Desk, describe: Describe) -> None:
    desk.publish()
    write_lines(desk.archive, make_lines())
    [comparison] = describe(is_fixed_asked=True)["metrics"][0]["comparisons"]
    assert comparison["fixed"]["p_value"] == 1
    assert comparison["fixed"]["interval"][0] > comparison["interval"][0]
    assert "Fixed horizon: valid for one look only" in desk.ask(is_fixed_asked=True)


def test_lost_users_of_one_variant_stop_it(desk: Desk, describe: Describe) -> None:
    desk.publish()
    write_lines(desk.archive, make_lines(treated=96))
    answer = describe()
    assert answer["verdict"]["code"] == "stop_data_problem"
    assert {each["code"] for each in answer["checks"] if each["status"] == "alarm"} == {
        "split", "archive_complete",
    }  # fmt: skip
    assert desk.ask().startswith("Stop: the data ")


def test_the_counters_are_compared_with_the_assignments_of_the_archive(
    desk: Desk, describe: Describe
) -> None:
    desk.publish()
    write_lines(desk.archive, [each for each in make_lines() if each["event_type"] != "exposure"])
    answer = describe()
    assert answer["users"] == {"control": 0, "treatment": 0}
    [check] = [each for each in answer["checks"] if each["code"] == "archive_complete"]
    assert check["status"] == "ok"


@pytest.mark.parametrize(
    ("lost", "status", "message"),
    [
        ({"control": 0, "treatment": 0}, "ok", "has what was counted"),
        ({"control": 2, "treatment": 2}, "warning", "alike in every variant: purchase by 4"),
        ({"control": 0, "treatment": 80}, "alarm", "in one variant than in another: purchase"),
    ],
)
def test_events_of_each_type_are_compared_with_the_counters(
    desk: Desk, describe: Describe, lost: dict[str, int], status: str, message: str
) -> None:
    desk.publish()
    write_lines(desk.archive, make_lines())
    desk.events = {
        "exposure": {"control": 240, "treatment": 240},
        "purchase": {variant: 120 + count for variant, count in lost.items()},
        "$other": {"control": 9_999},
    }
    answer = describe()
    [check] = [each for each in answer["checks"] if each["code"] == "archive_complete"]
    assert (check["status"], message in check["message"]) == (status, True)
    assert (answer["verdict"]["code"] == "stop_data_problem") == (status == "alarm")


@pytest.mark.parametrize("users", [0, 1])
def test_no_or_one_user_is_an_answer(desk: Desk, describe: Describe, users: int) -> None:
    desk.publish()
    write_lines(desk.archive, [*make_lines(users, 0), assignment("other", "control", END, "z", iteration=9)])
    desk.assigned = {"control": users, "treatment": 0}
    answer = describe()
    assert answer["users"] == {"control": users, "treatment": 0}
    assert answer["metrics"][0]["comparisons"][0]["p_value"] is None
    assert "None" not in desk.ask(form=Form(has_plots=True))


def test_an_experiment_of_accounts_needs_them_in_its_events(desk: Desk, describe: Describe) -> None:
    desk.publish(unit="account.id")
    lines = make_lines()
    write_lines(desk.archive, lines)
    with pytest.raises(ValueError, match=r"no exposure has the property account\.id, by which"):
        desk.ask()
    with pytest.raises(ValueError, match=r"anchor: the experiment divides account\.id.*--anchor exposure"):
        desk.ask(anchor="assignment")
    for number, each in enumerate(lines):
        each["properties"] = each.get("properties", {}) | {"account": {"id": f"a{number // 12}"}}
        each["realtime"]["place"] += "-again"
        each["event_id"] += "-again"
    rmtree(desk.archive)
    write_lines(desk.archive, [*lines, *make_lines(3, 0)])
    answer = describe()
    assert answer["users"] == {"control": 50, "treatment": 50}
    [check] = [each for each in answer["checks"] if each["code"] == "nameless"]
    assert (check["status"], check["count"]) == ("note", 4)


def test_users_and_events_are_bounded_by_the_dates(desk: Desk, describe: Describe) -> None:
    desk.publish()
    write_lines(desk.archive, make_lines())
    answer = describe(since=START + DAY, until=START + 5 * DAY)
    assert answer["users"] == {"control": 96, "treatment": 96}
    assert answer["metrics"][0]["waiting"] == 96  # the window of three days is not over for two days' users
    assert answer["settings"]["since"] == answer["census"]["first_anchor"]


def test_a_user_whose_window_is_not_over_waits_until_now(desk: Desk, describe: Describe) -> None:
    desk.publish()
    write_lines(desk.archive, make_lines())
    desk.now = START + 9.5 * DAY
    assert describe()["metrics"][0]["waiting"] == 144


def test_metrics_of_a_file_replace_the_published_ones(desk: Desk, describe: Describe, tmp_path: Path) -> None:
    desk.publish()
    write_lines(desk.archive, make_lines())
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump({"metrics": [{"key": "orders", "event": "purchase"}]}))
    answer = describe(metrics=file)
    assert [(each["key"], each["role"]) for each in answer["metrics"]] == [("orders", "secondary")]
    assert [each["code"] for each in answer["checks"] if "changed" in each["code"]] == ["changed_after_start"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("metrics: [{key: orders, aggregate: sum}]", "event"),
        ("metrics: [{key: orders, event: purchase, cap: 3}]", "cap"),
        ("flags: [{key: f, type: boolean}]", "has neither metrics"),
        ("metrics: {", "mine.yaml"),
        (
            "experiments: [{key: e, variants: [{key: a, allocation: 1}], analysis: {primary: [nothing]}}]",
            "nothing",
        ),
    ],
)
def test_a_wrong_file_of_metrics_is_said(desk: Desk, tmp_path: Path, content: str, message: str) -> None:
    desk.publish()
    file = tmp_path / "mine.yaml"
    file.write_text(content)
    with pytest.raises(ValueError, match=message):
        desk.ask(metrics=file)


def test_segments_are_shown_without_a_decision(desk: Desk, describe: Describe) -> None:
    desk.publish()
    write_lines(desk.archive, make_lines())
    segments = describe(by="country")["segments"]
    assert {each["segment"] for each in segments} == {"DE"}
    assert {each["comparisons"][0]["decision"] for each in segments} == {None}
    assert "By country" in desk.ask(by="country")


def test_a_plan_that_changed_after_the_first_user_is_said(desk: Desk, describe: Describe) -> None:
    desk.publish()
    write_lines(desk.archive, make_lines())
    assert "changed_after_start" not in [each["code"] for each in describe()["checks"]]
    [check] = [
        each for each in describe(anchor="assignment")["checks"] if each["code"] == "changed_after_start"
    ]
    assert "exposure was planned" in check["message"]


def test_plots_are_drawn_below(desk: Desk) -> None:
    desk.publish()
    write_lines(desk.archive, make_lines())
    desk.width = 80
    text = desk.ask(form=Form(has_plots=True))
    assert "until each day, with its always-valid band" in text
    assert "Users by day (UTC) of their start" in text


def test_the_page_is_one_file(desk: Desk, tmp_path: Path) -> None:
    desk.publish()
    write_lines(desk.archive, make_lines())
    page = tmp_path / "answer.html"
    text = desk.ask(form=Form(page=page))
    html = page.read_text()
    assert html.startswith("<!doctype html>")
    for part in (
        "Keep running",
        "Lift of revenue until each day",
        "how it is spread",
        "by days since",
        "Users by day",
    ):
        assert part in html
    assert "answer.html" in "".join(text.split())


def test_sql_is_printed_and_reads_nothing_else(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.publish()
    write_lines(desk.archive, make_lines())
    assert desk.ask(form=Form(as_sql=True)) == ""
    sql = capsys.readouterr().out
    assert sql.count("select") > 3
    assert sql.rstrip().endswith(";")


def test_an_unknown_experiment_is_named(desk: Desk) -> None:
    with pytest.raises(NotFound, match="nothing-here"):
        desk.ask("nothing-here")


def test_an_archive_that_is_not_there_is_named(desk: Desk) -> None:
    desk.publish()
    desk.archive = desk.archive / "nowhere"
    with pytest.raises(ValueError, match="nowhere"):
        desk.ask()


def test_since_must_be_before_until_and_now(desk: Desk) -> None:
    desk.publish()
    for since, until in ((START, START), (END + 1, None)):
        with pytest.raises(ValueError, match="--since must be before"):
            desk.ask(since=since, until=until)


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "1.5.2026", "12"])
def test_a_time_that_cannot_be_read_is_said(text: str) -> None:
    with pytest.raises(ValueError, match=f"--since: '{text}' must be a day such as"):
        read_time(text, "--since")


def test_a_day_begins_at_midnight_in_utc() -> None:
    assert read_time("1970-01-02", "--since") == DAY
    assert read_time("1970-01-02T01:00:00+01:00", "--since") == DAY
    assert read_time("", "--since") is None


@pytest.mark.parametrize(
    ("engine", "archive", "message"),
    [("athena", "/some/folder", "Athena reads s3://BUCKET only"), ("duckdb", "gs://bucket", "s3://BUCKET")],
)
def test_an_archive_that_an_engine_cannot_read_is_said(
    engine: EngineName, archive: str, message: str
) -> None:
    services: Any = SimpleNamespace(
        settings=SimpleNamespace(archive_bucket="b", archive="s3"), clients=SimpleNamespace(s3=None)
    )
    with pytest.raises(ValueError, match=message):
        find_sources(services, Question("checkout", engine=EngineChoice(engine), archive=archive))
