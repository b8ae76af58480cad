"""From another system's document to an OpenFeature client: imported, published, asked over HTTP.

The answers are those of the cases in tests/conformance/imports, aliases such as ``grüppe/85`` included.
"""

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from rich.console import Console

from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients as ServiceClients
from chalicelib.stores.definitions import DefinitionStore
from realtime.commands.compare import Source, compare, load_published
from realtime.commands.import_definitions import import_definitions
from realtime.commands.publish import publish
from realtime.migration.checking import ANY_TIME
from realtime.migration.comparing import is_equal
from realtime.migration.users import Cells
from realtime.migration.vendors import VENDORS
from tests.support.paths import ROOT
from tests.support.service import KEY, Service, serve_service

CASES = ROOT / "tests" / "conformance" / "imports"
KNOWN = [vendor.name for vendor in VENDORS.values() if vendor.has_known_hash]
HEADERS = {"Authorization": f"Bearer {KEY}"}
Case = dict[str, Any]
Http = requests.Session


def make_console() -> Console:
    return Console(file=StringIO(), width=60)


def read_cases(vendor: str) -> list[Case]:
    """Those of the system's one document, without options."""
    cases = map(json.loads, (CASES / f"{vendor}.jsonl").read_text().splitlines())
    document = f"definitions/{vendor}.json"
    return [case for case in cases if case["definitions"] == document and not case.get("options")]


@pytest.fixture
def store(aws_settings: Settings, service_clients: ServiceClients) -> DefinitionStore:
    return DefinitionStore(service_clients, aws_settings)


@pytest.fixture
def running(aws_settings: Settings, store: DefinitionStore) -> Iterator[tuple[str, Service]]:
    with serve_service(replace(aws_settings, definitions_check=0.1), definitions=store) as running:
        yield running


def publish_import(vendor: str, store: DefinitionStore, folder: Path) -> None:
    document, file = CASES / "definitions" / f"{vendor}.json", folder / "imported.yaml"
    import_definitions(make_console(), vendor, [document], file, {})
    assert publish(make_console(), store, [file], strict=False) == 0


def ask_ofrep(http: Http, url: str, case: Case) -> dict[str, Any]:
    context = case["context"] if case["user"] is None else {**case["context"], "targetingKey": case["user"]}
    address = f"{url}/ofrep/v1/evaluate/flags/{quote(case['key'], safe='')}"
    answer: dict[str, Any] = http.post(address, json={"context": context}, headers=HEADERS, timeout=5).json()
    return answer


def ask_flags(http: Http, url: str, case: Case) -> dict[str, Any]:
    body = {"user_id": case["user"], "flag_key": case["key"], "context": case["context"]}
    answer: dict[str, Any] = http.post(f"{url}/flags/evaluate", json=body, headers=HEADERS, timeout=5).json()
    return answer


def has_expected(answer: dict[str, Any], case: Case, fields: tuple[str, ...]) -> bool:
    """No value, and an unknown flag, is the caller's default."""
    got = {"variant": answer.get("variant"), "enabled": answer.get("enabled", False)}
    got["value"] = answer["value"] if answer.get("value") is not None else case.get("default")
    return all(is_equal(got[name], case["expect"][name]) for name in fields if name in case["expect"])


def is_of_another_type(value: Any, default: Any) -> bool:
    """Numbers are of one."""
    kinds = {float if type(each) is int else type(each) for each in (value, default)}
    return len(kinds - {type(None)}) > 1


def ask_client(client: OpenFeatureClient, name: str, case: Case, default: Any) -> Any:
    """As a program does with this default.

    The provider writes a key into the path as it is: ``name`` is the definition's own if there is a slash.
    """
    askers: dict[type, Callable[..., Any]] = {
        bool: client.get_boolean_details,
        str: client.get_string_details,
        int: client.get_integer_details,
        float: client.get_float_details,
    }
    ask = askers.get(type(default), client.get_object_details)
    return ask(name, default, EvaluationContext(case["user"], case["context"]))


def find_own_keys(store: DefinitionStore) -> dict[str, str]:
    """By alias."""
    flags = (json.loads(row.text) for row in store.get_all("flag").values())
    return {flag["alias"]: flag["key"] for flag in flags if "alias" in flag}


@pytest.mark.parametrize("vendor", KNOWN)
def test_each_case_is_answered_over_http(
    vendor: str, running: tuple[str, Service], store: DefinitionStore, tmp_path: Path
) -> None:
    url, service = running
    publish_import(vendor, store, tmp_path)
    domain = uuid.uuid4().hex
    api.set_provider(OFREPProvider(url, headers_factory=lambda: HEADERS), domain)
    client, cases, asked_by_client = api.get_client(domain), read_cases(vendor), 0
    own_keys = find_own_keys(store)
    assert len(cases) > 10
    with requests.Session() as http:
        for case in cases:
            now = datetime.fromisoformat(case["now"]).timestamp() if "now" in case else ANY_TIME
            service.plane.clock = lambda now=now: now  # type: ignore[misc]
            answer = ask_ofrep(http, url, case)
            name = own_keys[case["key"]] if "/" in case["key"] else case["key"]
            if is_of_another_type(answer.get("value"), case.get("default")):  # which the client notices
                assert ask_client(client, name, case, case["default"]).value == case["expect"]["value"]
                continue
            assert has_expected(answer, case, ("value", "variant")), (case, answer)
            if case["user"] is not None:
                flags_answer = ask_flags(http, url, case)
                assert has_expected(flags_answer, case, ("value", "variant", "enabled")), (case, flags_answer)
            if answer.get("value") is not None:
                details = ask_client(client, name, case, type(answer["value"])())
                assert is_equal(details.value, answer["value"]), (case, details)
                assert details.variant == answer.get("variant"), (case, details)
                asked_by_client += 1
    assert asked_by_client > 5


@pytest.mark.parametrize("vendor", ["unleash", "statsig"])
def test_published_imports_are_the_same_for_each_user(
    vendor: str, store: DefinitionStore, tmp_path: Path
) -> None:
    publish_import(vendor, store, tmp_path)
    users = tmp_path / "users.jsonl"
    asked = [{"user": case["user"], "context": case["context"]} for case in read_cases(vendor)]
    users.write_text("\n".join(map(json.dumps, asked)))
    source = Source(vendor, [CASES / "definitions" / f"{vendor}.json"], {})
    assert compare(make_console(), source, load_published(store), users, Cells(), ANY_TIME) == 0
