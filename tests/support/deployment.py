"""The synthesised stacks, deployed into the local emulator as the CDK CLI would deploy them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boto3.session import Session

from tests.support.poll import wait_until
from tests.support.synth import STACKS, Template, load, of_type

NOT_EMULATED = {"AWS::Budgets::Budget", "AWS::Lambda::EventSourceMapping", "AWS::Logs::QueryDefinition"}
"""Resource types that the emulator does not have, or not as AWS has them."""
ASSETS = "cdk-hnb659fds-assets-{account}-{region}"
VERSION = "/cdk-bootstrap/hnb659fds/version"


@dataclass(frozen=True, slots=True)
class Deployment:
    session: Session
    address: str
    """The API's URL."""

    def client(self, service: Any) -> Any:
        return self.session.client(service)


def deploy(folder: Path, variant: str, environ: Mapping[str, str]) -> Deployment:
    """``environ`` has the variables that point at the emulator."""
    session = Session(
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        region_name=environ["AWS_REGION"],
    )
    endpoint = environ["AWS_ENDPOINT_URL"]
    assets = _bootstrap(session, folder / variant, endpoint)
    s3 = session.client("s3", endpoint_url=endpoint)
    formation = session.client("cloudformation", endpoint_url=endpoint)
    for stack in STACKS:
        body = adapt_to_emulator(load(folder, variant, stack, "template"))
        name = f"realtime-dev-{stack}"
        s3.put_object(Bucket=assets, Key=f"{name}.json", Body=json.dumps(body))
        formation.create_stack(
            StackName=name,
            TemplateURL=f"{endpoint}/{assets}/{name}.json",
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        wait_until(lambda name=name: _is_complete(formation, name), seconds=60)  # type: ignore[misc]
    _enable_recovery(session.client("dynamodb", endpoint_url=endpoint), load(folder, variant, "data"))
    resources = formation.list_stack_resources(StackName="realtime-dev-service")["StackResourceSummaries"]
    ids = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
    if "HttpApi" in ids:
        address = f"{endpoint}/_aws/execute-api/{ids['HttpApi']}/$default"
    else:
        address = f"{endpoint}/restapis/{ids['RestAPI']}/api/_user_request_"
    return Deployment(session, address)


def adapt_to_emulator(template: Template) -> Template:
    """Leave out what the emulator lacks: budgets, saved queries, metric math, real event sources.

    The emulator's own event sources ignore reported failures, retries, windows and destinations: the pump
    reads the streams instead.
    """
    resources = {
        name: resource
        for name, resource in template["Resources"].items()
        if resource["Type"] not in NOT_EMULATED
        and not (resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"])
    }
    return {**template, "Resources": resources}


def _bootstrap(session: Session, assembly: Path, endpoint: str) -> str:
    """Do what `cdk bootstrap` does, upload the assets as `cdk deploy` does, and return their bucket."""
    account = session.client("sts", endpoint_url=endpoint).get_caller_identity()["Account"]
    bucket = ASSETS.format(account=account, region=session.region_name)
    s3 = session.client("s3", endpoint_url=endpoint)
    s3.create_bucket(Bucket=bucket)
    session.client("ssm", endpoint_url=endpoint).put_parameter(Name=VERSION, Value="30", Type="String")
    for manifest in assembly.glob("*.assets.json"):
        for asset in json.loads(manifest.read_text())["files"].values():
            (destination,) = asset["destinations"].values()
            s3.upload_file(str(assembly / asset["source"]["path"]), bucket, destination["objectKey"])
    return bucket


def _enable_recovery(dynamodb: Any, data: Template) -> None:
    """Turn on point-in-time recovery, which the emulator's CloudFormation ignores."""
    for table in of_type(data, "AWS::DynamoDB::Table").values():
        specification = table["PointInTimeRecoverySpecification"]
        name = table["TableName"]
        dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=specification)


def _is_complete(formation: Any, name: str) -> bool:
    (stack,) = formation.describe_stacks(StackName=name)["Stacks"]
    status: str = stack["StackStatus"]
    if "FAILED" in status or "ROLLBACK" in status:
        events = formation.describe_stack_events(StackName=name)["StackEvents"]
        failed = [event for event in events if event["ResourceStatus"].endswith("FAILED")]
        reasons = [f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}" for event in failed]
        raise AssertionError(f"{name} is {status}: {reasons}")
    return status == "CREATE_COMPLETE"
