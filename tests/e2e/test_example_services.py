"""The services, the page and the definitions of examples/ do what they say."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from rich.console import Console

from chalicelib.domain.publishing.documents import build_row
from realtime.commands.validate import validate
from realtime.definition_files.read import read_definitions
from realtime.demo.cdnow import DEFINITIONS
from tests.support.api_keys import make_key, store_key
from tests.support.console.browser import start_browser
from tests.support.node import FOLDER, find_node
from tests.support.paths import ROOT
from tests.support.poll import wait_until
from tests.support.service import KEY, Service, serve_service

EXAMPLES = ROOT / "examples"
SERVICES = EXAMPLES / "services"


@pytest.fixture
def served() -> Iterator[tuple[str, Service]]:
    with serve_service() as (url, service):
        documents = read_definitions([DEFINITIONS]).documents.values()
        service.definitions.publish([build_row(document) for document in documents], 0, 0.0)
        service.keys.put(store_key("flags:client", "events:client", name="page"))
        yield url, service


@contextmanager
def run(command: list[str], url: str, **options: Any) -> Iterator[httpx.Client]:
    """A service that prints its address, until the block ends."""
    environment = {**os.environ, "REALTIME_URL": url, "REALTIME_KEY": KEY, **options.pop("env", {})}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, **options) as process:
        assert process.stdout is not None
        try:
            with httpx.Client(base_url=process.stdout.readline().strip(), timeout=10) as client:
                yield client
        finally:
            process.terminate()


def check(shop: httpx.Client, service: Service) -> None:
    answer = shop.get("/", params={"user": "ada", "country": "DE"}).json()
    assert answer["banner"] == "Willkommen"
    assert len(answer["items"]) in (20, 50)
    assert answer["is_new_checkout"] is service.plane.evaluate("ada", "new-checkout", {}).value
    assert shop.get("/").json()["banner"] == "Welcome"
    assert shop.get("/buy", params={"user": "ada", "amount": "49.9"}).json() == {"bought": True}

    def find_purchases() -> list[dict[str, Any]]:
        return [each for each in service.stream.events if each["event_type"] == "purchase"]

    [purchase] = wait_until(find_purchases)
    assert (purchase["user_id"], purchase["value"], purchase["currency"]) == ("ada", 49.9, "EUR")


def test_the_python_service(served: tuple[str, Service], tmp_path: Path) -> None:
    """In this checkout the client is ``realtime.client``; the wheel has it as ``realtime_client``."""
    (tmp_path / "realtime_client.py").write_text("from realtime.client import Client\n")
    path = {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    url, service = served
    with run([sys.executable, str(SERVICES / "python_service.py"), "0"], url, env=path) as shop:
        check(shop, service)


@pytest.mark.node
def test_the_node_service(served: tuple[str, Service]) -> None:
    url, service = served
    code = (SERVICES / "node_service.mjs").open()  # from here it would not find the packages of the tests
    with code, run([find_node(), "--input-type=module", "-", "0"], url, stdin=code, cwd=FOLDER) as shop:
        check(shop, service)


@contextmanager
def serve_page() -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(SERVICES))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/page.html"
        finally:
            server.shutdown()
            thread.join()


def test_the_page(served: tuple[str, Service]) -> None:
    url, service = served
    with start_browser() as browser, serve_page() as page_url:
        page = browser.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        asked = {"url": url, "key": make_key("page"), "country": "FR"}
        page.goto(f"{page_url}?{urlencode(asked)}")
        page.wait_for_function("document.querySelector('#banner').textContent === 'Bienvenue'")
        page.click("#buy")
        page.wait_for_function("document.querySelector('#said').textContent === 'Bought.'")
        [event] = wait_until(lambda: [*service.stream.events])
        assert (event["event_type"], event["value"], len(event["user_id"])) == ("purchase", 5, 36)
        visitor = event["user_id"]
        page.reload()
        assert page.evaluate("localStorage.visitor") == visitor
        assert errors == []


def test_the_definitions_are_valid_without_a_warning() -> None:
    output = StringIO()
    console = Console(file=output, width=200)
    assert validate(console, [EXAMPLES / "definitions"], strict=True) == 0, output.getvalue()


def test_every_example_is_in_the_list() -> None:
    listed = (EXAMPLES / "README.md").read_text()
    for path in [*SERVICES.iterdir(), *(EXAMPLES / "definitions").iterdir()]:
        assert f"`{path.parent.name}/{path.name}`" in listed
