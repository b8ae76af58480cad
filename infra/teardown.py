"""`python -m infra.teardown ENV`: list what an environment consists of, and what outlives its stacks.

With --stacks its stacks go: nothing answers any more, and what is retained stays (`python -m infra.adopt ENV`
takes it back). With --everything that goes too: tables, stream, bucket with all versions, queues, logs; a key
that the stacks created is deleted after 30 days. Both ask for the environment's name first. After an
interruption or a failure, run it again.

Example: python -m infra.teardown staging --everything
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra import environments
from infra.__main__ import parse_context, resolve_context
from infra.environments import Environment
from infra.leaving.buckets import NotEmptied, empty
from infra.leaving.retained import Retained, delete, find_identifier, list_retained
from infra.leaving.stacks import Stack, StackFailed, delete_stack, list_stacks
from infra.resource_names import ResourceNames
from infra.target import Target, WrongTargetError, check_target, open_session


@dataclass(frozen=True, slots=True)
class Inventory:
    """What is there: the stacks in the order in which they go, and what outlives them."""

    target: Target
    stacks: list[Stack]
    retained: list[Retained]


def main(
    arguments: Sequence[str] | None = None,
    aws: Any = None,
    ask: Callable[[str], str] = input,
    pause: Callable[[float], object] = time.sleep,
) -> None:
    parsed = _parse(arguments)
    try:
        environment = environments.load(parsed.environment)
        names = resolve_context(environment.name, parse_context(parsed.context))
        aws = aws or open_session()
        inventory = take_inventory(environment, names, check_target(environment, aws), aws)
        if parsed.json:
            print(json.dumps(asdict(inventory), indent=2))
        else:
            _show(environment, inventory, parsed)
        if (parsed.stacks or parsed.everything) and (inventory.stacks or inventory.retained):
            if not parsed.yes and ask(f"Type {environment.name} to go on: ").strip() != environment.name:
                sys.exit("teardown: nothing was changed")
            tear_down(environment, inventory, aws, is_everything=parsed.everything, pause=pause)
    except (ValueError, WrongTargetError, StackFailed, NotEmptied, BotoCoreError, ClientError) as error:
        sys.exit(f"teardown: {error}")
    except (EOFError, KeyboardInterrupt):
        sys.exit("teardown: interrupted; run it again to go on")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m infra.teardown",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("environment", choices=environments.NAMES)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--stacks", action="store_true", help="delete the stacks; retained data stays")
    what.add_argument("--everything", action="store_true", help="delete the stacks and all data")
    what.add_argument("--json", action="store_true", help="print the list as JSON, and change nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "-c", "--context", action="append", default=[], metavar="NAME=VALUE", help="as in the deployment"
    )
    return parser.parse_args(arguments)


def take_inventory(environment: Environment, names: ResourceNames, target: Target, aws: Any) -> Inventory:
    stacks = list_stacks(aws.client("cloudformation"), environment)
    retained = list_retained(environment, names, target)
    return Inventory(target, stacks, [each for each in retained if find_identifier(aws, each) is not None])


def tear_down(
    environment: Environment,
    inventory: Inventory,
    aws: Any,
    *,
    is_everything: bool,
    pause: Callable[[float], object] = time.sleep,
) -> None:
    formation = aws.client("cloudformation")
    for stack in inventory.stacks:
        print(f"deleting {stack.name}")
        for bucket in () if environment.retain else _list_buckets(formation, stack):
            empty(aws.client("s3"), bucket, print)  # CloudFormation deletes no bucket that holds anything
        delete_stack(formation, stack, pause)
    for resource in inventory.retained if is_everything else ():
        print(f"deleting {resource.kind} {resource.name}")
        delete(aws, resource, print)
    print("done")


def _list_buckets(formation: Any, stack: Stack) -> list[str]:
    """Of the stack itself: buckets that are named to it from outside stay as they are."""
    pages = formation.get_paginator("list_stack_resources").paginate(StackName=stack.name)
    return [
        resource["PhysicalResourceId"]
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == "AWS::S3::Bucket" and resource["ResourceStatus"] != "DELETE_COMPLETE"
    ]


def _show(environment: Environment, inventory: Inventory, parsed: argparse.Namespace) -> None:
    print(f"{environment.name}: account {inventory.target.account}, region {inventory.target.region}")
    if not inventory.stacks and not inventory.retained:
        print("Nothing is there.")
    for stack in inventory.stacks:
        print(f"  stack {stack.name}{' (protected)' if stack.is_protected else ''}")
    if inventory.retained:
        fate = "goes too" if parsed.everything else "stays"
        print(f"What outlives the stacks, and {fate}:")
    for resource in inventory.retained:
        print(f"  {resource.kind} {resource.name}")
    if inventory.stacks and not environment.retain:
        print("The data of this environment is deleted with its stacks.")
    if not (parsed.stacks or parsed.everything):
        print("Nothing was changed. To delete: --stacks, or --everything.")


if __name__ == "__main__":
    main()
