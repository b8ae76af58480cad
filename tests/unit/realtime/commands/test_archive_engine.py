"""Athena's names: those of the data stack for the environment's own archive, and others elsewhere."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.settings import Settings
from realtime.analysis.engines.athena_table import AthenaOptions, Layout, name_elsewhere, name_in_stack
from realtime.commands.archive_engine import EngineChoice, find_athena, find_engine
from tests.support.archives import DAY, START, design

LAYOUT = Layout("s3://archive")
ELSEWHERE = name_elsewhere(LAYOUT)
MADE = name_in_stack("prod")


@pytest.mark.parametrize(
    ("platform", "is_own", "choice", "expected"),
    [
        ("standalone", True, EngineChoice("athena"), MADE),
        ("standalone", False, EngineChoice("athena"), ELSEWHERE),
        ("existing", True, EngineChoice("athena"), ELSEWHERE),
        (
            *("standalone", True, EngineChoice("athena", "team", "s3://results/")),
            replace(MADE, workgroup="team", output="s3://results/"),
        ),
        (
            *("standalone", True, EngineChoice("athena", database="mine")),
            replace(ELSEWHERE, database="mine", workgroup="realtime-prod"),
        ),
        (
            *("existing", True, EngineChoice("athena", "team", database="mine")),
            replace(ELSEWHERE, database="mine", workgroup="team"),
        ),
    ],
)
def test_names(platform: str, is_own: bool, choice: EngineChoice, expected: AthenaOptions) -> None:
    settings = Settings.from_env({"REALTIME_ENV": "prod", "REALTIME_PLATFORM": platform})
    assert find_athena(settings, LAYOUT, choice, is_own=is_own) == expected


@pytest.mark.parametrize("archive", ["s3", "firehose"])
def test_the_stacks_table_is_pruned_so_that_it_is_right_for_every_way_of_filing(
    archive: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settings of the operator's machine need not be those of the deployment."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    settings = Settings.from_env({"REALTIME_ENV": "prod", "REALTIME_ARCHIVE": archive})
    services: Any = SimpleNamespace(settings=settings, clients=SimpleNamespace(s3=None))
    engine = find_engine(services, None, EngineChoice("athena"))(lambda _: None)
    [statement, *_] = engine.list_sql(design(since=START, until=START + DAY), [])
    assert '"realtime_prod"."realtime_events" where year in (\'2026\'' in statement
    assert "month in ('11')" not in statement
