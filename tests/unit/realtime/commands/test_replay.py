"""What is sent again, what is not, and what a second run says."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from chalicelib.domain.errors import Throttled
from realtime.commands.replay import Replay
from realtime.commands.replay_position import PositionFile, delete_positions
from realtime.event_files.files import hash_file
from realtime.event_files.options import ReadOptions, parse_options


class Stream:
    """Takes ``limit`` batches and then fails, as a killed run would; ``judge`` refuses events by a code."""

    def __init__(self, limit: int = 1_000, judge: Callable[[dict[str, Any]], str] = lambda _: "") -> None:
        self.sent: list[dict[str, Any]] = []
        self.calls = 0
        self.pauses: list[float] = []
        self._limit = limit
        self._judge = judge

    def ingest(self, body: dict[str, Any]) -> dict[str, Any]:
        """As the service: throttled if the stream took nothing at all."""
        if self.calls == self._limit:
            raise ConnectionError("gone")
        self.calls += 1
        codes = [self._judge(event) for event in body["events"]]
        self.sent += [event for event, code in zip(body["events"], codes, strict=True) if not code]
        if set(codes) == {"throttled"}:
            raise Throttled
        rejected = [
            {"index": index, "code": code, "message": f"{code} [is] the code."}
            for index, code in enumerate(codes)
            if code
        ]
        return {"accepted": len(codes) - len(rejected), "rejected": rejected}

    def list_users(self) -> list[str]:
        return [event["user_id"] for event in self.sent]


def refuse_users(**codes: str) -> Callable[[dict[str, Any]], str]:
    return lambda event: codes.get(event["user_id"], "")


def refuse_every_second(code: str) -> Callable[[dict[str, Any]], str]:
    """Of all that is sent, so what is sent again is taken in half of the cases."""
    count = 0

    def judge(_: dict[str, Any]) -> str:
        nonlocal count
        count += 1
        return code if count % 2 == 0 else ""

    return judge


class Command:
    """Runs of `replay` with the same positions; ``text`` is what the last one printed."""

    def __init__(self, positions: Path) -> None:
        self.positions = positions
        self.text = ""

    def run(self, stream: Stream, *files: Path, **options: Any) -> int:
        console = Console(file=io.StringIO(), width=60)
        try:
            return Replay(
                console, stream.ingest, positions=self.positions, pause=stream.pauses.append, **options
            ).run([str(file) for file in files])
        finally:
            assert isinstance(console.file, io.StringIO)
            self.text = console.file.getvalue()

    def read_position(self) -> dict[str, Any]:
        (file,) = (path for path in self.positions.rglob("*") if path.is_file())
        position: dict[str, Any] = json.loads(file.read_text())
        return position


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path / "positions")


def write_events(path: Path, count: int) -> Path:
    path.write_text(
        "".join(
            json.dumps({"event_type": "x", "user_id": f"u{n}", "timestamp": "2026-11-22T10:00:00Z"}) + "\n"
            for n in range(1, count + 1)
        )
    )
    return path


@pytest.fixture
def ten(tmp_path: Path) -> Path:
    return write_events(tmp_path / "ten.jsonl", 10)


def test_what_is_refused_for_now_is_sent_again_until_the_stream_takes_it(command: Command, ten: Path) -> None:
    stream = Stream(judge=refuse_every_second("throttled"))
    assert command.run(stream, ten) == 0
    assert sorted(stream.list_users()) == sorted(f"u{n}" for n in range(1, 11))
    assert "10 events accepted." in command.text
    assert stream.pauses
    assert command.read_position()["is_done"]


@pytest.mark.parametrize("code", ["throttled", "storage_unavailable"])
def test_a_stream_that_keeps_refusing_stops_the_run_before_the_first_such_row(
    command: Command, ten: Path, code: str
) -> None:
    stream = Stream(judge=refuse_users(u4=code, u7=code))
    assert command.run(stream, ten) == 1
    reason = "it throttles." if code == "throttled" else "storage_unavailable [is] the code."
    assert f"the stream keeps refusing: {reason} 2 events wait from row 4 on" in command.text
    assert "8 events accepted." in command.text
    assert stream.pauses == sorted(stream.pauses)
    assert 3 < sum(stream.pauses) < 30
    position = command.read_position()
    assert (position["rows"], position["also_sent"]) == (3, [5, 6, 8, 9, 10])
    again = Stream()
    assert command.run(again, ten) == 0
    assert again.list_users() == ["u4", "u7"]  # exactly once, even where ids are not remembered
    assert "Resuming after 8 of 10 events" in command.text


def test_what_is_refused_for_good_is_listed_and_said_until_it_is_let_go(command: Command, ten: Path) -> None:
    assert command.run(Stream(judge=refuse_users(u3="too_old", u9="invalid_field")), ten) == 1
    assert "8 events accepted, 1 refused: invalid_field, 1 refused: too_old." in command.text
    assert "First too_old: row 3: too_old [is] the code. --backfill takes events of any age." in command.text
    refused = command.read_position()["refused"]
    assert [(item["row"], item["code"], item["message"]) for item in refused] == [
        (3, "too_old", "too_old [is] the code."),
        (9, "invalid_field", "invalid_field [is] the code."),
    ]
    for _ in range(2):
        later = Stream()
        assert command.run(later, ten) == 1
        assert "2 rows were refused for good in an earlier run; --skip-refused" in command.text
        assert "row 9: invalid_field" in command.text
        assert not later.sent
    assert command.run(Stream(), ten, skip_refused=True) == 0
    assert command.run(Stream(), ten) == 0


def test_a_position_names_no_user(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "e.jsonl"
    file.write_text('{"event_type": "x", "user_id": "margaret", "timestamp": "2026-11-22T10:00:00Z"}\n')
    command.run(Stream(judge=refuse_users(margaret="too_old")), file)
    assert "margaret" not in json.dumps(command.read_position()) + command.text


def test_the_list_of_refused_rows_is_bounded_and_their_count_is_not(command: Command, tmp_path: Path) -> None:
    file = write_events(tmp_path / "many.jsonl", 1_500)
    assert command.run(Stream(judge=lambda _: "too_old"), file) == 1
    position = command.read_position()
    assert (len(position["refused"]), position["refused_count"]) == (1_000, 1_500)
    assert command.run(Stream(), file) == 1
    assert "1,500 rows were refused for good" in command.text


@settings(max_examples=15)
@given(st.data())
def test_every_row_is_sent_once_however_often_a_run_is_stopped(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Each run refuses other rows for now; the last takes all."""
    folder = tmp_path_factory.mktemp("runs")
    file, command = write_events(folder / "e.jsonl", 12), Command(folder / "positions")
    users = [f"u{n}" for n in range(1, 13)]
    taken: list[str] = []
    for refused in [*data.draw(st.lists(st.sets(st.sampled_from(users)), max_size=4)), set[str]()]:
        stream = Stream(judge=refuse_users(**dict.fromkeys(refused, "throttled")))
        status = command.run(stream, file)
        taken += stream.list_users()
        assert status == int(len(taken) < 12)
    assert sorted(taken) == sorted(users)


def test_an_interrupted_run_resumes_after_the_last_acknowledged_batch(
    command: Command, purchases: Path
) -> None:
    first, second = Stream(limit=1), Stream()
    with pytest.raises(ConnectionError):
        command.run(first, purchases)
    assert command.run(second, purchases) == 0
    ids = [event["event_id"] for event in first.sent + second.sent]
    assert len(ids) == len(set(ids)) == 1200


def test_a_position_of_an_earlier_version_is_a_number(command: Command, purchases: Path) -> None:
    position = PositionFile(command.positions, hash_file(purchases), ReadOptions())
    command.run(Stream(), purchases)
    (file,) = (path for path in command.positions.rglob("*") if path.is_file())
    file.write_text("1000")
    assert position.load().rows == 1000
    stream = Stream()
    assert command.run(stream, purchases) == 0
    assert len(stream.sent) == 200


def test_what_is_no_position_is_named(command: Command, ten: Path) -> None:
    command.run(Stream(), ten)
    (file,) = (path for path in command.positions.rglob("*") if path.is_file())
    for text in ("", "[1]", '{"row": 1}'):
        file.write_text(text)
        with pytest.raises(ValueError, match="is no position; --restart"):
            command.run(Stream(), ten)
    assert command.run(Stream(), ten, restart=True) == 0


def test_restart_begins_again(command: Command, purchases: Path) -> None:
    for _ in range(2):
        stream = Stream()
        assert command.run(stream, purchases, restart=True) == 0
        assert len(stream.sent) == 1200


def test_a_stack_that_starts_empty_has_no_positions(command: Command, purchases: Path) -> None:
    command.run(Stream(), purchases)
    delete_positions(command.positions)
    stream = Stream()
    command.run(stream, purchases)
    assert len(stream.sent) == 1200


def test_another_mapping_is_another_replay(command: Command, purchases: Path) -> None:
    command.run(Stream(), purchases)
    stream = Stream()
    options = parse_options(maps=[], constants=["event_type=order"], null_texts=[])
    assert command.run(stream, purchases, options=options) == 0
    assert {event["event_type"] for event in stream.sent} == {"order"}
    assert len(stream.sent) == 1200


def test_a_file_that_is_cut_off_is_refused_before_anything_is_sent(command: Command, purchases: Path) -> None:
    purchases.write_bytes(purchases.read_bytes()[:-100])
    stream = Stream()
    with pytest.raises(ValueError, match="cannot be read"):
        command.run(stream, purchases)
    assert not stream.sent


def test_rows_that_are_no_events_keep_a_file_back_until_they_are_let_go(
    command: Command, tmp_path: Path
) -> None:
    file = tmp_path / "e.csv"
    file.write_text(
        "event_type,user_id,timestamp,value\nx,u1,2026-11-22,1_000\nx,u2,2026-11-22,NaN\nx,u3,2026-11-22,3\n"
    )
    stream = Stream()
    assert command.run(stream, file) == 1
    assert not stream.sent
    assert "e.csv: row 1 (line 2): column value: text with an underscore" in command.text
    assert "2 rows are no events, so nothing of it is sent" in command.text
    assert command.run(stream, file, skip_refused=True) == 0
    assert stream.list_users() == ["u3"]


def test_what_a_terminal_obeys_or_cannot_show_is_escaped(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "e.csv"
    file.write_text("event_type,user_id,timestamp,\x1b[31mred\nx,u1,2026-11-22,1\n")
    lines = tmp_path / "e.jsonl"
    lines.write_text('{"event_type": "x", "user_id": "\\ud800", "timestamp": "2026-11-22", "a": "\u200e"}\n')
    assert command.run(Stream(), file, lines, dry_run=True) == 0
    assert "\x1b" not in command.text
    assert "\\ud800" in command.text


def test_keep_selects_events(command: Command, purchases: Path) -> None:
    stream = Stream()
    command.run(stream, purchases, restart=True, keep=lambda event: event["user_id"] == "00007")
    assert [event["value"] for event in stream.sent] == [7.25]


def test_a_folder_is_replayed_file_by_file_and_a_broken_one_stops_no_other(
    command: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "events"
    (folder / "day").mkdir(parents=True)
    write_events(folder / "a.jsonl", 2)
    write_events(folder / "day" / "b.jsonl", 3)
    (folder / "c.csv").write_text("a,b\n1,2\n")
    (folder / "_SUCCESS").write_text("")
    (folder / ".hidden.csv").write_text("a,b\n")
    (folder / "README.md").write_text("# Events")
    stream = Stream()
    assert command.run(stream, folder) == 1
    assert len(stream.sent) == 5
    assert "c.csv: no column is known as event_type" in command.text
    write_events(folder / "d.jsonl", 4)
    assert command.run(stream, folder) == 1
    assert len(stream.sent) == 9


def test_the_mapping_is_shown_before_anything_is_sent_and_once(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "events"
    folder.mkdir()
    for name in ("a.csv", "b.csv"):
        (folder / name).write_text(f"action,visitor_id,time,price\nview,{name},1795341600,12.5\n")
    assert command.run(Stream(), folder) == 0
    assert command.text.count("user_id        ← visitor_id") == 1
    assert "timestamp      ← time (epoch_s)" in command.text
    assert command.text.index("value          ← price") < command.text.index("events accepted")


def test_a_dry_run_shows_ten_events_and_counts_all(command: Command, purchases: Path) -> None:
    stream = Stream()
    assert command.run(stream, purchases, dry_run=True) == 0
    assert command.text.count('{"event_id"') == 10
    assert "1,200 events could be sent, 0 rows could not." in command.text
    assert not stream.calls
    assert not command.positions.exists()
