"""`python -m infra.release`: arguments, what is shown, and exit statuses."""

import datetime
import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra import environments
from infra.release import report
from infra.release.__main__ import main
from infra.release.aliases import Traffic, read_traffic
from infra.release.executions import Outcome
from tests.support.paths import ROOT

DEV = environments.load("dev")


class Missing(Exception):
    """Lambda's ResourceNotFoundException."""


class Aws:
    """One alias and one state machine, whose executions are ``executions`` in turn."""

    region_name = "us-east-1"
    exceptions = type("Exceptions", (), {"ResourceNotFoundException": Missing})

    def __init__(self, *executions: Any, alias: dict[str, Any] | None = None, running: Any = ()) -> None:
        self.executions = list(executions)
        self.alias = alias
        self.running = list(running)
        self.orders: list[dict[str, Any]] = []
        self.stopped: list[str] = []

    def client(self, _service: str) -> "Aws":
        return self

    def get_partition_for_region(self, _region: str) -> str:
        return "aws"

    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/ada"}

    def get_alias(self, **_: str) -> dict[str, Any]:
        if self.alias is None:
            raise Missing
        return self.alias

    def get_paginator(self, _operation: str) -> "Aws":
        return self

    def paginate(self, stateMachineArn: str, statusFilter: str) -> list[Any]:  # noqa: N803 - boto3's names
        assert stateMachineArn == "arn:aws:states:us-east-1:123456789012:stateMachine:realtime-dev-release"
        assert statusFilter == "RUNNING"
        return [{"executions": self.running}]

    def start_execution(self, **arguments: str) -> dict[str, str]:
        self.orders.append(json.loads(arguments["input"]))
        return {"executionArn": f"arn:x:{arguments['name']}"}

    def stop_execution(self, **arguments: str) -> None:
        self.stopped.append(arguments["executionArn"])

    def describe_execution(self, **_: str) -> dict[str, Any]:
        found: dict[str, Any] | BaseException = self.executions.pop(0)
        if isinstance(found, BaseException):
            raise found
        return found


DONE = {"status": "SUCCEEDED", "output": '{"released": [{"name": "ingest", "from": "1", "version": "2"}]}'}
RUNNING = {
    "executionArn": "arn:x:release-1",
    "name": "release-1",
    "startDate": datetime.datetime(2026, 11, 26, tzinfo=datetime.UTC),
}


EXPIRED = ClientError({"Error": {"Code": "ExpiredToken", "Message": "expired"}}, "DescribeExecution")


def run(aws: Aws, *arguments: str) -> int:
    return main(["dev", *arguments], aws, lambda _: None)


def test_a_release_says_what_it_moved(capsys: pytest.CaptureFixture[str]) -> None:
    aws = Aws(DONE)
    assert run(aws, "--function", "ingest") == 0
    assert capsys.readouterr().out == "released: ingest          1 → 2\n"
    (order,) = aws.orders
    assert (order["action"], order["functions"], order["gates"]) == ("release", ["ingest"], True)


def test_a_break_glass_release_needs_a_reason_and_keeps_who_and_why(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(Aws(), "--no-gates")
    assert ended.value.code == 2
    assert "--no-gates needs --reason TEXT" in capsys.readouterr().err
    aws = Aws(DONE)
    assert run(aws, "--no-gates", "--reason", "INC-7") == 0
    (order,) = aws.orders
    assert (order["gates"], order["reason"]) == (False, "INC-7")
    assert order["by"].endswith("user/ada")


def test_a_release_that_went_back_fails_and_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    failed = {
        "status": "FAILED",
        "error": "AlarmRang",
        "cause": "at 50 %: realtime-dev-ingest-v2-failed in ALARM",
    }
    assert run(Aws(failed)) == 1
    shown = capsys.readouterr().out
    assert "AlarmRang: at 50 %" in shown
    assert "All traffic of this release is back where it was." in shown


def test_another_release_under_way_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    aws = Aws(running=[RUNNING])
    assert run(aws) == 1
    assert "release-1 is under way" in capsys.readouterr().err
    assert aws.orders == []


def test_a_rollback_stops_what_is_under_way_first(capsys: pytest.CaptureFixture[str]) -> None:
    back = {
        "status": "SUCCEEDED",
        "output": '{"rolled_back": [{"name": "ingest", "from": "2", "version": "1"}]}',
    }
    aws = Aws({"status": "ABORTED"}, back, running=[RUNNING])
    assert run(aws, "--rollback") == 0
    assert aws.stopped == ["arn:x:release-1"]
    assert [order["action"] for order in aws.orders] == ["rollback"]
    assert capsys.readouterr().out == "rolled back: ingest          2 → 1\n"


@pytest.mark.parametrize(
    ("accident", "code", "words"),
    [(KeyboardInterrupt(), 130, "goes on"), (EXPIRED, 1, "It goes on; --status shows it")],
)
def test_a_release_goes_on_when_its_command_ends(
    accident: BaseException, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    aws = Aws({"status": "RUNNING"}, accident, alias={"FunctionVersion": "1"})
    assert run(aws) == code
    assert words in " ".join(capsys.readouterr().err.split())
    assert aws.stopped == []


def test_another_account_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(DEV, account="999999999999")
    monkeypatch.setattr(environments, "load", lambda _: other)
    aws = Aws()
    assert run(aws) == 2
    assert "dev is in 999999999999" in capsys.readouterr().err
    assert aws.orders == []


@pytest.mark.parametrize(
    ("alias", "expected"),
    [
        (None, (None, None, 0, None)),
        ({"FunctionVersion": "1"}, ("1", None, 0, None)),
        ({"FunctionVersion": "43", "Description": "good=43,41 bad=42 released=x"}, ("43", None, 0, "41")),
        (
            {"FunctionVersion": "41", "RoutingConfig": {"AdditionalVersionWeights": {"42": 0.5}}},
            ("41", "42", 50, "41"),
        ),
        ({"FunctionVersion": "44", "Description": "good=43,41 released=x"}, ("44", None, 0, "43")),
    ],
)
def test_the_status_says_where_the_traffic_is_and_where_it_would_go_back_to(
    alias: dict[str, Any] | None, expected: Any
) -> None:
    (traffic,) = read_traffic(Aws(alias=alias), ["ingest"], DEV)
    assert (traffic.live, traffic.next, traffic.percent, traffic.last_good) == expected


def test_everything_that_is_shown_fits_60_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    moving = Traffic("event_processor", "1041", "1042", 50, ("1041", "1040"), "1039", "2026-11-26T17:00:00Z")
    report.show_status([moving], [RUNNING], is_json=False)
    report.show_status([moving], [], is_json=False)
    report.show_outcome(
        Outcome("FAILED", error="ProbeFailed", cause="word " * 40), "release-1", is_json=False
    )
    report.show_outcome(Outcome("ABORTED"), "release-20261126-170000-abcdef", is_json=False)
    held = {"held": [{"name": "event_processor", "version": "1042", "live": "1041"}]}
    report.show_outcome(Outcome("SUCCEEDED", held), "release-1", is_json=False)
    report.show_outcome(Outcome("SUCCEEDED", {"released": []}), "release-1", is_json=False)
    report.Progress(lambda: [moving]).show()
    lines = "".join(capsys.readouterr()).splitlines()
    assert len(lines) > 12
    assert max(map(len, lines)) <= 60


def test_help_has_examples_and_the_command_needs_no_cdk() -> None:
    code = """import sys, infra.release.__main__ as command
assert "aws_cdk" not in sys.modules
command.main(["--help"])"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "python -m infra.release prod --rollback" in done.stdout
    assert "exit status: 0 done" in done.stdout
