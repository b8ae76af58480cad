"""The CDK app: the stacks of one environment on one platform."""

import os
from pathlib import Path
from typing import Any

# Node.js 20 is at the end of its life, and CDK still runs on it
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")

import aws_cdk as cdk

from infra.bundle import LAMBDA_TARGET, BuildTarget
from infra.data import Data
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
    strict = {"@aws-cdk/core:validateAgainstDefaultRules": True}
    app = cdk.App(analytics_reporting=False, context=strict, outdir=str(outdir) if outdir else None)
    cdk.Tags.of(app).add("service", f"realtime-{environment.name}")  # the budget filters by it
    # Stacks that name their account and region are refused by the CDK CLI anywhere else.
    place = cdk.Environment(account=environment.account, region=environment.region)
    options: dict[str, Any] = {"env": place, "termination_protection": environment.retain}
    data = Data(app, environment, names, **options)
    service = Service(app, environment, names, target, **options)
    service.add_stack_dependency(data)
    Monitoring(app, environment, names, **options)
    if repository:
        Pipeline(app, environment, names, repository, env=place)
    return app
