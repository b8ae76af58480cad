"""The file of a backup: gzipped JSON Lines, described in docs/backup.md. Pure.

The first line is a header, the last one counts the lines before it and has their SHA-256. Between them is a
line for each version of each definition, and for each key.
"""

import gzip
import hashlib
import io
import json
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, cast

from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.keys import ApiKey
from chalicelib.domain.publishing.documents import KINDS
from chalicelib.domain.timestamps import parse_timestamp
from realtime.safe_reading.shown_text import format_count
from realtime.safe_reading.strict_json import parse_json

FORMAT = "realtime-backup"
FORMAT_VERSION = 1
MAX_LINE_BYTES = 4_000_000
"""A definition has at most 350,000 bytes, and up to six times as many as a JSON text."""
MAX_UNPACKED_BYTES = 2_000_000_000
_FIELDS = {
    "kind": str,
    "key": str,
    "version": int,
    "status": str,
    "text": str,
    "published_at": str,
    "published_by": str,
    "published_note": str,
}


@dataclass(frozen=True, slots=True)
class Backup:
    """All versions up to ``version``, by version, kind and key; ``keys`` None: the backup has none.

    ``created_at`` is ISO 8601.
    """

    environment: str
    created_at: str
    versions: tuple[DefinitionRow, ...]
    keys: tuple[ApiKey, ...] | None = None

    @property
    def version(self) -> int:
        return max((row.version for row in self.versions), default=0)

    def list_latest(self) -> list[DefinitionRow]:
        """The last version of each definition, also of those that were removed: it has no text."""
        return list({(row.kind, row.key): row for row in self.versions}.values())


def encode(backup: Backup) -> bytes:
    """The same definitions and times give the same bytes."""
    header = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "environment": backup.environment,
        "created_at": backup.created_at,
        "version": backup.version,
        "has_keys": backup.keys is not None,
    }
    ordered = sorted(backup.versions, key=lambda row: (row.version, row.kind, row.key))
    versions = ({name: getattr(row, name) for name in _FIELDS} for row in ordered)
    keys = (_write_key(key) for key in sorted(backup.keys or (), key=lambda key: key.id))
    body = b"".join(_encode_line(line) for line in (header, *versions, *keys))
    end = {"lines": body.count(b"\n"), "sha256": hashlib.sha256(body).hexdigest()}
    return gzip.compress(body + _encode_line(end), mtime=0)


def decode(data: bytes) -> Backup:
    """Raises ValueError, which says what is wrong with the file."""
    header, count = _check_lines(data)
    versions, keys = [], []
    for number, line in islice(enumerate(_read_lines(data), 1), 1, count):
        fields = _read_line(number, line)
        if _is_key(fields):
            keys.append(_read_key(number, fields))
        else:
            versions.append(_read_version(number, fields))
    counts = Counter((row.kind, row.key, row.version) for row in versions)
    for (kind, key, version), count in counts.items():
        if count > 1:
            raise ValueError(f"{kind} {key} has version {version} {count} times")
    backup = Backup(
        str(header.get("environment", "")),
        str(header.get("created_at", "")),
        tuple(sorted(versions, key=lambda row: row.version)),
        tuple(keys) if header.get("has_keys") else None,
    )
    if backup.version != header.get("version"):
        raise ValueError(f"line 1: version is {header.get('version')}, but the last one is {backup.version}")
    return backup


def _encode_line(line: Mapping[str, Any]) -> bytes:
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _read_lines(data: bytes) -> Iterator[bytes]:
    """Unpacked one by one: a small file may unpack to more than fits in memory."""
    size = 0
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            while line := file.readline(MAX_LINE_BYTES + 1):
                size += len(line)
                if len(line) > MAX_LINE_BYTES or size > MAX_UNPACKED_BYTES:
                    raise ValueError("it unpacks to more than a backup has: this is no backup")
                yield line
    except (OSError, EOFError, zlib.error):
        raise ValueError("this is no whole gzip file: it was cut off, or it is no backup") from None


def _check_lines(data: bytes) -> tuple[dict[str, Any], int]:
    """The header, and how many lines there are before the last. It checks the header before it reads on."""
    header: dict[str, Any] = {}
    digest, count, last = hashlib.sha256(), 0, b""
    for line in _read_lines(data):
        if count:
            digest.update(last)
        else:
            header = _read_line(1, line)
            _check_header(header)
        count, last = count + 1, line
    if not count:
        raise ValueError("the file is empty")
    end = _read_line(count, last)
    if "sha256" not in end:
        raise ValueError("the last line is missing: the file was cut off")
    if end != {"lines": count - 1, "sha256": digest.hexdigest()}:
        raise ValueError("the checksum does not match: the file was changed or damaged")
    return header, count - 1


def _read_line(number: int, line: bytes) -> dict[str, Any]:
    try:
        value = parse_json(line.decode())
    except ValueError:
        raise ValueError(f"line {number} is not JSON: this is no backup, or it is damaged") from None
    if not isinstance(value, dict):
        raise ValueError(f"line {number} is no JSON object: this is no backup, or it is damaged")  # noqa: TRY004
    return value


def _check_header(header: Mapping[str, Any]) -> None:
    if header.get("format") != FORMAT:
        raise ValueError(f"line 1 does not name the format {FORMAT}: this is no backup")
    if header.get("format_version") != FORMAT_VERSION:
        raise ValueError(
            f"it has format {header.get('format_version')}, and this version of the program reads "
            f"format {FORMAT_VERSION}: use the version that wrote it"
        )


def _is_key(line: Mapping[str, Any]) -> bool:
    return line.get("kind") == "key"


def _read_version(number: int, line: Mapping[str, Any]) -> DefinitionRow:
    for name, kind in _FIELDS.items():
        if type(line.get(name)) is not kind:
            raise ValueError(f"line {number}: {name} must be {'a whole number' if kind is int else 'a text'}")
    if line["kind"] not in KINDS:
        raise ValueError(f"line {number}: kind must be {', '.join(KINDS)} or key; it is {line['kind']!r}")
    if line["version"] < 1 or not line["key"]:
        raise ValueError(f"line {number}: version must be 1 or more, and key must not be empty")
    return DefinitionRow(**cast("dict[str, Any]", {name: line[name] for name in _FIELDS}))


def _write_key(key: ApiKey) -> dict[str, Any]:
    """Without the last use, which is another one in each backup."""
    fields = {"kind": "key", **asdict(key)}
    del fields["last_used"]
    return fields


def _read_key(number: int, line: Mapping[str, Any]) -> ApiKey:
    try:
        scopes = tuple(str(scope) for scope in line["scopes"])
        expires = line.get("expires")
        if expires is not None:
            parse_timestamp(expires)
        return ApiKey(line["id"], line["label"], scopes, line["created"], line["revoked"], expires)
    except (KeyError, TypeError, ValueError):
        fields = "id, label, scopes, created and revoked, and perhaps expires, an ISO 8601 time"
        raise ValueError(f"line {number}: a key has {fields}") from None


def describe(backup: Backup) -> str:
    """One line, which counts the definitions that were not removed."""
    counts = Counter(row.kind for row in backup.list_latest() if row.text)
    kinds = ", ".join(format_count(counts[kind], kind) for kind in KINDS if counts[kind])
    keys = "" if backup.keys is None else f", {format_count(len(backup.keys), 'API key')}"
    text = f"version {backup.version} of {backup.environment}: {kinds or 'no definitions'}"
    return f"{text}, with {format_count(len(backup.versions), 'version')} in all{keys}"
