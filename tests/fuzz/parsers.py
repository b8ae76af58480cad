"""Every parser of what others write, given any bytes: it answers, or raises what it says it raises."""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress

import yaml

from chalicelib.api.event_json import parse_events
from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.keys import is_well_formed, parse_bearer
from chalicelib.domain.stream.aggregation import UndecodableRecord, join_parts, split_content, unpack_part
from chalicelib.domain.stream.event import Event, Limits, Refusal, parse_event
from chalicelib.domain.targeting.document import InvalidOperand, InvalidRules
from chalicelib.domain.targeting.parse import parse
from chalicelib.domain.targeting.regex.engine import compile_pattern
from chalicelib.domain.targeting.semver import parse_strict, read_key_v1, read_key_v2
from chalicelib.domain.timestamps import EARLIEST, LATEST, parse_timestamp
from realtime.definition_files.syntax import parse_documents
from realtime.safe_reading.strict_json import parse_json


def read_yaml(data: bytes) -> None:
    with suppress(ValueError, yaml.YAMLError, RecursionError):
        parse_documents(data, ".yaml")


def read_json(data: bytes) -> None:
    with suppress(ValueError):
        text = data.decode()
        assert parse_json(text) == json.loads(text)


def read_rules(data: bytes) -> None:
    with suppress(ValueError, InvalidRules):
        parse(parse_json(data.decode()))


def read_event(data: bytes) -> None:
    assert isinstance(parse_event(data, 1_800_000_000.0, Limits()), Event | Refusal)


def read_events(data: bytes) -> None:
    with suppress(InvalidInput):
        assert isinstance(parse_events(data), dict)


def read_record(data: bytes) -> None:
    """An aggregated record whose digest fits, or the parser would be left at once."""
    magic = join_parts([])[:4]
    with suppress(UndecodableRecord):
        for _, part in split_content(magic + data + hashlib.md5(data, usedforsecurity=False).digest()):
            assert len(unpack_part(part, 1_000)) <= max(1_000, len(part))


def read_key(data: bytes) -> None:
    key = parse_bearer(data.decode("latin-1"))
    assert key is None or not is_well_formed(key) or key.isascii()


def read_version(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    if (key := parse_strict(text)) is not None:
        assert read_key_v1(text) == read_key_v2(text) == key


def read_timestamp(data: bytes) -> None:
    with suppress(ValueError):
        assert EARLIEST <= parse_timestamp(data.decode()) < LATEST


def search_pattern(data: bytes) -> None:
    """The first line is the pattern, the rest is the text."""
    pattern, _, text = data.decode("utf-8", "replace").partition("\n")
    with suppress(InvalidOperand):
        compile_pattern(pattern).search(text)


PARSERS: dict[str, Callable[[bytes], None]] = {
    "yaml": read_yaml,
    "json": read_json,
    "rules": read_rules,
    "event": read_event,
    "events": read_events,
    "record": read_record,
    "key": read_key,
    "version": read_version,
    "timestamp": read_timestamp,
    "regex": search_pattern,
}
SAMPLES = {
    "yaml": b"flags:\n- {key: a, rollout_percentage: 1.5}\n- &b [*b]",
    "json": b'{"a": [1, 2.5, null], "a": 1}',
    "rules": b'{"version": "1.0", "rules": []}',
    "event": b'{"event_type": "a", "user_id": "u", "timestamp": "2027-01-15T08:00:00Z", "value": 1e-3}',
    "events": b'{"events": [{"event_type": "\x01"}]}',
    "record": b"\n\x01k\x1a\x05\x08\x00\x1a\x01a",
    "key": b"Bearer rt_" + b"a" * 40,
    "version": b"1.2.3-rc.1+build",
    "timestamp": b"2026-11-26T10:00:00.5+23:59",
    "regex": b"^(a+)+$\naaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
}
"""One for each, from which to start."""
