"""A cold start pays for every module that app.py loads: what a function may not need is loaded later."""

import json
import subprocess
import sys

import pytest

from tests.support.paths import ROOT
from tests.support.up import clean_environment

LOADED = "import json, sys, app; print(json.dumps(sorted(sys.modules)))"


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", LOADED],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    "module", ["boto3", "botocore.client", "botocore.session", "re2", "rich", "typer", "yaml", "realtime"]
)
def test_importing_the_app_does_not_load(loaded: set[str], module: str) -> None:
    assert module not in loaded


def test_importing_the_app_loads_what_it_decides_with(loaded: set[str]) -> None:
    assert {"chalice", "pydantic", "mmh3", "cachetools"} <= loaded
