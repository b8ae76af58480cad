"""The workflows: one artefact, nothing unpinned beside credentials, the difference before an approval."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.pipeline import BRANCH
from tests.support.paths import ROOT

FILES = [
    *sorted((ROOT / ".github" / "workflows").glob("*.yml")),
    *sorted((ROOT / ".github" / "actions").glob("*/action.yml")),
]
DEPLOYING = [("deploy-one.yml", "deploy"), ("deploy.yml", "diff"), ("release.yml", "release")]
"""Jobs with credentials."""


def workflow(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text())
    return document


def list_steps(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Of all jobs of a workflow, or of an action."""
    jobs = [*document.get("jobs", {}).values(), document.get("runs", {})]
    return [step for job in jobs for step in job.get("steps", [])]


def run_of(step: dict[str, Any]) -> str:
    return str(step.get("run", ""))


def test_the_branch_that_the_roles_trust_is_the_one_that_deploys() -> None:
    text = (ROOT / ".github" / "workflows" / "deploy.yml").read_text()
    assert f"on:\n  push:\n    branches: [{BRANCH}]\n" in text


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / ".github")))
def test_actions_are_pinned_to_a_commit(path: Path) -> None:
    document = yaml.safe_load(path.read_text())
    uses = [step["uses"] for step in list_steps(document) if "uses" in step]
    uses += [job["uses"] for job in document.get("jobs", {}).values() if "uses" in job]
    foreign = [use for use in uses if not use.startswith("./")]
    assert [use for use in foreign if not re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", use)] == []


def test_only_jobs_with_credentials_may_ask_for_a_token() -> None:
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        document = workflow(path.name)
        for name, job in document["jobs"].items():
            configures = any(
                "configure-aws-credentials" in step.get("uses", "") for step in job.get("steps", [])
            )
            permissions = job.get("permissions", document["permissions"])
            is_caller = "deploy-one.yml" in job.get("uses", "")
            assert ("id-token" in permissions) == (configures or is_caller), (path.name, name)
            assert configures == ((path.name, name) in DEPLOYING)


@pytest.mark.parametrize(("file", "job"), DEPLOYING)
def test_a_job_with_credentials_installs_nothing_without_a_hash(file: str, job: str) -> None:
    steps = workflow(file)["jobs"][job]["steps"]
    uses = [step.get("uses", "") for step in steps]
    credentials = next(i for i, use in enumerate(uses) if "configure-aws-credentials" in use)
    assert uses.index("./.github/actions/install") < credentials
    assert steps[credentials]["with"]["allowed-account-ids"] == "${{ vars.AWS_ACCOUNT }}"
    installers = re.compile(r"\b(npx|npm|pip|make|curl|wget|uv|apt-get)\b")
    assert [step for step in steps if installers.search(run_of(step))] == []
    (install,) = [run_of(step) for step in list_steps(read_action("install")) if "run" in step]
    assert set(re.findall(r"(?:npm|pip) \w+", install)) == {"npm ci", "pip install"}
    assert "--require-hashes" in install


def read_action(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(
        (ROOT / ".github" / "actions" / name / "action.yml").read_text()
    )
    return document


def test_the_cdk_cli_is_pinned_by_its_hash() -> None:
    folder = ROOT / "infra" / "cli"
    assert "ignore-scripts=true" in (folder / ".npmrc").read_text().splitlines()
    packages = json.loads((folder / "package-lock.json").read_text())["packages"]
    assert {name for name, entry in packages.items() if name and "integrity" not in entry} == set()
    wanted = json.loads((folder / "package.json").read_text())["dependencies"]
    assert wanted == {"aws-cdk": packages["node_modules/aws-cdk"]["version"]}


LOCK = (ROOT / ".github" / "requirements.txt").read_text()
TOOLKIT = ("requirements.txt", "realtime/requirements.txt", "realtime/analysis/requirements.txt")


def test_the_lock_file_has_a_hash_for_everything_at_the_version_of_all_others() -> None:
    locked = {name.lower().replace("_", "-"): version for name, version in PIN.findall(LOCK)}
    assert len(locked) > 30
    for block in re.split(r"\n(?=\w)", LOCK.split("\n\n")[0]):
        assert block.startswith("#") or "--hash=sha256:" in block, block
    pinned: dict[str, str] = {}
    for file in ("constraints.txt", *TOOLKIT, "requirements-dev.txt"):
        for name, version in PIN.findall((ROOT / file).read_text()):
            pinned[re.sub(r"[._]", "-", name.lower())] = version
    assert {name: version for name, version in locked.items() if pinned.get(name, version) != version} == {}
    assert locked.keys() - pinned.keys() == {"pip", "setuptools"} - pinned.keys()
    wanted = "".join((ROOT / file).read_text() for file in TOOLKIT)
    assert {re.sub(r"[._]", "-", name.lower()) for name, _ in PIN.findall(wanted)} <= locked.keys()


PIN = re.compile(r"^([\w.-]+)(?:\[[\w,]+\])?==([\w.]+)", re.MULTILINE)

IMPORT_WITH_THE_LOCK_ONLY = """
import importlib.metadata, re, sys
locked = set(sys.argv[1].split(","))

class Refuse:
    def find_spec(self, name, path=None, target=None):
        owners = owners_by_module.get(name.partition(".")[0], [])
        if owners and not locked & {re.sub("[._]", "-", owner.lower()) for owner in owners}:
            raise ImportError(f"{name} is of {owners}, which the pipeline does not install")

owners_by_module = importlib.metadata.packages_distributions()
sys.meta_path.insert(0, Refuse())
import infra.release.__main__, infra.target, realtime.cli
import tests.smoke.conftest, tests.smoke.test_decisions, tests.smoke.test_resources
"""


def test_releasing_and_validating_need_only_what_the_lock_file_has() -> None:
    locked = ",".join(name.lower().replace("_", "-") for name, _ in PIN.findall(LOCK))
    command = [sys.executable, "-W", "ignore", "-c", IMPORT_WITH_THE_LOCK_ONLY, locked]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_one_artefact_is_built_compared_and_deployed_everywhere() -> None:
    jobs = workflow("deploy.yml")["jobs"]
    build = jobs["build"]
    assert "cmp build/artefact/staging/asset.*.zip build/artefact/prod/asset.*.zip" in map(
        run_of, build["steps"]
    )
    for name in ("staging", "production"):
        assert jobs[name]["with"]["digest"] == "${{ needs.build.outputs.digest }}"
    deploy = workflow("deploy-one.yml")["jobs"]["deploy"]["steps"]
    for steps in (deploy, jobs["diff"]["steps"]):
        uses = [step.get("uses", "") for step in steps]
        assert uses.index("./.github/actions/verify") < uses.index("./.github/actions/install")
    assert not any("-m infra " in run_of(step) for step in deploy)  # no second synthesis


def test_a_changed_artefact_is_refused(tmp_path: Path) -> None:
    (step,) = list_steps(read_action("verify"))
    artefact = tmp_path / "artefact"
    for name in ("staging", "prod"):
        (artefact / name).mkdir(parents=True)
        (artefact / name / "asset.1.zip").write_text("code")
    (pack,) = [run_of(step) for step in workflow("deploy.yml")["jobs"]["build"]["steps"] if step.get("id")]
    output = tmp_path / "output"
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "artefact").symlink_to(artefact)
    run_script(pack, tmp_path, GITHUB_OUTPUT=str(output))
    digest = output.read_text().strip().removeprefix("digest=")

    def verify() -> int:
        return run_script(step["run"], tmp_path, DIGEST=digest, is_checked=False)

    assert verify() == 0
    (artefact / "prod" / "more.json").write_text("{}")
    assert verify() != 0
    (artefact / "prod" / "more.json").unlink()
    (artefact / "prod" / "asset.1.zip").write_text("other code")
    assert verify() != 0
    run_script(pack, tmp_path, GITHUB_OUTPUT=str(tmp_path / "forged"))  # the sums fit the forged file again
    assert verify() != 0


def run_script(script: str, folder: Path, is_checked: bool = True, **environ: str) -> int:
    """As GitHub runs a step with `shell: bash`."""
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environ}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 or not is_checked, done.stderr
    return done.returncode


def test_the_difference_is_shown_before_the_approval() -> None:
    jobs = workflow("deploy.yml")["jobs"]
    assert "diff" in jobs["production"]["needs"]
    assert jobs["diff"]["environment"] == "prod-diff"
    assert any("GITHUB_STEP_SUMMARY" in run_of(step) for step in jobs["diff"]["steps"])


def test_what_may_have_been_wrong_before_is_reported_and_rolls_nothing_back() -> None:
    steps = workflow("deploy-one.yml")["jobs"]["deploy"]["steps"]
    (validate,) = [step for step in steps if step.get("id") == "validate"]
    (report,) = [step for step in steps if "-m state" in step.get("run", "")]
    (back,) = [step for step in steps if "--rollback" in step.get("run", "")]
    assert '-m "not state"' in validate["run"]
    assert report["continue-on-error"] is True
    assert back["if"] == "failure() && steps.validate.outcome == 'failure'"


def test_an_approval_that_is_waited_for_blocks_no_other_environment() -> None:
    assert "concurrency" not in workflow("deploy.yml")
    deploy = workflow("deploy-one.yml")["jobs"]["deploy"]
    assert deploy["concurrency"] == "deploy-${{ inputs.environment }}"


def test_a_push_to_main_cancels_no_check_that_a_deployment_waits_for() -> None:
    cancels = workflow("check.yml")["concurrency"]["cancel-in-progress"]
    assert cancels == "${{ github.event_name == 'pull_request' }}"
