"""A snapshot as a file, from which a local stack starts."""

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from chalicelib.domain.definitions.snapshot import Pointer, Snapshot, compute_sha256, encode_pointer
from chalicelib.services.definitions.catalog import Catalog
from realtime.commands.snapshot_file import decode_file, encode_file, publish_snapshot, read_snapshot
from realtime.testing.stores import MemoryDefinitions, MemoryMetrics
from tests.support.experiments import published, published_flag, published_segment

NOW = 1_795_341_600.0
ROWS = [published("checkout"), published_flag("on"), published_segment("all", when=True)]


def take_snapshot(*rows: object) -> Snapshot:
    store = MemoryDefinitions()
    store.publish(rows or ROWS, 0, NOW)  # type: ignore[arg-type]
    kinds = ("experiment", "flag", "segment")
    named = {(kind, key): row for kind in kinds for key, row in store.get_all(kind).items()}  # type: ignore[arg-type]
    return Snapshot(1, named)  # type: ignore[arg-type]


def test_what_was_saved_is_read_and_its_head_is_a_line_of_json(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_bytes(encode_file(take_snapshot(), NOW))
    assert read_snapshot(path) == take_snapshot()
    head, _, data = path.read_bytes().partition(b"\n")
    named = json.loads(head)
    assert (named["format"], named["version"], named["sha256"]) == (
        "realtime-snapshot-1",
        1,
        compute_sha256(data),
    )
    rows = json.loads(gzip.decompress(data))["definitions"]
    assert {row[1]: json.loads(row[5])["key"] for row in rows} == {
        "checkout": "checkout",
        "on": "on",
        "all": "all",
    }


def pack(document: object) -> bytes:
    return pack_text(json.dumps(document))


def pack_text(text: str) -> bytes:
    data = gzip.compress(text.encode())
    return encode_pointer(Pointer(1, compute_sha256(data), len(data), "")) + b"\n" + data


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[:-1], "changed or cut off"),
        (lambda content: content[:-9] + b"x" + content[-8:], "changed or cut off"),
        (lambda content: content + b"x", "changed or cut off"),
        (lambda content: content.replace(b'"version":1', b'"version":2', 1), "cannot be read"),
        (lambda _: b"", "no snapshot"),
        (lambda _: b"flags: []\n", "no snapshot"),
        (lambda _: b"[" * 100_000, "no snapshot"),
        (lambda _: pack({}), "cannot be read"),
        (lambda _: pack([]), "cannot be read"),
        (lambda _: pack_text("[" * 200_000), "cannot be read"),
        (
            lambda _: pack({"format": "realtime-snapshot-1", "version": 1, "definitions": [[1]]}),
            "cannot be read",
        ),
    ],
)
def test_any_other_file_is_refused_by_name_with_the_remedy(
    tmp_path: Path, damage: Callable[[bytes], bytes], message: str
) -> None:
    path = tmp_path / "s"
    path.write_bytes(damage(encode_file(take_snapshot(), NOW)))
    with pytest.raises(ValueError, match=message) as caught:
        read_snapshot(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "snapshot --to FILE" in str(caught.value)


def test_a_stack_that_goes_on_has_what_the_snapshot_has_and_nothing_else() -> None:
    definitions, output = MemoryDefinitions(), io.StringIO()
    definitions.publish([published_flag("old")], 0, NOW)
    snapshot = decode_file(encode_file(take_snapshot(), NOW))
    for _ in range(2):
        publish_snapshot(Console(file=output, width=60), definitions, snapshot)
    assert "Published the snapshot of version 1: 3 definitions." in output.getvalue()
    flags = Catalog(definitions, MemoryMetrics()).flags
    assert flags.get("on") is not None
    assert flags.get("old") is None
    assert definitions.get_changes(None).version == 2


def test_a_definition_that_cannot_be_read_is_named() -> None:
    broken = published_flag("on")
    snapshot = take_snapshot(type(broken)("flag", "on", "{", "active"))
    with pytest.raises(ValueError, match="flag on is not valid in this version"):
        publish_snapshot(Console(quiet=True), MemoryDefinitions(), snapshot)
