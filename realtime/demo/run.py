"""The demo of `make run`: publish, assign CDNOW's customers over HTTP, replay their purchases."""

import http.client
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import local
from typing import Any
from urllib.parse import urlsplit

from rich.console import Console

from chalicelib.services.concurrency import batched
from realtime.commands.publish import publish
from realtime.commands.replay import progress, replay
from realtime.demo.cdnow import DEFINITIONS, FILE, SAMPLE, Customer, customers, exposures, in_sample

EXPERIMENTS = ("cdnow-aa", "cdnow-free-shipping")
CLIENTS = 8


def run_demo(console: Console, plane: Any, url: str, key: str, full: bool) -> None:
    """Everything goes the way a user's does: files, HTTP, Kinesis."""
    publish(console, plane.definitions, [DEFINITIONS], strict=True)
    every = 1 if full else SAMPLE
    people = customers(every)
    answers = assign_all(console, url, key, people)
    exposed = {user for user, found in answers if found["cdnow-free-shipping"]["variant"]}
    seen = exposures((person for person in people if person.id in exposed), "cdnow-free-shipping")
    for batch in batched(seen, 500):
        plane.ingest({"events": batch})
    replay(console, plane, FILE, restart=True, keep=lambda event: in_sample(event["user_id"], every))


def assign_all(
    console: Console, url: str, key: str, people: Iterable[Customer]
) -> list[tuple[str, dict[str, Any]]]:
    """Each customer's answers by experiment; ConnectionError if one is refused."""
    client = _Client(url, key)
    waiting = list(people)
    with progress(console) as bar, ThreadPoolExecutor(CLIENTS) as pool:
        task = bar.add_task("assigning customers", total=len(waiting))
        found = []
        for answer in pool.map(client.assign, waiting):
            found.append(answer)
            bar.advance(task)
    return found


class _Client:
    """One connection a thread."""

    def __init__(self, url: str, key: str) -> None:
        self._host = urlsplit(url).netloc
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._threads = local()

    def assign(self, person: Customer) -> tuple[str, dict[str, Any]]:
        body = {"user_id": person.id, "experiment_keys": EXPERIMENTS, "context": person.context()}
        connection = self._connection()
        connection.request("POST", "/assign/batch", json.dumps(body), self._headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
        if response.status != http.client.OK:
            raise ConnectionError(f"/assign/batch answered {response.status}: {answer}")
        return person.id, answer["assignments"]

    def _connection(self) -> http.client.HTTPConnection:
        if not hasattr(self._threads, "connection"):
            self._threads.connection = http.client.HTTPConnection(self._host, timeout=30)
        connection: http.client.HTTPConnection = self._threads.connection
        return connection
