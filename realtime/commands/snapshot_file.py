"""A snapshot as a file: a line of JSON that names its version and SHA-256, then the snapshot as in S3."""

from pathlib import Path

from rich.console import Console

from chalicelib.domain.definitions.model import Definitions
from chalicelib.domain.definitions.snapshot import (
    Pointer,
    Snapshot,
    compute_sha256,
    decode_pointer,
    decode_snapshot,
    encode_pointer,
    encode_snapshot,
)
from chalicelib.domain.publishing.author import Author
from chalicelib.domain.timestamps import format_timestamp
from realtime.backup.places import LocalFile
from realtime.commands.publish import publish_backup
from realtime.safe_reading.regular_files import read_regular
from realtime.safe_reading.shown_text import format_count
from realtime.safe_reading.unpacking import unpack_gzip

MAX_BYTES = 256_000_000
MAX_HEAD_BYTES = 500
MAX_UNPACKED_BYTES = 1_000_000_000
REMEDY = "`python -m realtime snapshot --to FILE` writes one"


def encode_file(snapshot: Snapshot, now: float) -> bytes:
    data = encode_snapshot(snapshot)
    pointer = Pointer(snapshot.version, compute_sha256(data), len(data), format_timestamp(now))
    return encode_pointer(pointer) + b"\n" + data


def decode_file(content: bytes) -> Snapshot:
    """Raises ValueError, which says what is wrong, if it is not what was written."""
    head, _, data = content.partition(b"\n")
    try:
        pointer = decode_pointer(head[:MAX_HEAD_BYTES])
    except ValueError:
        raise ValueError(f"this is no snapshot; {REMEDY}") from None
    if len(data) != pointer.size or compute_sha256(data) != pointer.sha256:
        raise ValueError(f"it was changed or cut off: its SHA-256 is not the one that it names; {REMEDY}")
    try:
        unpack_gzip(data, MAX_UNPACKED_BYTES)
        return decode_snapshot(data, pointer)
    except (ValueError, OSError, EOFError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"the snapshot cannot be read ({error}); {REMEDY}") from None


def save_snapshot(console: Console, snapshot: Snapshot, to: Path, now: float) -> None:
    """Raises ValueError if the file exists."""
    LocalFile(to).write(encode_file(snapshot, now))
    count = format_count(len(snapshot.rows), "definition")
    console.print(f"{to}: version {snapshot.version}, {count}.", highlight=False, soft_wrap=True)


def read_snapshot(path: Path) -> Snapshot:
    """Raises OSError or ValueError, which name the file."""
    content = read_regular(path, MAX_BYTES, "no snapshot is as large")
    try:
        return decode_file(content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def publish_snapshot(console: Console, definitions: Definitions, snapshot: Snapshot) -> None:
    """Where a local stack starts, and perhaps goes on: nothing else stays in force.

    Raises ValueError for a definition that this version of the program cannot read.
    """
    publisher = Author("snapshot", f"version {snapshot.version}")
    quiet = Console(quiet=True)
    rows = [row for _, row in sorted(snapshot.rows.items())]
    publish_backup(quiet, definitions, rows, publisher=publisher, confirm=lambda _: True)
    count = format_count(len(rows), "definition")
    console.print(f"Published the snapshot of version {snapshot.version}: {count}.", highlight=False)
