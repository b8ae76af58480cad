"""Both streams of a stack, processed to their ends by the real handlers."""

from typing import Any

import pytest

import app as application
from chalicelib.wiring import Plane
from realtime.local.clients import Clients as LocalClients
from realtime.local.pump import Pump
from realtime.local.streams import KinesisStream, TableStream
from realtime.resources import describe


def unexpected(message: object) -> None:
    raise AssertionError(message)


def drain(plane: Plane, clients: LocalClients, monkeypatch: pytest.MonkeyPatch) -> None:
    """Process both streams to their ends."""
    monkeypatch.setattr(application, "plane", lambda: plane)
    streams: Any = {
        "event_processor": (
            KinesisStream(clients.kinesis, plane.settings.event_stream),
            application.event_processor,
        ),
        "assignment_sync": (
            TableStream(clients.table_streams, plane.settings.assignments_table),
            application.assignment_sync,
        ),
    }
    for source in describe(plane.settings).event_sources:
        stream, handler = streams[source.function]
        pump = Pump(source, stream, handler, unexpected, backoff=(0.05, 0.2))
        pump.drain()
        pump.stop()
