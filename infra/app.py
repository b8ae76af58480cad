"""The CDK app: the stacks of one environment on one platform."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

# Node.js 20 is at the end of its life, and CDK still runs on it
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")

import aws_cdk as cdk

from infra.bundle import LAMBDA_TARGET, BuildTarget
from infra.data import Data
from infra.encryption import add_parameter, encrypt
from infra.environments import Environment
from infra.monitoring.stack import Monitoring
from infra.pipeline import Pipeline
from infra.resource_names import ResourceNames
from infra.service import Service


def compose(
    environment: Environment,
    names: ResourceNames,
    target: BuildTarget = LAMBDA_TARGET,
    outdir: Path | None = None,
    repository: str | None = None,
) -> cdk.App:
    """An app whose `synth` writes into ``outdir``. ``repository`` (OWNER/NAME) adds its pipeline's role."""
    app = _make_app(environment, outdir)
    environment, names = adapt(environment, names), add_parameter(environment, names)
    options = _list_options(environment)
    data = Data(app, environment, names, **options)
    service = Service(app, environment, names, target, **options)
    service.add_stack_dependency(data)
    monitoring = Monitoring(app, environment, names, target, **options)
    monitoring.add_stack_dependency(service)  # it reads the service's access log
    if repository:
        Pipeline(app, environment, names, repository, env=options["env"])
    encrypt(environment, app, data)
    return app


def compose_data(environment: Environment, names: ResourceNames, outdir: Path) -> cdk.App:
    """An app of the data stack alone."""
    app = _make_app(environment, outdir)
    environment, names = adapt(environment, names), add_parameter(environment, names)
    encrypt(environment, app, Data(app, environment, names, **_list_options(environment)))
    return app


def _make_app(environment: Environment, outdir: Path | None) -> cdk.App:
    strict = {"@aws-cdk/core:validateAgainstDefaultRules": True}
    app = cdk.App(analytics_reporting=False, context=strict, outdir=str(outdir) if outdir else None)
    cdk.Tags.of(app).add("service", f"realtime-{environment.name}")  # the budget filters by it
    return app


def _list_options(environment: Environment) -> dict[str, Any]:
    """Stacks that name their account and region are refused by the CDK CLI anywhere else."""
    place = cdk.Environment(account=environment.account, region=environment.region)
    return {"env": place, "termination_protection": environment.retain}


def adapt(environment: Environment, names: ResourceNames) -> Environment:
    """``environment`` as it is on its platform: an existing one archives its stream itself."""
    if names.platform_resources is None:
        return environment
    archive = {"REALTIME_ARCHIVE": names.platform_resources.archive}
    return replace(environment, settings={**environment.settings, **archive})
