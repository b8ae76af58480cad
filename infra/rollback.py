"""`python -m infra.rollback --env prod`: every function back to the version before, in one command.

A rollout that is under way is stopped first, which puts its traffic back by itself. Data is not touched:
the versions before and after read and write the same tables.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from infra import environments
from infra.environments import Environment, FunctionName
from infra.functions import ALIAS, LOGICAL, physical


def main(arguments: Sequence[str] | None = None, aws: Any = None) -> None:
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
    stop_rollouts(aws.client("codedeploy"), environment)
    for name in parsed.function or LOGICAL:
        try:
            before, now = roll_back(aws.client("lambda"), name, environment, parsed.to)
        except LookupError as error:
            sys.exit(f"rollback: {error}")
        print(f"{physical(name, environment)}: version {before} → {now}")


def roll_back(lambda_: Any, name: FunctionName, environment: Environment, to: str | None) -> tuple[str, str]:
    """The versions that had the traffic before, and have it now: the older one of a rollout under way."""
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
    wanted: str = to or max(older, key=int)
    no_weights: dict[str, float] = {}
    lambda_.update_alias(
        FunctionName=function,
        Name=ALIAS,
        FunctionVersion=wanted,
        RoutingConfig={"AdditionalVersionWeights": no_weights},
    )
    return before, wanted


def stop_rollouts(codedeploy: Any, environment: Environment) -> None:
    """Those of this environment's functions that are under way, each with its automatic way back."""
    prefix = f"realtime-{environment.name}-service"
    active = ["Created", "Queued", "InProgress", "Ready"]
    for page in codedeploy.get_paginator("list_applications").paginate():
        for application in page["applications"]:
            if application.startswith(prefix):
                _stop(codedeploy, application, active)


def _stop(codedeploy: Any, application: str, active: list[str]) -> None:
    for groups in codedeploy.get_paginator("list_deployment_groups").paginate(applicationName=application):
        for group in groups["deploymentGroups"]:
            found = codedeploy.list_deployments(
                applicationName=application, deploymentGroupName=group, includeOnlyStatuses=active
            )
            for deployment in found["deployments"]:
                codedeploy.stop_deployment(deploymentId=deployment, autoRollbackEnabled=True)
                print(f"stopped the rollout {deployment} of {group}")


if __name__ == "__main__":
    main()
