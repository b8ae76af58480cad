"""The local stack: AWS, resources, pumps and API. They start in this order and stop in reverse."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from chalicelib.metrics import Metrics
from chalicelib.settings import Settings
from realtime.local.clients import connect
from realtime.local.cloudwatch import Reporter, report_metrics
from realtime.local.emulator import LOG, build_environment, start_emulator
from realtime.local.invocation import Handler
from realtime.local.provision import provision
from realtime.local.pump import BACKOFF, Pump
from realtime.local.queue_pump import QueuePump
from realtime.local.streams import KinesisStream, ReadableStream, TableStream
from realtime.resources import describe

if TYPE_CHECKING:
    from realtime.local.front import Front


class LocalStack:
    """A context manager: inside, AWS runs on ``aws_port`` (0: a free one) with the resources of ``settings``.

    ``state``: a folder that keeps what is in it for the next run (`kept_state`).
    ``environment`` points a process at this AWS. The block sets it for this process too, so import the app
    inside the block.
    """

    def __init__(
        self, settings: Settings, *, aws_port: int = 0, log: Path = LOG, state: Path | None = None
    ) -> None:
        self._settings, self._aws_port, self._log, self._state = settings, aws_port, log, state
        self._resources = describe(settings)
        self._running = ExitStack()
        self.pumps: list[Pump] = []

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            endpoint = starting.enter_context(start_emulator(self._aws_port, self._log, state=self._state))
            self.environment = build_environment(endpoint) | settings_to_environment(self._settings)
            starting.enter_context(_set_environment(self.environment))
            self.clients = connect(self.environment)
            self.provisioned = provision(self._resources, self.clients)
            self._running = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.__exit__(kind, error, trace)

    def pump(self, handlers: Mapping[str, Handler], backoff: tuple[float, float] = BACKOFF) -> None:
        """Start a pump for each event source, and for the queue, whose function is in ``handlers``."""
        url = self.clients.sqs.get_queue_url(QueueName=self._resources.failure_queue)["QueueUrl"]

        def discard(message: dict[str, Any]) -> None:
            self.clients.sqs.send_message(QueueUrl=url, MessageBody=json.dumps(message))

        for source in self._resources.event_sources:
            if source.function in handlers:
                stream = self._open_stream(source.source)
                pump = Pump(source, stream, handlers[source.function], discard, backoff=backoff)
                pump.start()
                self._running.callback(pump.stop)
                self.pumps.append(pump)
        if handler := handlers.get(self._resources.webhooks.function):
            deliveries = QueuePump(self._resources.webhooks, self.clients.sqs, handler)
            deliveries.start()
            self._running.callback(deliveries.stop)

    def report_metrics(self) -> Metrics:
        """Metrics for the service's containers. They, and those of the pumps, go to the local CloudWatch."""
        queues = self._resources.quarantine_queue, self._resources.failure_queue
        reporter = Reporter(self.clients, self.pumps, queues)
        self._running.enter_context(report_metrics(reporter))
        return reporter.metrics

    def drain(self, seconds: float = 60.0) -> None:
        """Return when every record that was in the streams at the call is handled or discarded."""
        for pump in self.pumps:
            pump.drain(seconds)

    def serve(
        self,
        app: Any,
        port: int = 0,
        after_response: Callable[[], object] | None = None,
        front: "Front" = "rest",
    ) -> str:
        """Serve the Chalice ``app`` until the stack stops, and return its URL."""
        from realtime.local.server import serve

        return self._running.enter_context(serve(app, port, after_response=after_response, front=front))

    def _open_stream(self, name: str) -> ReadableStream:
        if name == self._resources.stream.name:
            return KinesisStream(self.clients.kinesis, name)
        return TableStream(self.clients.table_streams, name)


def settings_to_environment(settings: Settings) -> dict[str, str]:
    """``settings`` as ``REALTIME_*`` variables; `Settings.from_env` reads them back."""
    values = {field.name: getattr(settings, field.name) for field in fields(settings)}
    return {
        f"REALTIME_{name.upper()}": str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in values.items()
    }


@contextmanager
def _set_environment(environ: Mapping[str, str]) -> Iterator[None]:
    previous = {name: os.environ.get(name) for name in environ}
    os.environ.update(environ)
    try:
        yield
    finally:
        for name, value in previous.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
