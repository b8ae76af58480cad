import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from realtime.commands.replay import delete_positions, replay


class Recording:
    """A service that takes ``limit`` batches and then fails, as a killed run would."""

    def __init__(self, limit: int = 1_000) -> None:
        self.sent: list[dict[str, Any]] = []
        self.limit = limit

    def ingest(self, body: dict[str, Any]) -> dict[str, Any]:
        if self.limit == 0:
            raise ConnectionError("gone")
        self.limit -= 1
        self.sent += body["events"]
        rejected = [
            {"index": index, "code": "too_old", "message": "timestamp [is] too old."}
            for index, event in enumerate(body["events"])
            if event["user_id"] == "old"
        ]
        return {"accepted": len(body["events"]) - len(rejected), "rejected": rejected}


def quiet() -> Console:
    return Console(file=io.StringIO(), width=200)


def test_an_interrupted_run_resumes_after_the_last_acknowledged_batch(
    purchases: Path, tmp_path: Path
) -> None:
    first, second = Recording(limit=1), Recording()
    with pytest.raises(ConnectionError):
        replay(quiet(), first.ingest, purchases, restart=False, positions=tmp_path)
    replay(quiet(), second.ingest, purchases, restart=False, positions=tmp_path)
    ids = [event["event_id"] for event in first.sent + second.sent]
    assert len(ids) == len(set(ids)) == 1200


def test_restart_begins_again(purchases: Path, tmp_path: Path) -> None:
    for _ in range(2):
        again = Recording()
        replay(quiet(), again.ingest, purchases, restart=True, positions=tmp_path)
        assert len(again.sent) == 1200


def test_a_stack_that_starts_empty_has_no_positions(purchases: Path, tmp_path: Path) -> None:
    replay(quiet(), Recording().ingest, purchases, restart=False, positions=tmp_path)
    delete_positions(tmp_path)
    again = Recording()
    replay(quiet(), again.ingest, purchases, restart=False, positions=tmp_path)
    assert len(again.sent) == 1200


def test_a_file_that_is_cut_off_is_refused_before_anything_is_sent(purchases: Path, tmp_path: Path) -> None:
    purchases.write_bytes(purchases.read_bytes()[:-100])
    sent = Recording()
    with pytest.raises(ValueError, match="cannot be read"):
        replay(quiet(), sent.ingest, purchases, restart=False, positions=tmp_path)
    assert not sent.sent


def test_keep_selects_events(purchases: Path, tmp_path: Path) -> None:
    sent = Recording()
    replay(quiet(), sent.ingest, purchases, True, tmp_path, keep=lambda event: event["user_id"] == "00007")
    assert [event["value"] for event in sent.sent] == [7.25]


def test_refusals_are_told_by_code(tmp_path: Path) -> None:
    file = tmp_path / "e.jsonl"
    file.write_text('{"event_type": "x", "user_id": "old"}\n{"event_type": "x", "user_id": "u"}\n')
    console = Console(file=io.StringIO(), width=200)
    assert replay(console, Recording().ingest, file, restart=False, positions=tmp_path) == 1
    assert isinstance(console.file, io.StringIO)
    assert "1 events accepted, 1 refused: too_old." in console.file.getvalue()
    assert "First too_old: event 1: timestamp [is] too old." in console.file.getvalue()


@pytest.mark.parametrize(
    ("name", "text", "hint"),
    [
        ("e.csv", "a,b\n1,2\n", "event_type and user_id"),
        ("e.jsonl", "{\n", "e.jsonl:1: not JSON"),
        ("e.jsonl", json.dumps([1]), "must be a JSON object"),
        ("e.jsonl", "[" * 100_000, "e.jsonl:1: not JSON"),
        ("e.csv", "event_type,user_id,value\nx,u,many\n", "e.csv:2: could not convert"),
        ("e.csv", "event_type,user_id\nx,u\nx,u,v\n", "e.csv:3: must have 2 cells"),
        ("e.csv", "customer_id,date,cds,dollars\n1,1997-01-01\n", "e.csv:2: must have 4 cells"),
        ("e.csv.gz", "no gzip", "e.csv.gz: cannot be read"),
        ("e.csv", "\udcff", "e.csv: cannot be read"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, name: str, text: str, hint: str) -> None:
    file = tmp_path / name
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ValueError, match=hint):
        replay(quiet(), Recording().ingest, file, restart=False, positions=tmp_path)
