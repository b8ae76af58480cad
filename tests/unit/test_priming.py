"""What priming leaves in a container: code and clients, and nothing else."""

import json
import logging
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import snapshot_restore_py
from awslambdaric.lambda_runtime_hooks_runner import run_after_restore

from chalicelib import priming, wiring
from tests.support.paths import ROOT
from tests.support.up import clean_environment

PRIME_AND_DECIDE = """
import gc, json, sys
import app
from chalicelib import priming, wiring
from chalicelib.settings import Settings
from chalicelib.stores.rehearsal import rehearse
from tests.support.api_keys import make_key

handler = {"app.assignment": app.assignment, "app.feature_flags": app.feature_flags}[sys.argv[1]]
priming.prime(handler)
gc.collect()
data = ("chalicelib.services", "chalicelib.stores", "chalicelib.metrics", "chalicelib.wiring", "pybreaker")
left = {f"{type(each).__module__}.{type(each).__name__}" for each in gc.get_objects()
        if type(each).__module__.startswith(data)}
loaded = set(sys.modules)
settings = wiring.settings()
flag = {"key": "f", "type": "boolean", "rollout_percentage": 50}
experiment = priming._EXPERIMENT | {"key": "e"}
with rehearse(wiring.clients(), {settings.flags_table: [flag], settings.experiments_table: [experiment]}):
    answer = handler({"user_id": "u1", "flag_key": "f", "experiment_key": "e", "context": {}}, None)
    wiring.plane().authorize("Bearer " + make_key("unknown"))
    wiring.plane().after_response(1.0)
print(json.dumps({"left": sorted(left), "loaded": sorted(set(sys.modules) - loaded), "answer": answer}))
"""


@pytest.fixture(scope="module", params=["app.feature_flags", "app.assignment"])
def primed(request: pytest.FixtureRequest) -> tuple[dict[str, Any], str]:
    """What was left when DynamoDB did not answer, what the first decision loaded, its answer; and the log."""
    lambda_variables = {"_HANDLER": request.param, "AWS_REGION": "us-east-1"}
    aws = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}
    process = subprocess.run(
        [sys.executable, "-c", PRIME_AND_DECIDE, request.param],
        cwd=ROOT,
        env=clean_environment() | lambda_variables | aws | {"REALTIME_MAX_ATTEMPTS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(process.stdout), process.stderr


def test_of_the_primed_container_only_the_clients_are_left(primed: tuple[dict[str, Any], str]) -> None:
    constant = "chalicelib.services.linked_users.Lookup"
    assert primed[0]["left"] == [constant, "chalicelib.stores.clients.Clients"]


def test_the_first_decision_loads_no_module(primed: tuple[dict[str, Any], str]) -> None:
    assert primed[0]["loaded"] == []


def test_a_store_that_does_not_answer_is_reported_and_stops_nothing(
    primed: tuple[dict[str, Any], str],
) -> None:
    assert "not primed: StorageUnavailable" in primed[1]  # the decisions before it had prepared answers
    assert primed[0]["answer"]["reason"] in ("SPLIT", "NOT_TARGETED")


@pytest.fixture
def start_as(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Prepare a container by its handler and AWS_LAMBDA_INITIALIZATION_TYPE."""

    def start(handler: str, initialization: str) -> None:
        monkeypatch.setenv("_HANDLER", handler)
        monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", initialization)
        wiring.settings.cache_clear()
        priming.prepare({"app.feature_flags": lambda event, context: {}})

    hooks = (snapshot_restore_py.get_before_snapshot(), snapshot_restore_py.get_after_restore())
    yield start
    for each in hooks:
        each.clear()
    wiring.settings.cache_clear()


def test_two_restores_of_one_snapshot_draw_different_numbers(start_as: Callable[[str, str], None]) -> None:
    start_as("app.feature_flags", "snap-start")
    snapshot, drawn = random.getstate(), []
    for _ in range(2):
        random.setstate(snapshot)
        run_after_restore()
        drawn.append(random.random())
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize(
    ("handler", "initialization"),
    [("app.event_processor", "snap-start"), ("app.feature_flags", "on-demand"), ("app.feature_flags", "")],
)
def test_nothing_is_primed_where_it_would_not_help(
    start_as: Callable[[str, str], None], handler: str, initialization: str
) -> None:
    start_as(handler, initialization)
    assert snapshot_restore_py.get_before_snapshot() == snapshot_restore_py.get_after_restore() == []


def test_a_snap_start_runtime_without_hooks_is_reported(
    start_as: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", None)
    with caplog.at_level(logging.ERROR):
        start_as("app.feature_flags", "snap-start")
    assert "SnapStart without snapshot_restore_py" in caplog.text
