"""The smoke tests pass against the synthesised stacks, deployed into the local AWS."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest

from chalicelib.settings import Settings
from infra import environments
from infra.functions import get_function_name
from infra.pipeline import build_validation_statements
from infra.release.alias import ALIAS
from infra.resource_names import resolve_names
from realtime.local.clients import connect
from realtime.local.emulator import ROOT, build_environment, start_emulator
from realtime.local.pump import Pump
from realtime.local.streams import KinesisStream, ReadableStream, TableStream
from realtime.resources import describe
from tests.support import synth
from tests.support.deployment import Deployment, deploy

pytestmark = [pytest.mark.e2e, pytest.mark.aws, pytest.mark.timeout(300)]
DEV = environments.load("dev")


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with start_emulator(log=tmp_path_factory.mktemp("deployed") / "aws.log") as endpoint:
        yield build_environment(endpoint)


@pytest.fixture(scope="module")
def deployed(environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """All three stacks, with pumps that invoke the stream handlers as the Lambda service would."""
    deployment = deploy(synth.shared(tmp_path_factory), "emulator", environ)
    described, clients = describe(Settings.from_env({"REALTIME_ENV": "dev"})), connect(environ)
    with ExitStack() as running:
        for source in described.event_sources:
            stream: ReadableStream
            if source.source == described.stream.name:
                stream = KinesisStream(clients.kinesis, source.source)
            else:
                stream = TableStream(clients.table_streams, source.source)
            pump = Pump(source, stream, _make_invoker(source.function, deployment, environ), lambda _: None)
            pump.start()
            running.callback(pump.stop)
        yield deployment


def _make_invoker(function: Any, deployment: Deployment, environ: Mapping[str, str]) -> Any:
    lambda_ = deployment.session.client("lambda", endpoint_url=environ["AWS_ENDPOINT_URL"])
    name = f"{get_function_name(function, DEV)}:{ALIAS}"
    lock = threading.Lock()

    def invoke(event: Any, _context: Any) -> Any:
        with lock:
            response = lambda_.invoke(FunctionName=name, Payload=json.dumps(event))
        result = json.loads(response["Payload"].read())
        assert "FunctionError" not in response, result
        return result

    return invoke


@pytest.fixture(scope="module")
def recorded(
    deployed: Deployment, environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> set[tuple[str, str]]:
    """The calls that the smoke tests made while they passed: actions and names of resources."""
    file = tmp_path_factory.mktemp("smoke") / "calls"
    command = [sys.executable, "-m", "pytest", "tests/smoke", "--env=dev", f"--api={deployed.address}"]
    command += ["-p", "no:cacheprovider", "-p", "no:randomly", "--no-header", "-n0"]
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))
    }
    recording = {
        "PYTHONPATH": f"{ROOT / 'tests' / 'support' / 'recording'}:{ROOT}",
        "RECORDED_CALLS": str(file),
    }
    whole = inherited | environ | recording
    done = subprocess.run(command, cwd=ROOT, env=whole, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    lines = (line.split(" ") for line in file.read_text().splitlines())
    return {(action, name) for action, name in lines}


def test_what_is_deployed_passes_the_smoke_tests(recorded: set[tuple[str, str]]) -> None:
    assert recorded


def test_the_pipelines_role_has_what_the_smoke_tests_call_and_nothing_more(
    recorded: set[tuple[str, str]],
) -> None:
    allowed = {
        (action, str(resource).rpartition("/")[2].rstrip("'}"))
        for statement in build_validation_statements(DEV, resolve_names("dev", "standalone"))
        for action in statement["Action"]
        for resource in statement["Resource"]
    }
    unused = {"cloudformation:DescribeStacks"}  # only without --api, to learn the API's address
    unused |= {"s3:DeleteObject"}  # of snapshots that are older than an hour
    free = {"sts:GetCallerIdentity"}  # needs no permission, as AWS documents
    assert {action for action, _ in recorded} - free == {action for action, _ in allowed} - unused
    assert {call for call in recorded if is_table_call(call)} == {
        call for call in allowed if is_table_call(call)
    }


def is_table_call(call: tuple[str, str]) -> bool:
    return call[0].startswith("dynamodb:")


def test_every_function_runs_the_one_bundle_of_the_synthesis(
    deployed: Deployment, environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    (asset,) = (synth.shared(tmp_path_factory) / "emulator").glob("asset.*.zip")
    lambda_ = deployed.session.client("lambda", endpoint_url=environ["AWS_ENDPOINT_URL"])
    sizes = {
        lambda_.get_function_configuration(FunctionName=get_function_name(name, environments.load("dev")))[
            "CodeSize"
        ]
        for name in DEV.functions
    }
    assert sizes == {asset.stat().st_size}


def test_the_smoke_tests_are_not_collected_without_an_environment() -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "tests/smoke",
        "--collect-only",
        "-n0",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "test_decisions" not in done.stdout
