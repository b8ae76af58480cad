"""A snapshot: all definitions of one version in one object, from which a container can start without a table.

It is named by its SHA-256. A pointer, which is written last, says which one is the newest.
"""

import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, get_args

from chalicelib.domain.definitions.model import DefinitionKind, DefinitionName, DefinitionRow

FORMAT = "realtime-snapshot-1"
COMPRESSION = 3
"""Of gzip: 9 takes ten times as long for a few per cent."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """``rows`` are what is in force after the publication of ``version``."""

    version: int
    rows: Mapping[DefinitionName, DefinitionRow]


@dataclass(frozen=True, slots=True)
class Pointer:
    """The newest snapshot. ``size`` is in bytes, ``taken_at`` ISO 8601."""

    version: int
    sha256: str
    size: int
    taken_at: str


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """The same bytes for the same definitions."""
    rows = [
        [row.kind, row.key, row.version, row.status, row.published_at, row.text]
        for _, row in sorted(snapshot.rows.items())
    ]
    document = {"format": FORMAT, "version": snapshot.version, "definitions": rows}
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    return gzip.compress(text.encode("utf-8", "surrogatepass"), COMPRESSION, mtime=0)


def compute_sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def decode_snapshot(data: bytes, pointer: Pointer) -> Snapshot:
    """Raises ValueError if ``data`` is not what ``pointer`` names, or is of another format."""
    if compute_sha256(data) != pointer.sha256:
        raise ValueError("the snapshot has another SHA-256 than its name")
    document = json.loads(gzip.decompress(data).decode("utf-8", "surrogatepass"))
    if document["format"] != FORMAT or document["version"] != pointer.version:
        raise ValueError("the snapshot has another format or version than its pointer says")
    rows: dict[DefinitionName, DefinitionRow] = {}
    for kind, key, version, status, published_at, text in document["definitions"]:
        if kind not in get_args(DefinitionKind):
            raise ValueError(f"the snapshot has a definition of the unknown kind {kind!r}")
        rows[kind, key] = DefinitionRow(kind, key, text, status, version, published_at=published_at)
    return Snapshot(pointer.version, rows)


def encode_pointer(pointer: Pointer) -> bytes:
    return json.dumps({"format": FORMAT, **asdict(pointer)}, separators=(",", ":")).encode()


def decode_pointer(data: bytes) -> Pointer:
    """Raises ValueError for anything else."""
    try:
        document: dict[str, Any] = json.loads(data)
        if document.pop("format") != FORMAT:
            raise ValueError("the pointer has another format")
        return Pointer(**document)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"the pointer cannot be read: {error}") from None
