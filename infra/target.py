"""`python -m infra.target ENV`: are these credentials of the account and the region that ENV belongs to?

Every command that changes an environment asks first. infra/environments/ENV.py says `account` and `region`;
where it says neither, any account and region are accepted.

Example: AWS_PROFILE=production AWS_REGION=eu-west-1 python -m infra.target prod
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from infra import environments
from infra.environments import Environment


class WrongTargetError(Exception):
    """The credentials are of another account or region than the environment's. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Target:
    account: str
    region: str


def check_target(environment: Environment, aws: Any) -> Target:
    """The account and region of ``aws``, a boto3 session; raises WrongTargetError if they are not its own."""
    if not aws.region_name:
        raise WrongTargetError("no region is set: set AWS_REGION, or a region in the profile")
    found = Target(aws.client("sts").get_caller_identity()["Account"], aws.region_name)
    for field in ("account", "region"):
        expected, actual = getattr(environment, field), getattr(found, field)
        if expected not in (None, actual):
            raise WrongTargetError(
                f"these credentials are for {field} {actual}, and {environment.name} is in {expected}:"
                f" set AWS_PROFILE and AWS_REGION, or correct {field} in infra/environments"
            )
    return found


def require_contact(environment: Environment) -> None:
    """Raises WrongTargetError if alarms of production would wake nobody. Synthesis alone needs no contact."""
    if environment.name == "prod" and environment.pages is None:
        raise WrongTargetError(
            "alarms of prod would wake nobody: set pages=Contact(email=…), or pages=Contact(topic_arn=…) for"
            " a topic that you have, in infra/environments/prod.py"
        )


def open_session() -> Any:
    """A boto3 session; its region is AWS_REGION, which boto3 itself does not read."""
    from boto3.session import Session

    return Session(region_name=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"))


def main(arguments: Sequence[str] | None = None, aws: Any = None) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    parser = argparse.ArgumentParser(
        prog="python -m infra.target",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("environment", choices=environments.NAMES)
    environment = environments.load(parser.parse_args(arguments).environment)
    try:
        require_contact(environment)
        target = check_target(environment, aws or open_session())
    except (WrongTargetError, BotoCoreError, ClientError) as error:
        sys.exit(f"target: {error}")
    is_named = environment.account and environment.region
    note = "" if is_named else f" (infra/environments does not name both for {environment.name})"
    print(f"{environment.name}: account {target.account}, region {target.region}{note}")


if __name__ == "__main__":
    main()
