"""`status` as it is printed: whole at 60 columns, with an exit status, and as JSON."""

import io
import json
from typing import Any

import pytest
from rich.console import Console

from chalicelib.domain.status.snapshot import Queue, Snapshot, Unanswered
from realtime.commands.status import show_status, watch_status
from tests.support.status import NOW, make_conditions, take_snapshot


class Fixed:
    """A source that always answers the same."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.conditions = make_conditions(snapshot.env)
        self.snapshot = snapshot

    def take_snapshot(self, _now: float) -> Snapshot:
        return self.snapshot


def show(snapshot: Snapshot, **options: Any) -> tuple[int, str]:
    console = Console(file=io.StringIO(), width=60)
    status = show_status(console, Fixed(snapshot), clock=lambda: NOW, **options)
    assert isinstance(console.file, io.StringIO)
    return status, console.file.getvalue()


@pytest.mark.parametrize(
    ("changed", "status", "word"),
    [
        ({}, 0, "green"),
        ({"quarantine": Queue(2)}, 1, "amber"),
        ({"failed_batches": Queue(2)}, 2, "red"),
        ({"archived": Unanswered("ListObjectsV2 answers NoSuchBucket")}, 2, "red"),
    ],
)
def test_the_exit_status_is_that_of_the_worst_line(changed: dict[str, Any], status: int, word: str) -> None:
    code, text = show(take_snapshot(**changed))
    assert code == status
    assert text.splitlines()[0] == f"prod, 2027-01-15T08:00:30Z: {word}"


def test_every_line_fits_60_columns_and_nothing_is_cut() -> None:
    _, text = show(take_snapshot(alarms=["event_processor-iterator-age"], quarantine=Queue(1_234_567)))
    assert all(len(line) <= 60 for line in text.splitlines())
    assert "docs/runbook.md#event_processor-iterator-age" in text
    assert "1,234,567 records" in text
    assert "…" not in text


def test_what_to_do_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    _, text = show(take_snapshot(Unanswered("nothing answers at http://127.0.0.1:4566"), env="local"))
    assert text.count("Is `make run` up, on this AWS_PORT?") == 1


def test_json_has_the_state_the_lines_and_their_figures(capsys: pytest.CaptureFixture[str]) -> None:
    status, _ = show(take_snapshot(quarantine=Queue(2)), as_json=True)
    answer = json.loads(capsys.readouterr().out)
    assert (status, answer["state"], answer["environment"]) == (1, "amber", "prod")
    [line] = [line for line in answer["lines"] if line["name"] == "quarantine"]
    assert line["figures"] == {"waiting": 2, "in_flight": 0, "oldest_seconds": None}
    assert line["runbook"] == ["docs/runbook.md#quarantine-not-empty"]


def test_watching_shows_it_again() -> None:
    console, waits = Console(file=io.StringIO(), width=60, force_terminal=True), list[float]()
    watch_status(console, Fixed(take_snapshot()), clock=lambda: NOW, wait=waits.append, times=3)
    assert isinstance(console.file, io.StringIO)
    assert waits == [5.0, 5.0]
    assert console.file.getvalue().count("prod, 2027-01-15T08:00:30Z") >= 3
