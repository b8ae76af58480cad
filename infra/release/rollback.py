"""`python -m infra.release.rollback --env prod`: every function back to the version before, in one command.

The target versions are read before a running rollout is stopped. A stopped rollout may move its traffic back
by itself, and then one more step back would be one too many. Data stays as it is: the versions before and
after read and write the same tables.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from infra import environments
from infra.environments import Environment, FunctionName
from infra.functions import LOGICAL_IDS, get_function_name
from infra.release.alias import ALIAS

ACTIVE = ["Created", "Queued", "InProgress", "Baking", "Ready"]
"""States of a CodeDeploy deployment that may move traffic."""
SECONDS_BETWEEN, CHECKS = 2.0, 30


def main(
    arguments: Sequence[str] | None = None, aws: Any = None, pause: Callable[[float], object] = time.sleep
) -> None:
    parser = argparse.ArgumentParser(prog="python -m infra.release.rollback", description=__doc__)
    parser.add_argument("--env", required=True, choices=environments.NAMES)
    parser.add_argument(
        "--function", action="append", choices=list(LOGICAL_IDS), help="only this one; may repeat"
    )
    parser.add_argument(
        "--to", help="a version, by its number, instead of the one before; with one --function"
    )
    parsed = parser.parse_args(arguments)
    if parsed.to and len(parsed.function or ()) != 1:
        parser.error("--to needs exactly one --function: versions are numbered for each by itself")
    if aws is None:
        from boto3.session import Session

        aws = Session()
    environment = environments.load(parsed.env)
    lambda_, codedeploy = aws.client("lambda"), aws.client("codedeploy")
    try:
        steps = [plan_step(lambda_, name, environment, parsed.to) for name in parsed.function or LOGICAL_IDS]
    except LookupError as error:
        sys.exit(f"rollback: {error}")
    stop_rollouts(codedeploy, environment, pause)
    for step in steps:
        point_alias(lambda_, step)
        print(f"{step.function}: version {step.before} → {step.to}")


@dataclass(frozen=True, slots=True)
class Step:
    function: str
    before: str
    to: str


def plan_step(lambda_: Any, name: FunctionName, environment: Environment, to: str | None) -> Step:
    """From the version that has the traffic to the one before, or to ``to``; raises LookupError without one.

    During a rollout the alias names the older version: it is the target.
    """
    function = get_function_name(name, environment)
    alias = lambda_.get_alias(FunctionName=function, Name=ALIAS)
    before: str = alias["FunctionVersion"]
    is_moving = bool(alias.get("RoutingConfig", {}).get("AdditionalVersionWeights"))
    pages = lambda_.get_paginator("list_versions_by_function").paginate(FunctionName=function)
    versions = [
        version["Version"]
        for page in pages
        for version in page["Versions"]
        if version["Version"] != "$LATEST"
    ]
    older = [before] if is_moving else [version for version in versions if int(version) < int(before)]
    if to is not None and to not in versions:
        raise LookupError(f"{function} has no version {to}; it has {', '.join(versions)}")
    if to is None and not older:
        raise LookupError(f"{function} has no version before {before}")
    return Step(function, before, to or max(older, key=int))


def point_alias(lambda_: Any, step: Step) -> None:
    """Send all traffic of the alias to the version ``step.to``."""
    no_weights: dict[str, float] = {}
    lambda_.update_alias(
        FunctionName=step.function,
        Name=ALIAS,
        FunctionVersion=step.to,
        RoutingConfig={"AdditionalVersionWeights": no_weights},
    )


def stop_rollouts(codedeploy: Any, environment: Environment, pause: Callable[[float], object]) -> None:
    """Stop the running rollouts of this environment; return when none moves traffic, or after a minute."""
    prefix = f"realtime-{environment.name}-service"
    stopped: list[str] = []
    for page in codedeploy.get_paginator("list_applications").paginate():
        for application in page["applications"]:
            if application.startswith(prefix):
                stopped += _stop_deployments(codedeploy, application)
    for _ in range(CHECKS):
        if not any(_is_moving(codedeploy, deployment) for deployment in stopped):
            return
        pause(SECONDS_BETWEEN)
    print(f"these rollouts still move traffic: {', '.join(stopped)}; setting the aliases anyway")


def _is_moving(codedeploy: Any, deployment: str) -> bool:
    """Does the deployment, or the one by which CodeDeploy rolls it back, still move traffic?"""
    info = codedeploy.get_deployment(deploymentId=deployment)["deploymentInfo"]
    rollback_id = info.get("rollbackInfo", {}).get("rollbackDeploymentId", deployment)
    return info["status"] in ACTIVE or (rollback_id != deployment and _is_moving(codedeploy, rollback_id))


def _stop_deployments(codedeploy: Any, application: str) -> Iterator[str]:
    """Ids of the stopped deployments."""
    for groups in codedeploy.get_paginator("list_deployment_groups").paginate(applicationName=application):
        for group in groups["deploymentGroups"]:
            running = codedeploy.list_deployments(
                applicationName=application, deploymentGroupName=group, includeOnlyStatuses=ACTIVE
            )
            for deployment in running["deployments"]:
                codedeploy.stop_deployment(deploymentId=deployment, autoRollbackEnabled=True)
                print(f"stopped the rollout {deployment} of {group}")
                yield deployment


if __name__ == "__main__":
    main()
