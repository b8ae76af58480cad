"""The synthesised stacks, deployed into the local AWS, and the smoke tests against them: what ships, runs."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from infra import environments
from infra.functions import ALIAS, physical
from realtime.local.clients import connect
from realtime.local.emulator import ROOT, emulator, environment
from realtime.local.pump import Pump
from realtime.local.streams import KinesisStream
from realtime.resources import EventSource
from tests.support import synth
from tests.support.deployment import Deployment, deploy

pytestmark = [pytest.mark.e2e, pytest.mark.aws, pytest.mark.timeout(300)]
STREAM = "experimentation-events-dev"


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with emulator(log=tmp_path_factory.mktemp("deployed") / "aws.log") as endpoint:
        yield environment(endpoint)


@pytest.fixture(scope="module")
def deployed(environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """All three stacks; the deployed event processor is invoked as the Lambda service would."""
    found = deploy(synth.shared(tmp_path_factory), "emulator", environ)
    invoke = _invoker(found, environ)
    source = EventSource("event_processor", STREAM)
    pump = Pump(source, KinesisStream(connect(environ).kinesis, STREAM), invoke, lambda _: None)
    pump.start()
    yield found
    pump.stop()


def _invoker(deployed: Deployment, environ: Mapping[str, str]) -> Any:
    lambda_ = deployed.session.client("lambda", endpoint_url=environ["AWS_ENDPOINT_URL"])
    name = f"{physical('event_processor', environments.load('dev'))}:{ALIAS}"
    one_at_a_time = threading.Lock()

    def invoke(event: Any, _context: Any) -> Any:
        with one_at_a_time:
            answer = lambda_.invoke(FunctionName=name, Payload=json.dumps(event))
        found = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, found
        return found

    return invoke


def test_what_is_deployed_passes_the_smoke_tests(deployed: Deployment, environ: dict[str, str]) -> None:
    command = [sys.executable, "-m", "pytest", "tests/smoke", "--env=dev", f"--api={deployed.address}"]
    command += ["-p", "no:cacheprovider", "-p", "no:randomly", "--no-header", "-n0"]
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))
    }
    done = subprocess.run(
        command, cwd=ROOT, env=inherited | environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_every_function_runs_the_one_bundle_of_the_synthesis(
    deployed: Deployment, environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    (asset,) = (synth.shared(tmp_path_factory) / "emulator").glob("asset.*.zip")
    lambda_ = deployed.session.client("lambda", endpoint_url=environ["AWS_ENDPOINT_URL"])
    sizes = {
        lambda_.get_function_configuration(FunctionName=physical(name, environments.load("dev")))["CodeSize"]
        for name in environments.load("dev").functions
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
