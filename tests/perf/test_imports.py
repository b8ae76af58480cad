"""Every module that a function loads slows down its cold start, so each loads only what it needs."""

import json
import subprocess
import sys
from typing import Any

import pytest

from chalicelib.priming import NEEDS
from infra.cold_start import ENVIRON
from infra.release.probes import PROBES
from tests.support.paths import ROOT
from tests.support.up import clean_environment

FIRST_EVENT = """
import json, sys
import app
loaded = sorted(sys.modules)
from chalicelib import wiring
from chalicelib.stores.rehearsal import rehearse
name, event = json.load(sys.stdin)
flags = [{"key": "f", "type": "boolean"}]
variants = [{"key": "a", "allocation": 0.5}, {"key": "b", "allocation": 0.5}]
experiments = [{"key": "e", "status": "active", "variants": variants}]
settings = wiring.settings()
with rehearse(wiring.clients(), {settings.flags_table: flags, settings.experiments_table: experiments}):
    before = set(sys.modules)  # rehearsing has made a client of Kinesis
    answer = getattr(app, name)(event, None)
print(json.dumps([loaded, sorted(sys.modules.keys() - before), answer]))
"""
DECISIONS: dict[str, dict[str, Any]] = {
    "assignment": {"user_id": "u", "experiment_key": "e", "context": {"country": "DE"}},
    "feature_flags": {"user_id": "u", "flag_key": "f", "context": {"country": "DE"}},
    "api_key": {"type": "TOKEN", "methodArn": "arn:aws:execute-api:r:1:a/api/GET/assign"},
}
DECISIONS["api_key"]["authorizationToken"] = "Bearer rt_" + "x" * 32
PROBED = {
    "app": "ingest",
    "event_processor": "event_processor",
    "assignment_sync": "assignment_sync",
    "webhooks": "webhooks",
    "admin": "admin",
}

STREAM = (
    "chalicelib.services.events.processor",
    "chalicelib.domain.stream.counters",
    "chalicelib.stores.archive",
)
DECIDING = ("chalicelib.domain.definitions", "chalicelib.services.assign", "chalicelib.services.evaluate")
VIEWS = ("chalicelib.views", "chalicelib.api.models")
MANAGEMENT = (
    "chalicelib.api.caller",
    "chalicelib.domain.explanation",
    "chalicelib.domain.publishing",
    "chalicelib.domain.status",
    "chalicelib.services.admin",
)
"""Only the functions of operators ever need these."""
ABSENT: dict[str, tuple[str, ...]] = {
    "api_key": (*STREAM, *DECIDING, *VIEWS, "pydantic", "mmh3"),
    "app": (*STREAM, *DECIDING[1:]),
    "assignment": (*STREAM, "chalicelib.services.events.ingest", "chalicelib.services.authorize"),
    "feature_flags": (*STREAM, "chalicelib.services.events.ingest", "chalicelib.services.authorize"),
    "event_processor": (*DECIDING[1:], *VIEWS, "chalicelib.stores.postgres"),
    "assignment_sync": (*DECIDING[1:], *VIEWS, "chalicelib.services.events.ingest"),
    "webhooks": (STREAM[0], STREAM[2], *DECIDING[1:], *VIEWS),
    "admin": (STREAM[0], STREAM[2], *DECIDING[1:], "chalicelib.views"),
}
CEILINGS = {
    "api_key": 40,
    "app": 130,
    "assignment": 170,
    "feature_flags": 170,
    "event_processor": 175,
    "assignment_sync": 175,
    "webhooks": 145,
    "admin": 245,
}
"""Modules of ours."""
EVERYWHERE_ABSENT = ("boto3", "re2", "rich", "typer", "yaml", "realtime", "chalicelib.api.openapi", "pg8000")


def run_first_event(function: str) -> tuple[set[str], set[str], Any]:
    """The modules that ``function`` loads when it starts, those its first event adds, and the answer."""
    event = DECISIONS.get(function) or PROBES[PROBED[function]][-1].event  # type: ignore[index]
    process = subprocess.run(
        [sys.executable, "-c", FIRST_EVENT],
        cwd=ROOT,
        env=clean_environment() | ENVIRON | {"_HANDLER": f"app.{function}", "REALTIME_ADMIN": "1"},
        input=json.dumps([function, event]),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    loaded, added, answer = json.loads(process.stdout.splitlines()[-1])
    return set(loaded), set(added), answer


@pytest.mark.parametrize("function", ABSENT)
def test_a_function_loads_what_its_first_event_needs_and_no_more(function: str) -> None:
    loaded, added, answer = run_first_event(function)
    absent = (*ABSENT[function], *EVERYWHERE_ABSENT)
    absent += () if function in ("admin", "webhooks") else MANAGEMENT
    unneeded = {module for module in absent if module in loaded}
    assert not unneeded
    ours = sorted(module for module in loaded if module.startswith("chalicelib"))
    assert len(ours) <= CEILINGS[function], ours
    late = {module for module in added if module.startswith(("chalicelib", "botocore"))}
    assert not late, answer


def test_the_first_events_are_answered() -> None:
    """Else the test above would see what an error needs."""
    assert run_first_event("assignment")[2]["variant"] in ("a", "b")
    assert run_first_event("feature_flags")[2]["value"] is True
    assert run_first_event("api_key")[2]["policyDocument"]["Statement"][0]["Effect"] == "Deny"
    assert json.loads(run_first_event("admin")[2]["body"])["error"]["code"] == "flag_not_found"


def test_every_function_is_tested() -> None:
    assert {f"app.{function}" for function in ABSENT} == set(NEEDS)
