"""`doctor` on the local AWS: what is there, what is missing, and what to do."""

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from botocore.exceptions import NoCredentialsError
from rich.console import Console

from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients
from realtime.commands.doctor import (
    Finding,
    Machine,
    check_api,
    check_packages,
    check_python,
    examine,
    show,
)
from tests.support.service import serve_service


def name_user() -> str:
    return "ann"


def examine_all(machine: Machine) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine(machine)}


@pytest.fixture
def machine(aws_settings: Settings, service_clients: Clients, aws_now: float) -> Machine:
    return Machine(replace(aws_settings, env="dev"), service_clients, name_user, aws_now)


@pytest.fixture
def aws_now(service_clients: Clients) -> float:
    from email.utils import parsedate_to_datetime

    answer = service_clients.dynamodb.list_tables(Limit=1)
    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()


def test_where_all_is_there_nothing_is_a_problem(machine: Machine) -> None:
    findings = examine_all(machine)
    assert [each for each in findings.values() if each.state == "problem"] == []
    assert findings["credentials"].text == "ann"
    assert "are there" in findings["tables"].text


def test_what_is_missing_is_named_with_what_to_do(machine: Machine) -> None:
    settings = replace(
        machine.settings, flags_table="no-flags", event_stream="no-stream", archive_bucket="no-bucket"
    )
    findings = examine_all(replace(machine, settings=settings))
    assert findings["tables"].text.endswith("no-flags is not there")
    assert findings["tables"].text.startswith("1 of ")
    assert findings["stream"].text == "no-stream is not there"
    assert findings["bucket"].text == "no-bucket is not there"
    assert "docs/deployment.md" in findings["stream"].remedy


def test_a_table_with_another_key_is_told(machine: Machine) -> None:
    settings = replace(machine.settings, flags_table=machine.settings.counters_table)
    assert (
        "has the key id, counter, not id" in examine_all(replace(machine, settings=settings))["tables"].text
    )


@pytest.mark.parametrize(("seconds", "state"), [(0, "ok"), (60, "note"), (-60, "note"), (400, "problem")])
def test_a_clock_that_is_off_is_told_before_aws_refuses(machine: Machine, seconds: float, state: str) -> None:
    finding = examine_all(replace(machine, now=machine.now + seconds))["clock"]
    assert finding.state == state
    assert ("ahead of" if seconds > 0 else "behind") in finding.text


def test_without_credentials_aws_is_not_asked(machine: Machine) -> None:
    def fail() -> str:
        raise NoCredentialsError

    findings = examine_all(replace(machine, identify=fail))
    assert findings["credentials"].state == "problem"
    assert "AWS_PROFILE" in findings["credentials"].remedy
    assert "tables" not in findings


def test_the_local_api_is_asked_for_its_version() -> None:
    with serve_service() as (url, _):
        assert check_api(url).state == "ok"
    gone = check_api(url)
    assert (gone.state, gone.remedy[:16]) == ("note", "Start `make run`")


@pytest.mark.parametrize(
    ("version", "state"),
    [((3, 10, 1), "problem"), ((3, 11, 0), "ok"), ((3, 13, 9), "ok"), ((3, 14, 0), "note")],
)
def test_the_python_is_one_that_is_tested(version: tuple[int, ...], state: str) -> None:
    assert check_python(version).state == state


def test_packages_that_are_not_as_pinned_are_named(tmp_path: Path) -> None:
    pins = tmp_path / "requirements.txt"
    pins.write_text("# what runs\nmmh3==0.0.1\nno-such-package[extra]==1.0  # why\n")
    finding = check_packages([pins])
    assert finding.state == "note"
    assert "0.0.1" in finding.text
    assert "no-such-package absent, pinned is 1.0" in finding.text


def test_it_exits_with_1_only_for_a_problem_and_60_columns_cut_off_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    notes: Sequence[Finding] = [Finding("clock", "note", "x" * 70, "Set it.")]
    console = Console(file=io.StringIO(), width=60)
    assert show(console, notes, as_json=False) == 0
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert text.count("x") == 70
    assert "→ Set it." in text
    assert show(console, [*notes, Finding("AWS", "problem", "gone", "Start it.")], as_json=True) == 1
    assert [each["name"] for each in json.loads(capsys.readouterr().out)] == ["clock", "AWS"]
