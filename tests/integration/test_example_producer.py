"""examples/services/kinesis_producer.py writes into the stream of the local AWS."""

import json
import os
import subprocess
import sys
from pathlib import Path

from chalicelib.settings import Settings
from realtime.local.clients import Clients
from tests.support.paths import ROOT
from tests.support.streams import read_events

PRODUCER = ROOT / "examples" / "services" / "kinesis_producer.py"


def test_every_line_is_in_the_stream_in_order_for_each_user(
    aws_environment: dict[str, str], aws_clients: Clients, aws_settings: Settings, tmp_path: Path
) -> None:
    events = [
        {
            "event_id": f"e{number}",
            "event_type": "purchase",
            "user_id": f"ü{number % 7}",
            "timestamp": "2026-11-27T10:00:00Z",
        }
        for number in range(1_203)
    ]
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(map(json.dumps, events)))
    ended = subprocess.run(
        [sys.executable, str(PRODUCER), str(file)],
        env={**os.environ, **aws_environment, "REALTIME_EVENT_STREAM": aws_settings.event_stream},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.stdout, ended.returncode) == ("1203 events sent.\n", 0), ended.stderr
    arrived = read_events(aws_clients, aws_settings.event_stream)
    assert sorted(event["event_id"] for event in arrived) == sorted(event["event_id"] for event in events)
    for user in {event["user_id"] for event in events}:
        assert [each["event_id"] for each in arrived if each["user_id"] == user] == [
            each["event_id"] for each in events if each["user_id"] == user
        ]
