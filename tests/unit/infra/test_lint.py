"""cfn-lint and cdk-nag over the expanded templates, actionlint over the workflows."""

import json
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from infra.nag_suppressions import SUPPRESSIONS
from tests.support.paths import ROOT

LINTED = {
    "prod-standalone": "*-data",
    "everything": "*",
    "everything-http": "*-service",
    "everything-alb": "*-service",
}
"""Variant → stacks: every kind of resource once. The others have the same with other numbers, and a variant
takes ten seconds.
"""


@pytest.mark.parametrize(("variant", "stacks"), LINTED.items())
def test_cfn_lint_has_nothing_to_say(synthesised: Path, variant: str, stacks: str) -> None:
    paths = [str(path) for path in sorted((synthesised / variant).glob(f"{stacks}.expanded.json"))]
    assert paths
    done = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), *paths], capture_output=True, text=True, check=False
    )
    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


def test_every_finding_of_cdk_nag_is_accepted_for_a_reason_and_no_reason_is_left(synthesised: Path) -> None:
    findings = json.loads((synthesised / "nag.json").read_text())
    unexpected = [
        finding for finding in findings if not any(_fits(finding[1], rule) for rule in SUPPRESSIONS)
    ]
    assert unexpected == []
    unused = [rule for rule in SUPPRESSIONS if not any(_fits(finding[1], rule) for finding in findings)]
    assert unused == []


def _fits(rule: str, pattern: str) -> bool:
    """``*`` alone is a pattern; brackets are part of a rule's name."""
    return fnmatchcase(rule, pattern.replace("[", "[[]"))


def test_actionlint_has_nothing_to_say_about_the_workflows() -> None:
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    linter = Path(sys.executable).with_name("actionlint")
    done = subprocess.run([linter, *workflows], capture_output=True, text=True, check=False)
    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


def test_the_pipeline_holds_no_long_lived_secret() -> None:
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        text = path.read_text()
        assert "secrets." not in text
        assert "aws-access-key-id" not in text
