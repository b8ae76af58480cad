"""The CDK app: the stacks of one environment on one platform."""

import os
from pathlib import Path

os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")  # it still runs CDK

import aws_cdk as cdk

from infra.bundle import LAMBDA, Target
from infra.data import Data
from infra.environments import Environment
from infra.monitoring import Monitoring
from infra.pipeline import Pipeline
from infra.resource_names import ResourceNames
from infra.service import Service


def compose(
    environment: Environment,
    places: ResourceNames,
    target: Target = LAMBDA,
    outdir: Path | None = None,
    repository: str | None = None,
) -> cdk.App:
    """Ready for `synth`, into ``outdir``; for a ``repository`` (OWNER/NAME) with its pipeline's role."""
    strict = {"@aws-cdk/core:validateAgainstDefaultRules": True}
    app = cdk.App(analytics_reporting=False, context=strict, outdir=str(outdir) if outdir else None)
    cdk.Tags.of(app).add("service", f"realtime-{environment.name}")  # the budget counts by it
    kept = environment.retain
    data = Data(app, environment, places, termination_protection=kept)
    service = Service(app, environment, places, target, termination_protection=kept)
    service.add_stack_dependency(data)
    Monitoring(app, environment, places, termination_protection=kept)
    if repository:
        Pipeline(app, environment, places, repository)
    return app
