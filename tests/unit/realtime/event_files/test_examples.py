"""Each file of examples/events is replayed by the command that its README names."""

import re
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from realtime import cli
from realtime.cli import program
from tests.support.paths import ROOT

FOLDER = ROOT / "examples" / "events"
README = (FOLDER / "README.md").read_text()
COMMANDS = [
    shlex.split(command)
    for command in re.findall(r"^\| `python -m realtime ([^`]+)` \|", README, re.MULTILINE)
]
BY_FILE = {Path(command[1]).name: command for command in COMMANDS}
A, B, C = "2026-11-22T10:00:00", "2026-11-22T10:01:00", "2026-11-22T11:00:00Z"
ORDER, VIEW = "ec7e67b2-17d4-4c09-be3e-d8d08285ba8a", "0c1d2e3f-aaaa-4b4b-8c8c-111111111111"

Told = tuple[str, str, str, str, float | None, str | None]
EXPECTED: dict[str, list[Told]] = {
    "segment.jsonl": [
        ("ajs-next-1", "Order Completed", "u1", f"{A}.100Z", 25.0, "USD"),
        ("ajs-next-2", "page", "0a3c1b7e-90ab-4d0e", f"{A}.100Z", None, None),
        ("ajs-next-3", "Product Added", "u1", f"{A}.100000Z", None, None),
        ("ajs-next-4", "identify", "u1", f"{A}.100Z", None, None),
    ],
    "segment-tracks.parquet": [
        ("e-0", "Order Completed", "u0", f"{A}.500000Z", 10.25, "EUR"),
        ("e-1", "Order Completed", "u1", f"{A}.500000Z", 11.25, "EUR"),
    ],
    "rudderstack.jsonl": [("1f2e3d4c-0000-4a4b", "Order Completed", "u7", f"{A}.200Z", 12.5, "EUR")],
    "snowplow.jsonl": [
        (
            "ec7e67b2-17d4-4c09-be3e-d8d08285ba8a",
            "transaction",
            "u1",
            "2026-11-22T10:00:01.000Z",
            49.9,
            "EUR",
        ),
        (
            VIEW,
            "page_view",
            "08a6d4ae-1a0a-489c",
            "2026-11-22T10:00:01.000Z",
            None,
            None,
        ),
    ],
    "snowplow-enriched.tsv": [
        (ORDER, "transaction", "u1", "2026-11-22T10:00:01Z", 49.9, "EUR"),
        (
            "0c1d2e3f-aaaa-4b4b-8c8c-111111111111",
            "add",
            "08a6d4ae-1a0a-489c",
            "2026-11-22T10:00:01Z",
            12.5,
            None,
        ),
    ],
    "posthog.jsonl": [
        ("0199aa00-0000-7000-8000-000000000001", "$pageview", "u1", f"{A}.123000+00:00", None, None),
        ("0199aa00-0000-7000-8000-000000000002", "order completed", "u1", f"{B}+00:00", 31.5, "EUR"),
    ],
    "posthog.csv": [
        ("0199aa00-0000-7000-8000-000000000003", "order completed", "u3", f"{A}.123000Z", 9.75, None)
    ],
    "amplitude.zip": [
        ("5f2c-1", "purchase", "u1", f"{A}.500000Z", 19.99, None),
        ("5f2c-2", "page viewed", "b2c3-R", f"{A}.500000Z", None, None),
        ("5f2c-3", "purchase", "u1", C, 5, None),
    ],
    "mixpanel.jsonl": [
        ("hpuDqcvpltpCjBsebtxwadtEBDnFAdycabFb", "Signed up", "u1", f"{A}Z", None, None),
        ("jajcebutltmvhbbholfhxtCcycwnBjDtndha", "Purchase", "u1", f"{B}Z", 15.5, None),
    ],
    "ga4.jsonl": [
        ("-1", "page_view", "1026454.4271112504", f"{A}.766593Z", None, None),
        ("-2", "purchase", "u9", f"{B}.000001Z", 72.05, "EUR"),
    ],
    "cloudevents.json": [
        ("A234-1234-1234", "com.example.order.created", "u5", f"{A}Z", 18.2, "EUR"),
        ("A234-1234-1235", "com.example.cart.opened", "u5", "2026-11-22T09:59:00Z", None, None),
    ],
    "archive": [
        ("o-1", "purchase", "u1", f"{A}.000000Z", 11, None),
        ("events/shardId-000000000000:2:0", "purchase", "u2", f"{A}.000000Z", 12, None),
        ("events/shardId-000000000000:4:0", "purchase", "u4", f"{A}.000000Z", 14, None),
    ],
    "cdnow.csv": [
        ("-1", "purchase", "00001", "1997-01-01T00:00:00Z", 11.77, None),
        ("-2", "purchase", "00004", "1997-01-18T00:00:00Z", 29.33, None),
        ("-3", "purchase", "00004", "1997-08-02T00:00:00Z", 14.96, None),
    ],
    "retailrocket.csv": [
        ("-1", "view", "257597", "2015-06-02T05:02:12.117000Z", None, None),
        ("-2", "addtocart", "257597", "2015-06-02T05:50:14.164000Z", None, None),
        ("-3", "transaction", "257597", "2015-06-02T05:51:57Z", None, None),
    ],
    "rees46.csv": [
        ("-1", "view", "520088904", "2019-11-01T00:00:00Z", 489.07, None),
        ("-2", "cart", "520088904", "2019-11-01T00:00:14Z", 489.07, None),
        ("-3", "purchase", "561587266", "2019-11-01T00:00:41Z", 566.3, None),
    ],
    "taobao.csv": [
        ("-1", "pv", "1", "2017-11-24T17:21:10Z", None, None),
        ("-2", "cart", "1", "2017-11-24T22:15:33Z", None, None),
        ("-3", "buy", "2", "2017-11-25T01:21:25Z", None, None),
    ],
    "online-retail.csv": [
        ("-1", "purchase", "13085", "2009-12-01T07:45:00Z", 6.95, "GBP"),
        ("-2", "purchase", "13085", "2009-12-01T07:45:00Z", 6.75, "GBP"),
        ("-3", "purchase", "13078", "2009-12-13T09:06:00Z", 1002.55, "GBP"),
    ],
    "excel-unicode.txt": [
        ("-1", "purchase", "u1", f"{A}Z", 12.5, None),
        ("-2", "purchase", "u2", C, 7.0, None),
    ],
    "stripe-payments.csv": [
        ("ch_3Qk1", "purchase", "cus_RbT1", "2026-11-20T09:14:00Z", 49.0, "USD"),
        ("ch_3Qk2", "purchase", "cus_RbT2", "2026-11-20T11:02:00Z", 1250.0, "USD"),
        ("ch_3Qk3", "purchase", "cus_RbT3", "2026-11-21T00:40:00Z", 5400, "JPY"),
    ],
}


class Stream:
    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.marks: set[tuple[bool, bool]] = set()

    def ingest(self, body: dict[str, Any], *, backfill: bool, trusted: bool) -> dict[str, Any]:
        self.events += body["events"]
        self.marks.add((backfill, trusted))
        return {"accepted": len(body["events"]), "rejected": []}


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stream:
    """Positions are saved below the folder where a command runs."""
    stream = Stream()
    monkeypatch.setattr(program, "plane", lambda: SimpleNamespace(ingest=stream.ingest))
    paths = [str(ROOT / argument) if argument.startswith("examples/") else argument for argument in arguments]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["realtime", *paths])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert not exit_.value.code
    return stream


def test_every_file_has_a_command_and_an_expectation() -> None:
    assert BY_FILE.keys() == EXPECTED.keys() == {path.name for path in FOLDER.iterdir()} - {"README.md"}


@pytest.mark.parametrize("name", EXPECTED)
def test_its_command_sends_the_events_of_a_file(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = run(BY_FILE[name], monkeypatch, tmp_path)
    sent = [
        (
            event["event_id"] if not expected[0].startswith("-") else "-" + event["event_id"].split("-")[1],
            event["event_type"],
            event["user_id"],
            event["timestamp"],
            event.get("value"),
            event.get("currency"),
        )
        for event, expected in zip(stream.events, EXPECTED[name], strict=True)
    ]
    assert sent == EXPECTED[name]
    assert stream.marks == {("--backfill" in BY_FILE[name], True)}
    assert f"{len(sent):,} events accepted." in capsys.readouterr().out


@pytest.mark.parametrize("name", EXPECTED)
def test_a_dry_run_shows_the_events_and_sends_none(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = run([*BY_FILE[name], "--dry-run"], monkeypatch, tmp_path)
    assert stream.events == []
    shown = [line for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert len(shown) == len(EXPECTED[name])
    assert not (tmp_path / ".realtime").exists()


def test_an_event_of_the_archive_keeps_when_it_was_received_and_is_corrected_only_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _, second, _ = run(BY_FILE["archive"], monkeypatch, tmp_path).events
    assert second["realtime"] == {"received_at": 1795341602.5}
    assert second["original_sent_at"] == "2026-11-22T10:20:02Z"
    assert "sent_at" not in second


def test_nothing_of_a_row_is_lost(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first, second, *_ = run(BY_FILE["segment.jsonl"], monkeypatch, tmp_path).events
    assert first["metadata"]["anonymousId"] == "0a3c1b7e-90ab-4d0e"
    assert first["properties"]["order_id"] == "50314b8e"
    assert second["metadata"]["name"] == "Checkout"
