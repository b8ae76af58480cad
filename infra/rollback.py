"""`python -m infra.rollback --env prod`: every function back to the version before, in one command.

Where to go is read before a rollout that is under way is stopped, since a stopped one may put its traffic
back by itself, and a second step back would be one too many. Data is not touched: the versions before and
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
from infra.functions import ALIAS, LOGICAL, physical

ACTIVE = ["Created", "Queued", "InProgress", "Baking", "Ready"]
"""What CodeDeploy calls a deployment that may move traffic."""
SECONDS_BETWEEN, CHECKS = 2.0, 30


def main(
    arguments: Sequence[str] | None = None, aws: Any = None, pause: Callable[[float], object] = time.sleep
) -> None:
    parser = argparse.ArgumentParser(prog="python -m infra.rollback", description=__doc__)
    parser.add_argument("--env", required=True, choices=environments.NAMES)
    parser.add_argument(
        "--function", action="append", choices=list(LOGICAL), help="only this one; may repeat"
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
        steps = [step(lambda_, name, environment, parsed.to) for name in parsed.function or LOGICAL]
    except LookupError as error:
        sys.exit(f"rollback: {error}")
    stop_rollouts(codedeploy, environment, pause)
    for one in steps:
        point(lambda_, one)
        print(f"{one.function}: version {one.before} → {one.to}")


@dataclass(frozen=True, slots=True)
class Step:
    function: str
    before: str
    to: str


def step(lambda_: Any, name: FunctionName, environment: Environment, to: str | None) -> Step:
    """From the version that has the traffic to the one before, or to ``to``.

    The older one of a rollout under way is both.
    """
    function = physical(name, environment)
    alias = lambda_.get_alias(FunctionName=function, Name=ALIAS)
    before: str = alias["FunctionVersion"]
    moving = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights")
    pages = lambda_.get_paginator("list_versions_by_function").paginate(FunctionName=function)
    versions = [one["Version"] for page in pages for one in page["Versions"] if one["Version"] != "$LATEST"]
    older = [before] if moving else [version for version in versions if int(version) < int(before)]
    if to is not None and to not in versions:
        raise LookupError(f"{function} has no version {to}; it has {', '.join(versions)}")
    if to is None and not older:
        raise LookupError(f"{function} has no version before {before}")
    return Step(function, before, to or max(older, key=int))


def point(lambda_: Any, step: Step) -> None:
    """All of the alias's traffic at where ``step`` leads."""
    no_weights: dict[str, float] = {}
    lambda_.update_alias(
        FunctionName=step.function,
        Name=ALIAS,
        FunctionVersion=step.to,
        RoutingConfig={"AdditionalVersionWeights": no_weights},
    )


def stop_rollouts(codedeploy: Any, environment: Environment, pause: Callable[[float], object]) -> None:
    """Those of this environment's functions that are under way; returns when none moves traffic any more,
    or after a minute."""
    prefix = f"realtime-{environment.name}-service"
    stopped: list[str] = []
    for page in codedeploy.get_paginator("list_applications").paginate():
        for application in page["applications"]:
            if application.startswith(prefix):
                stopped += _stop(codedeploy, application)
    for _ in range(CHECKS):
        if not any(_moves(codedeploy, deployment) for deployment in stopped):
            return
        pause(SECONDS_BETWEEN)
    print(f"rollouts that still move: {', '.join(stopped)}; the aliases are set all the same")


def _moves(codedeploy: Any, deployment: str) -> bool:
    """It, or the deployment by which CodeDeploy puts its traffic back."""
    found = codedeploy.get_deployment(deploymentId=deployment)["deploymentInfo"]
    back = found.get("rollbackInfo", {}).get("rollbackDeploymentId", deployment)
    return found["status"] in ACTIVE or (back != deployment and _moves(codedeploy, back))


def _stop(codedeploy: Any, application: str) -> Iterator[str]:
    for groups in codedeploy.get_paginator("list_deployment_groups").paginate(applicationName=application):
        for group in groups["deploymentGroups"]:
            found = codedeploy.list_deployments(
                applicationName=application, deploymentGroupName=group, includeOnlyStatuses=ACTIVE
            )
            for deployment in found["deployments"]:
                codedeploy.stop_deployment(deploymentId=deployment, autoRollbackEnabled=True)
                print(f"stopped the rollout {deployment} of {group}")
                yield deployment


if __name__ == "__main__":
    main()
