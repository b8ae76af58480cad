"""Two functions, their aliases and the release machine, deployed into the faithful emulator."""

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from boto3.session import Session

from infra import environments
from infra.environments import Environment, FunctionName
from infra.functions import LOGICAL_IDS, get_function_name
from infra.release import alias
from infra.release.machine import build_resources
from infra.release.probes import PROBES
from infra.release.steps import Release, Step
from realtime.local.emulator import build_environment, start_emulator
from tests.support.poll import wait_until

PROGRAM = Path(__file__).with_name("faithful_ministack.py")
STACK = "realtime-dev-service"
NAMES: tuple[FunctionName, ...] = ("assignment", "feature_flags")
CODE = """
PROBES = {probes}
def handler(event, context):
    for probe, answer in PROBES:
        if event == probe:
            return answer
    return {{"version": context.function_version, "build": {build}}}
"""


def make_environment(release: Release | None = None, **assignment: Any) -> Environment:
    """Of dev, two functions, released in three steps; ``assignment`` changes settings of that function."""
    dev = environments.load("dev")
    functions = {name: dev.functions[name] for name in NAMES}
    functions["assignment"] = replace(functions["assignment"], **assignment)
    steps = (Step(10, 5), Step(50, 5), Step(100, 5))
    return replace(dev, functions=functions, release=release or Release(steps, min_calls=0, keep=2))


@dataclass(slots=True)
class Deployments:
    """Deploys builds as a pipeline would, and looks at what releases make of them."""

    environ: Mapping[str, str]
    events: Path
    environment: Environment = field(default_factory=make_environment)
    build: int = 0
    _clients: dict[str, Any] = field(default_factory=dict)

    @property
    def region_name(self) -> str:
        return self.environ["AWS_REGION"]

    def client(self, service: Any) -> Any:
        if service not in self._clients:
            session = Session(
                aws_access_key_id=self.environ["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=self.environ["AWS_SECRET_ACCESS_KEY"],
                region_name=self.region_name,
            )
            endpoint = self.environ["AWS_ENDPOINT_URL"]
            self._clients[service] = session.client(service, endpoint_url=endpoint)
        return self._clients[service]

    def get_partition_for_region(self, _region: str) -> str:
        return "aws"

    def deploy(self, build: int, is_broken: bool = False) -> None:
        """Code number ``build``; one that is broken answers no probe as it should."""
        self.build = build
        code = self._zip(build, is_broken)
        self.client("s3").put_object(Bucket="builds", Key=f"{build}.zip", Body=code)
        sha256 = base64.b64encode(hashlib.sha256(code).digest()).decode()
        self._put_stack(self._make_template(f"{build}.zip", sha256))

    def _zip(self, build: int, is_broken: bool) -> bytes:
        answers = [
            [probe.event, {"statusCode": 500} if is_broken else probe.expect]
            for name in NAMES
            for probe in PROBES[name]
        ]
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            # a fixed time: the same build is the same file
            entry = zipfile.ZipInfo("app.py", (2026, 1, 1, 0, 0, 0))
            archive.writestr(entry, CODE.format(probes=answers, build=build))
        return content.getvalue()

    def _make_template(self, key: str, sha256: str) -> dict[str, Any]:
        resources: dict[str, Any] = dict(build_resources(self.environment, sha256))
        for name, function in self.environment.functions.items():
            logical_id = LOGICAL_IDS[name]
            properties = {
                "FunctionName": get_function_name(name, self.environment),
                "Runtime": "python3.11",
                "Handler": "app.handler",
                "Role": "arn:aws:iam::000000000000:role/any",
                "MemorySize": function.memory,
                "ReservedConcurrentExecutions": function.reserved,
                "Code": {"S3Bucket": "builds", "S3Key": key},
            }
            resources[logical_id] = {"Type": "AWS::Lambda::Function", "Properties": properties}
            resources |= alias.build_resources(logical_id)
        return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}

    def _put_stack(self, template: dict[str, Any]) -> None:
        formation = self.client("cloudformation")
        self.client("s3").put_object(Bucket="builds", Key="template.json", Body=json.dumps(template))
        arguments = {
            "StackName": STACK,
            "TemplateURL": f"{self.environ['AWS_ENDPOINT_URL']}/builds/template.json",
            "Capabilities": ["CAPABILITY_IAM"],
        }
        try:
            formation.describe_stacks(StackName=STACK)
        except formation.exceptions.ClientError:
            formation.create_stack(**arguments)
        else:
            formation.update_stack(**arguments)
        wait_until(lambda: self._is_done(formation), seconds=30)

    def _is_done(self, formation: Any) -> bool:
        (stack,) = formation.describe_stacks(StackName=STACK)["Stacks"]
        status: str = stack["StackStatus"]
        assert not status.endswith(("FAILED", "ROLLBACK_COMPLETE")), stack.get("StackStatusReason")
        return status.endswith("COMPLETE")

    def script(self, **events: str) -> None:
        """What happens when weights are written, such as ``assignment_50="alarm failed"``; else nothing."""
        by_write = {
            f"realtime-dev-{write.rpartition('_')[0]} {write.rpartition('_')[2]}": event
            for write, event in events.items()
        }
        (self.events / "script.json").write_text(json.dumps(by_write))
        (self.events / "writes").write_text("")

    def list_writes(self, name: str = "assignment") -> list[str]:
        """Percentages and versions that were written to an alias since `script`, in order."""
        lines = (self.events / "writes").read_text().splitlines()
        return [line.partition(" ")[2] for line in lines if line.startswith(f"realtime-dev-{name} ")]

    def get_alias(self, name: Any = "assignment") -> dict[str, Any]:
        function = get_function_name(name, self.environment)
        found: dict[str, Any] = self.client("lambda").get_alias(FunctionName=function, Name=alias.ALIAS)
        return found

    def list_versions(self, name: Any = "assignment") -> list[str]:
        function = get_function_name(name, self.environment)
        found = self.client("lambda").list_versions_by_function(FunctionName=function)["Versions"]
        return [version["Version"] for version in found if version["Version"] != "$LATEST"]


@contextmanager
def run_deployments(log: Path) -> Iterator[Deployments]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RELEASE_EVENTS", str(log.parent))
        with start_emulator(log=log, program=PROGRAM) as endpoint:
            deployments = Deployments(build_environment(endpoint), log.parent)
            deployments.script()
            deployments.client("s3").create_bucket(Bucket="builds")
            yield deployments
