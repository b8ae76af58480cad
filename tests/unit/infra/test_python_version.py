"""A bundle is built by the Python that runs it."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from infra import __main__ as command
from infra import environments
from infra.environments import prod
from infra.python_version import check_python, describe_other_python
from tests.support.paths import ROOT

PROD = environments.load("prod")


@pytest.mark.parametrize("name", ["staging", "prod"])
def test_production_and_what_comes_before_it_run_one_version_that_has_snapshots_and_sigterm(
    name: str,
) -> None:
    assert environments.load(name).python == "3.13"


def test_another_python_is_refused_with_the_remedy() -> None:
    check_python(PROD, "3.13")
    with pytest.raises(ValueError, match=r"not for prod: Python 3\.13 runs there") as refusal:
        check_python(PROD, "3.11")
    assert "rm -rf .venv && make package PYTHON=python3.13" in str(refusal.value)


def test_a_developer_deploys_with_any_python() -> None:
    check_python(environments.load("dev"), "3.11")


def test_who_builds_with_another_python_is_told_for_which_environments_it_is_not() -> None:
    assert describe_other_python("3.13") == ""
    note = describe_other_python("3.12")
    assert note.startswith("not for staging, prod: Python 3.13 runs there")
    assert max(map(len, note.splitlines())) <= 60


def test_a_deployment_under_another_python_ends_before_anything_is_built(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    contact = environments.Contact(email="on-call@example.com")
    monkeypatch.setattr(prod, "ENVIRONMENT", replace(PROD, python="3.99", pages=contact))
    monkeypatch.setenv("CDK_OUTDIR", str(tmp_path / "out"))
    with pytest.raises(SystemExit, match=r"infra: not for prod: Python 3\.99 runs there"):
        command.main(["-c", "env=prod"])
    assert not (tmp_path / "out").exists()


def test_the_pipeline_checks_every_supported_python_and_builds_with_productions() -> None:
    workflows = {path.name: path.read_text() for path in (ROOT / ".github" / "workflows").glob("*.yml")}
    assert 'python: ["3.11", "3.12", "3.13"]' in workflows["check.yml"]
    fixed = [
        version
        for text in workflows.values()
        for version in re.findall(r"python-version: *[\"\']?([\d.]+)", text)
    ]
    assert fixed
    assert set(fixed) == {PROD.python}
