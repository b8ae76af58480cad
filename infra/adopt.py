"""`python -m infra.adopt ENV`: take what has outlived its stacks back into new ones.

What a deleted stack has retained would stop the next deployment: the names are taken. This imports it into
new stacks of the same names, which hold nothing else. Then deploy as always, and the rest comes back. Without
--import it lists what it would import.

Example: python -m infra.adopt staging --import && npx aws-cdk@2 deploy --all -c env=staging
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra import environments
from infra.__main__ import parse_context, resolve_context
from infra.app import compose_data
from infra.environments import Environment
from infra.functions import build_retained
from infra.leaving.retained import Retained, find_identifier, list_retained
from infra.leaving.stacks import StackFailed, list_stacks, wait
from infra.resource_names import ResourceNames
from infra.target import WrongTargetError, check_target, open_session

CHANGE_SET = "adopt"
IDENTIFIERS = {
    "AWS::DynamoDB::Table": "TableName",
    "AWS::KMS::Alias": "AliasName",
    "AWS::KMS::Key": "KeyId",
    "AWS::Kinesis::Stream": "Name",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SQS::Queue": "QueueUrl",
}
"""The property by which CloudFormation asks for a resource of each type that it is to import."""


def main(
    arguments: Sequence[str] | None = None, aws: Any = None, pause: Callable[[float], object] = time.sleep
) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m infra.adopt",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("environment", choices=environments.NAMES)
    parser.add_argument("--import", dest="is_import", action="store_true", help="do it")
    parser.add_argument(
        "-c", "--context", action="append", default=[], metavar="NAME=VALUE", help="as in the deployment"
    )
    parsed = parser.parse_args(arguments)
    try:
        environment = environments.load(parsed.environment)
        names = resolve_context(environment.name, parse_context(parsed.context))
        adopt(environment, names, aws or open_session(), is_import=parsed.is_import, pause=pause)
    except (ValueError, WrongTargetError, StackFailed, BotoCoreError, ClientError) as error:
        sys.exit(f"adopt: {error}")


def adopt(
    environment: Environment,
    names: ResourceNames,
    aws: Any,
    *,
    is_import: bool,
    pause: Callable[[float], object] = time.sleep,
) -> None:
    target = check_target(environment, aws)
    formation = aws.client("cloudformation")
    existing = {stack.name for stack in list_stacks(formation, environment)}
    for short in ("data", "service"):
        stack = f"realtime-{environment.name}-{short}"
        retained = [each for each in list_retained(environment, names, target) if each.stack == short]
        found = _identify(aws, retained)
        if stack in existing:
            print(f"{stack} is there: nothing to import")
        elif not found:
            print(f"{stack}: nothing was retained")
        else:
            print(f"{stack}: {', '.join(found)}")
            if is_import:
                resources = (
                    synthesise_data(environment, names) if short == "data" else build_retained(environment)
                )
                import_resources(formation, stack, resources, found, pause)
    if not is_import:
        print("Nothing was changed. --import does it.")


def _identify(aws: Any, retained: list[Retained]) -> dict[str, str]:
    """The identifiers of those that are there, by logical id."""
    found: dict[str, str] = {}
    for resource in retained:
        identifier = find_identifier(aws, resource)
        if identifier is not None:
            found[resource.logical_id] = identifier
        if identifier is not None and resource.type == "AWS::KMS::Alias":
            key = aws.client("kms").describe_key(KeyId=identifier)["KeyMetadata"]["KeyId"]
            found[resource.logical_id.removesuffix("Alias")] = key
    return found


def synthesise_data(environment: Environment, names: ResourceNames) -> dict[str, Any]:
    """The resources of the data stack, as the next deployment will write them."""
    with tempfile.TemporaryDirectory() as folder:
        compose_data(environment, names, Path(folder)).synth()
        (path,) = Path(folder).glob("*-data.template.json")
        resources: dict[str, Any] = json.loads(path.read_text())["Resources"]
    return resources


def import_resources(
    formation: Any,
    stack: str,
    resources: dict[str, Any],
    found: dict[str, str],
    pause: Callable[[float], object] = time.sleep,
) -> None:
    """Make the stack of those ``resources`` that are ``found``: an import can create no other beside them."""
    template = {"Resources": {name: resources[name] for name in found}}
    formation.create_change_set(
        StackName=stack,
        ChangeSetName=CHANGE_SET,
        ChangeSetType="IMPORT",
        TemplateBody=json.dumps(template, separators=(",", ":")),
        ResourcesToImport=[
            {
                "ResourceType": resources[name]["Type"],
                "LogicalResourceId": name,
                "ResourceIdentifier": {IDENTIFIERS[resources[name]["Type"]]: identifier},
            }
            for name, identifier in found.items()
        ],
    )
    _wait_for_change_set(formation, stack, pause)
    formation.execute_change_set(StackName=stack, ChangeSetName=CHANGE_SET)
    wait(formation, stack, {"IMPORT_COMPLETE"}, pause)
    print(f"{stack}: imported {len(found)} resources; now deploy")


def _wait_for_change_set(formation: Any, stack: str, pause: Callable[[float], object]) -> None:
    while True:
        answer = formation.describe_change_set(StackName=stack, ChangeSetName=CHANGE_SET)
        if answer["Status"] == "CREATE_COMPLETE":
            return
        if answer["Status"] == "FAILED":
            formation.delete_stack(StackName=stack)  # it holds nothing yet, and would be in the way next time
            raise StackFailed(f"{stack}: {answer.get('StatusReason', 'no reason given')}")
        pause(1.0)


if __name__ == "__main__":
    main()
