"""Commands against an AWS that is not there, or has not what they ask for: one line with the remedy."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.up import run_command


def run(arguments: list[str], environ: Mapping[str, str]) -> str:
    inherited = {
        name: text for name, text in os.environ.items() if not name.startswith(("AWS_", "REALTIME_"))
    }
    isolated = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nowhere"}
    done = run_command({**inherited, **isolated, **environ}, *arguments)
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "resource"),
    [
        (["flags"], "table 'experimentation-publications-staging'"),
        (["replay", "FILE", "--restart"], "stream 'experimentation-events-staging'"),
    ],
)
def test_what_is_missing_is_named(
    aws_environment: Mapping[str, str], tmp_path: Path, arguments: list[str], resource: str
) -> None:
    file = tmp_path / "events.csv"
    file.write_text("event_type,user_id,timestamp\na,u,2026-11-22T10:00:00Z\n")
    arguments = [str(file) if argument == "FILE" else argument for argument in arguments]
    said = run(arguments, {**aws_environment, "REALTIME_ENV": "staging", "REALTIME_EVENT_MAX_AGE": "inf"})
    assert said.startswith(f"realtime: There is no {resource} in this account and region. Check REALTIME_ENV")


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"AWS_PORT": "1"}, "Nothing answers at http://127.0.0.1:1; is `make run` up, on this AWS_PORT?"),
        (
            {"REALTIME_ENV": "production"},
            "REALTIME_ENV must be one of local, dev, staging, prod; it is 'prod",
        ),
        ({"REALTIME_ENV": "dev"}, "You must specify a region: set AWS_REGION"),
    ],
)
def test_what_is_not_set_up_is_named(environ: dict[str, str], message: str) -> None:
    assert run(["flags"], environ).startswith(f"realtime: {message}")
