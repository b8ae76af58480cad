"""The templates for the infrastructure tests, synthesised once for all workers in a process of its own.

`python -m tests.support.synth FOLDER` writes the templates of each variant as CDK makes them
(`VARIANT/*.template.json`) and as SAM expands them (`VARIANT/*.expanded.json`), the CPU seconds of CDK for
each (`seconds.json`), and cdk-nag's findings (`nag.json`).
"""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra import environments, resource_names
from infra.environments import Api, Contact, Domain, Environment, Throttle, UsagePlan
from infra.front_doors.variants import change_front_door
from tests.support.paths import ROOT

COMBINATIONS = [f"{env}-{platform}" for env in environments.NAMES for platform in resource_names.PLATFORMS]
EMULATED: dict[str, tuple[resource_names.Platform, Api]] = {
    "emulator": ("standalone", "rest"),
    "emulator-existing": ("existing", "http"),
}
"""Variants of dev whose bundle is for this machine."""
OTHER_FRONT_DOORS: dict[str, Api] = {"everything-http": "http", "everything-alb": "alb"}
"""Variants of `everything` with another front door than a REST API."""
VARIANTS = [*COMBINATIONS, "everything", *OTHER_FRONT_DOORS, *EMULATED]
REST_VARIANTS = [*COMBINATIONS, "everything", "emulator"]
CHECKED = [*COMBINATIONS, "everything", *OTHER_FRONT_DOORS]
PLATFORM_KEY = "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d"
STACKS = ("data", "service", "monitoring")
Template = dict[str, Any]
Templates = Callable[[str, str], Template]
"""Give the template of a variant and a stack."""


def shared(factory: pytest.TempPathFactory) -> Path:
    """The folder, which the first worker makes."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "synth"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "nag.json").exists():
            make(folder)
    return folder


def make(folder: Path) -> None:
    command = [sys.executable, "-m", "tests.support.synth", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"synthesis failed:\n{done.stdout}\n{done.stderr}")


def load(folder: Path, variant: str, stack: str, kind: str = "expanded") -> Template:
    (path,) = (folder / variant).glob(f"*-{stack}.{kind}.json")
    template: Template = json.loads(path.read_text())
    return template


def of_type(template: Template, kind: str) -> dict[str, Template]:
    """Properties of the resources of one type, by logical id."""
    resources = template["Resources"].items()
    return {name: resource.get("Properties", {}) for name, resource in resources if resource["Type"] == kind}


def everything() -> tuple[Environment, resource_names.ResourceNames]:
    """Prod on an existing platform, with all options switched on."""
    prod = environments.load("prod")
    warm = replace(prod.functions["assignment"], provisioned=10, snap_start=False)
    environment = replace(
        prod,
        functions={
            **prod.functions,
            "assignment": warm,
            "admin": environments.load("staging").functions["admin"],
        },
        usage_plan=UsagePlan(Throttle(rate=10, burst=20), requests_per_month=1_000_000),
        domain=Domain("decide.example.com", "arn:aws:acm:us-east-1:123456789012:certificate/1", "Z123"),
        account="123456789012",
        region="eu-central-1",
        kms_key="create",
        pages=Contact(email="on-call@example.com"),
    )
    platform_resources = resource_names.PlatformResources(
        stream="platform-events",
        bucket="platform-lake",
        assignments_stream="/experimentation/prod/dynamodb/assignments-stream",
        postgres_secret="platform-postgres",  # noqa: S106 - its name
        archive="firehose",
        kms_keys=(PLATFORM_KEY,),
        subnets=("subnet-0a1b2c3d", "subnet-1a1b2c3d"),
        security_groups=("sg-0a1b2c3d",),
    )
    given = {"counters_table": "restored-counters"}
    return environment, resource_names.resolve_names("prod", "existing", platform_resources, given)


def _resolve_variant(name: str) -> tuple[Environment, resource_names.ResourceNames]:
    if name == "everything":
        return everything()
    if name in OTHER_FRONT_DOORS:
        environment, names = everything()
        return change_front_door(environment, OTHER_FRONT_DOORS[name]), names
    if name in EMULATED:
        emulated, api = EMULATED[name]
        dev = change_front_door(environments.load("dev"), api)
        return dev, resource_names.resolve_names("dev", emulated)
    env, _, suffix = name.partition("-")
    platform: Any = suffix
    return environments.load(env), resource_names.resolve_names(env, platform)


def expand(template: Template) -> Template:
    """As CloudFormation expands it."""
    from boto3.session import Session
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    values = {
        name: parameter.get("Default", "") for name, parameter in template.get("Parameters", {}).items()
    }
    translator = Translator({}, Parser(), plugins=None, boto_session=Session(region_name="us-east-1"))
    expanded: Template = translator.translate(template, values)
    return expanded


def _list_nag_findings(folder: Path) -> list[list[str]]:
    """Stack, rule and description of every finding."""
    import aws_cdk as cdk
    from aws_cdk.cloudformation_include import CfnInclude
    from cdk_nag import AwsSolutionsChecks

    app = cdk.App(analytics_reporting=False, outdir=str(folder / "nag"))
    for variant in CHECKED:
        for path in sorted((folder / variant).glob("*.expanded.json")):
            template = json.loads(path.read_text())
            template.pop("Rules", None)  # CDK would add its own a second time
            template.get("Parameters", {}).pop("BootstrapVersion", None)
            included = folder / f"{variant}-{path.name}"
            included.write_text(json.dumps(template))
            stack = cdk.Stack(app, f"{variant}-{path.name.split('.')[0]}")
            CfnInclude(stack, "Template", template_file=str(included))
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    try:
        app.synth()
    except RuntimeError as error:
        if "ValidationFailed" not in str(error):
            raise
    report = json.loads((folder / "nag" / "validation-report.json").read_text())
    return [
        [construct["constructPath"], violation["ruleName"], violation["description"]]
        for plugin in report["pluginReports"]
        if plugin["pluginName"] == "AwsSolutions"
        for violation in plugin["violations"]
        for construct in violation["violatingConstructs"]
    ]


def measure_cpu() -> float:
    """Seconds of this process and its children, CDK's Node.js included: the time on an idle machine."""
    seconds = sum(os.times()[:4])
    for children in Path("/proc/self/task").glob("*/children"):
        for child in children.read_text().split():
            fields = (Path("/proc") / child / "stat").read_text().rpartition(")")[2].split()
            seconds += sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    return seconds


def main(folder: Path) -> None:
    from infra.app import compose
    from infra.bundle import HOST_TARGET, LAMBDA_TARGET

    seconds: dict[str, float] = {}
    for name in VARIANTS:
        environment, names = _resolve_variant(name)
        target = HOST_TARGET if name in EMULATED else LAMBDA_TARGET
        repository = "acme/realtime" if name == "everything" else None
        started = measure_cpu()
        compose(environment, names, target, folder / name, repository).synth()
        seconds[name] = measure_cpu() - started
        for path in (folder / name).glob("*.template.json"):
            expanded = expand(json.loads(path.read_text()))
            path.with_name(path.name.replace(".template.", ".expanded.")).write_text(json.dumps(expanded))
    (folder / "seconds.json").write_text(json.dumps(seconds))
    (folder / "nag.json").write_text(json.dumps(_list_nag_findings(folder)))


if __name__ == "__main__":
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"  # SAM asks botocore for one
    main(Path(sys.argv[1]))
