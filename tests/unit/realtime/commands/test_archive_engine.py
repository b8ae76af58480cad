"""Athena's names: those of the data stack for the environment's own archive, and others elsewhere."""

from dataclasses import replace

import pytest

from chalicelib.settings import Settings
from realtime.analysis.engines.athena_table import AthenaOptions, Layout, name_elsewhere, name_in_stack
from realtime.commands.archive_engine import EngineChoice, find_athena

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
