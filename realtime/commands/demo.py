"""The demo of `make run`: publish, assign CDNOW's customers over HTTP, replay their purchases."""

import http.client
import json
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import local
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rich.console import Console

from chalicelib.domain.publishing.author import Author
from chalicelib.services.concurrency import batched
from realtime.commands.publish import publish
from realtime.commands.replay import Replay, create_progress
from realtime.demo.cdnow import (
    DEFINITIONS,
    FILE,
    REMINDER,
    SAMPLE,
    Customer,
    build_exposures,
    build_second_orders,
    is_in_sample,
    read_customers,
)

if TYPE_CHECKING:
    from chalicelib.wiring import Plane

EXPERIMENTS = ("cdnow-aa", "cdnow-free-shipping", REMINDER)
CLIENTS = 8
ATTEMPTS = 6


def run_demo(console: Console, plane: "Plane", url: str, key: str, full: bool) -> None:
    """As a user does it: through files, HTTP and Kinesis."""
    publish(console, plane.definitions, [DEFINITIONS], strict=True, publisher=Author("demo"))
    every = 1 if full else SAMPLE
    customers = read_customers(every)
    answers = assign_all(console, url, key, customers)
    for experiment_key in EXPERIMENTS:
        variants = {user: assignments[experiment_key]["variant"] for user, assignments in answers}
        exposed = [customer for customer in customers if variants[customer.id]]
        events = [*build_exposures(exposed, experiment_key)]
        if experiment_key == REMINDER:
            reminded = {user for user, variant in variants.items() if variant == "reminder"}
            events += build_second_orders(exposed, reminded)
        for batch in batched(events, 500):
            plane.ingest({"events": batch})
    Replay(
        console,
        plane.ingest,
        restart=True,
        keep=lambda event: is_in_sample(event["user_id"], every),
        is_quiet=True,
    ).run([str(FILE)])


def assign_all(
    console: Console, url: str, key: str, customers: Iterable[Customer]
) -> list[tuple[str, dict[str, Any]]]:
    """For each customer the id and the assignments by experiment. Raises ConnectionError for an error."""
    client = _Client(url, key)
    customers = list(customers)
    with create_progress(console) as progress, ThreadPoolExecutor(CLIENTS) as pool:
        task = progress.add_task("assigning customers", total=len(customers))
        answers = []
        for answer in pool.map(client.assign, customers):
            answers.append(answer)
            progress.advance(task)
    return answers


class _Client:
    """Each thread has its own connection."""

    def __init__(self, url: str, key: str) -> None:
        self._host = urlsplit(url).netloc
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._threads = local()

    def assign(self, customer: Customer) -> tuple[str, dict[str, Any]]:
        """A busy machine may fail single assignments for a moment; they are asked for again."""
        for attempt in range(ATTEMPTS):
            assignments = self._ask(customer)
            errors = [each["error"] for each in assignments.values() if "error" in each]
            if not errors:
                return customer.id, assignments
            time.sleep(attempt)
        raise ConnectionError(f"/assign/batch answered for {customer.id}: {errors[0]}")

    def _ask(self, customer: Customer) -> dict[str, Any]:
        body = {"user_id": customer.id, "experiment_keys": EXPERIMENTS, "context": customer.context()}
        connection = self._connection()
        connection.request("POST", "/assign/batch", json.dumps(body), self._headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
        if response.status != http.client.OK:
            raise ConnectionError(f"/assign/batch answered {response.status}: {answer}")
        assignments: dict[str, Any] = answer["assignments"]
        return assignments

    def _connection(self) -> http.client.HTTPConnection:
        if not hasattr(self._threads, "connection"):
            self._threads.connection = http.client.HTTPConnection(self._host, timeout=30)
        connection: http.client.HTTPConnection = self._threads.connection
        return connection
