"""The synthesised stacks, deployed into the local emulator as the CDK CLI would deploy them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boto3.session import Session

from tests.support.poll import wait_until
from tests.support.synth import STACKS, Template, load, of_type

NOT_EMULATED = {"AWS::Budgets::Budget", "AWS::Logs::QueryDefinition"}
"""Resource types that the emulator does not know; it has no CodeDeploy either."""
ASSETS = "cdk-hnb659fds-assets-{account}-{region}"
VERSION = "/cdk-bootstrap/hnb659fds/version"


@dataclass(frozen=True, slots=True)
class Deployment:
    session: Session
    address: str
    """Of the API."""

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
        body = emulated(load(folder, variant, stack, "template"))
        name = f"realtime-dev-{stack}"
        s3.put_object(Bucket=assets, Key=f"{name}.json", Body=json.dumps(body))
        formation.create_stack(
            StackName=name,
            TemplateURL=f"{endpoint}/{assets}/{name}.json",
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        wait_until(lambda name=name: _complete(formation, name), seconds=60)  # type: ignore[misc]
    _recoverable(session.client("dynamodb", endpoint_url=endpoint), load(folder, variant, "data"))
    resources = formation.list_stack_resources(StackName="realtime-dev-service")["StackResourceSummaries"]
    (api,) = [one["PhysicalResourceId"] for one in resources if one["LogicalResourceId"] == "RestAPI"]
    return Deployment(session, f"{endpoint}/restapis/{api}/api/_user_request_")


def emulated(template: Template) -> Template:
    """Without what the emulator lacks: rollouts by CodeDeploy with their hooks, budgets, saved queries,
    alarms by metric math.

    Its event sources ignore reported failures, retries, windows and destinations, so the pump reads instead.
    """
    resources = {
        name: one
        for name, one in template["Resources"].items()
        if one["Type"] not in NOT_EMULATED
        and "PreTraffic" not in name
        and not (one["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in one["Properties"])
    }
    for one in resources.values():
        for unknown in ("DeploymentPreference", "Events"):
            one.get("Properties", {}).pop(unknown, None)
    return {**template, "Resources": resources}


def _bootstrap(session: Session, assembly: Path, endpoint: str) -> str:
    """What `cdk bootstrap` makes, and the assets that `cdk deploy` puts there."""
    account = session.client("sts", endpoint_url=endpoint).get_caller_identity()["Account"]
    bucket = ASSETS.format(account=account, region=session.region_name)
    s3 = session.client("s3", endpoint_url=endpoint)
    s3.create_bucket(Bucket=bucket)
    session.client("ssm", endpoint_url=endpoint).put_parameter(Name=VERSION, Value="30", Type="String")
    for manifest in assembly.glob("*.assets.json"):
        for asset in json.loads(manifest.read_text())["files"].values():
            (to,) = asset["destinations"].values()
            s3.upload_file(str(assembly / asset["source"]["path"]), bucket, to["objectKey"])
    return bucket


def _recoverable(dynamodb: Any, data: Template) -> None:
    """What the emulator's CloudFormation forgets of a table."""
    for table in of_type(data, "AWS::DynamoDB::Table").values():
        asked = table["PointInTimeRecoverySpecification"]
        name = table["TableName"]
        dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=asked)


def _complete(formation: Any, name: str) -> bool:
    (stack,) = formation.describe_stacks(StackName=name)["Stacks"]
    status: str = stack["StackStatus"]
    if "FAILED" in status or "ROLLBACK" in status:
        events = formation.describe_stack_events(StackName=name)["StackEvents"]
        failed = [one for one in events if one["ResourceStatus"].endswith("FAILED")]
        reasons = [f"{one['LogicalResourceId']}: {one.get('ResourceStatusReason')}" for one in failed]
        raise AssertionError(f"{name} is {status}: {reasons}")
    return status == "CREATE_COMPLETE"
