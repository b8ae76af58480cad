"""Every module that app.py loads slows down a cold start, so some are loaded only when they are needed."""

import json
import subprocess
import sys

import pytest

from tests.support.paths import ROOT
from tests.support.up import clean_environment

PRINT_MODULES = "import json, sys, app; print(json.dumps(sorted(sys.modules)))"


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    process = subprocess.run(
        [sys.executable, "-c", PRINT_MODULES],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(process.stdout))


@pytest.mark.parametrize(
    "module", ["boto3", "botocore.client", "botocore.session", "re2", "rich", "typer", "yaml", "realtime"]
)
def test_importing_the_app_does_not_load(loaded: set[str], module: str) -> None:
    assert module not in loaded


def test_importing_the_app_loads_what_every_request_needs(loaded: set[str]) -> None:
    assert {"chalice", "pydantic", "mmh3", "cachetools"} <= loaded
