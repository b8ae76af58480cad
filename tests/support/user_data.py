"""A deployment whose every store holds the same users, and a search of it that is independent of the code."""

import base64
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from chalicelib.domain.definitions.model import Assignment, DefinitionRow
from chalicelib.domain.identity import Link
from chalicelib.domain.proposals import Proposal, ProposedChange
from chalicelib.domain.publishing.author import Author
from chalicelib.domain.recent_contexts import RecentContext
from chalicelib.domain.stream.aggregation import join_parts
from chalicelib.domain.stream.archive import ArchiveObject
from chalicelib.domain.stream.event import Refusal
from chalicelib.domain.stream.event_ids import Claim, EventName
from chalicelib.domain.stream.quarantine import QuarantineEntry
from chalicelib.domain.stream.records import PoisonRecord
from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients
from chalicelib.stores.event_ids import EventIdStore
from chalicelib.stores.postgres import AssignmentHistory
from chalicelib.wiring import Plane
from realtime.quarantine.parts import list_parts
from realtime.resources import describe
from tests.support import history
from tests.support.experiments import experiment, published, published_flag
from tests.support.postgres import Postgres

USER, ALIAS, OTHER = "customer-7", "ada@example.com", "customer-71"
NOW = 1_795_341_600.0
FOLDER = "raw/events/year=2026/month=11/day=22/hour=10"


class Deployment:
    """``plane`` has the command line's timeouts."""

    def __init__(self, settings: Settings, database: Postgres, files: Path) -> None:
        settings = replace(settings, postgres_url=database.url, read_timeout=5.0)
        self.plane = Plane(settings, clock=lambda: NOW, clients=Clients(settings))
        self.settings = settings
        self.database = database
        self.files = files
        self.console = Console(file=io.StringIO(), width=60)
        self.s3 = self.plane.clients.s3

    @property
    def output(self) -> str:
        assert isinstance(self.console.file, io.StringIO)
        return self.console.file.getvalue()

    def fill(self) -> None:
        self._publish()
        for number, user in enumerate((USER, OTHER)):
            self._fill_tables(user, number)
            self._fill_quarantine(user)
        self.put_lines("a", [event(USER), event(OTHER), event(OTHER, properties={"invited_by": USER})])
        self.put_lines("a", [event(USER, value=2), event(OTHER), event(OTHER, properties={"by": USER})])
        self.put_lines("b", [event(USER), event(USER, user_id=ALIAS, properties={"page": f"/u/{USER}"})])
        self.put_lines("c", [event(OTHER)])
        failed = {"errorCode": "x", "rawData": base64.b64encode(json.dumps(event(USER)).encode()).decode()}
        self._put_object("raw/failed/x/1", (json.dumps(failed) + "\n").encode())
        self.files.mkdir(parents=True, exist_ok=True)
        refused = {"sent": 7, "refused": [{"user_id": USER}, {"user_id": OTHER}]}
        (self.files / "position").write_text(json.dumps(refused))

    def _publish(self) -> None:
        store = self.plane.definitions
        old = published_flag("dark", overrides={USER: "on", OTHER: "on"})
        store.publish([published(), published("old", id="old-1"), old], 0, NOW)
        new = published_flag("dark", overrides={OTHER: "on"})
        store.publish([replace(published("old"), text="", status=""), new], 1, NOW)
        self.propose(old, is_open=False)

    def propose(self, row: DefinitionRow, *, is_open: bool) -> None:
        proposals = self.plane.proposals
        changes = (ProposedChange(row.kind, row.key, "changed"),)
        proposal = proposals.add(Proposal(changes, 1, Author("grace"), "", "why"), [row])
        assert is_open or proposals.close(proposal.decide("rejected", Author("ada"), ""))

    def link(self, *devices: str) -> None:
        """To ``USER``; an id of somebody else to ``OTHER``."""
        for device, user in (*((device, USER) for device in devices), (f"{OTHER}-phone", OTHER)):
            assert self.plane.assignments.put_link(device, Link(user, NOW, NOW * 2), NOW)

    def _fill_tables(self, user: str, number: int) -> None:
        for checked in (experiment(), experiment("old", id="old-1")):
            row = Assignment("control", f"a-{user}", NOW)
            self.plane.assignments.put(checked, user, row, None)
        dynamodb = self.plane.clients.dynamodb
        override = {"id": user, "target_id": "checkout", "user_id": user, "variant": "control"}
        item: Any = {name: {"S": text} for name, text in override.items()}
        dynamodb.put_item(TableName=self.settings.overrides_table, Item=item)
        event_ids = EventIdStore(self.plane.clients, self.settings.dedupe_table)
        names = [EventName(user, "purchase", id_) for id_ in (f"{user}-17", f"order-{number}")]
        event_ids.claim([Claim(name, "p") for name in names], NOW * 2)
        email = ALIAS if user == USER else "x"
        context = RecentContext("flag", None, "ab", {"user_id": "ab", "email": email}, NOW)
        self.plane.recent_contexts.put({number: context}, NOW * 2)
        rows = AssignmentHistory(self.plane.clients, self.settings)
        rows.upsert([history.row(number + 1, user_id=user)])
        rows.close()

    def _fill_quarantine(self, user: str) -> None:
        refusal = Refusal("too_old", "It is old.", "timestamp")
        payloads = [json.dumps(event(user)).encode(), b'{"user_id": "%b" broken' % user.encode()]
        payloads += [json.dumps(event(user, properties={"text": "x" * 20_000})).encode()]
        records = [PoisonRecord(0, 0, "", NOW, user, data, refusal) for data in payloads]
        joined = join_parts([("shard", b""), ("shard", gzip.compress(payloads[0]))])
        records.append(PoisonRecord(0, 0, "", NOW, "shard", joined, refusal))
        entries = [QuarantineEntry("s", f"{user[-1]}{n}", record, NOW) for n, record in enumerate(records)]
        self.plane.quarantine.put(entries)

    def put_lines(self, name: str, lines: list[dict[str, Any]]) -> str:
        key = f"{FOLDER}/{name}.jsonl.gz"
        self.plane.archive.put(ArchiveObject(key, 0, lines))
        return key

    def _put_object(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=self.settings.archive_bucket, Key=key, Body=body)

    def read_lines(self, name: str) -> list[bytes]:
        return self._read(f"{FOLDER}/{name}.jsonl.gz").splitlines()

    def _read(self, key: str, **version: Any) -> bytes:
        stored = self.s3.get_object(Bucket=self.settings.archive_bucket, Key=key, **version)
        body = stored["Body"].read()
        return gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body

    def list_versions(self) -> list[Any]:
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=self.settings.archive_bucket)
        return [version for page in pages for version in page.get("Versions", [])]

    def dump(self) -> Iterator[str]:
        """Everything that is stored anywhere, as text, with the name of its place."""
        for table in describe(self.settings).tables:
            for page in self.plane.clients.dynamodb.get_paginator("scan").paginate(TableName=table.name):
                yield from (f"{table.name} {_unpack(item)}" for item in page["Items"])
        for version in self.list_versions():
            body = self._read(version["Key"], VersionId=version["VersionId"])
            for line in body.splitlines():
                is_wrapped = b"rawData" in line
                data = base64.b64decode(json.loads(line)["rawData"]) if is_wrapped else line
                yield f"{version['Key']} {data.decode()}"
        for record in self._receive_all():
            payload = self.plane.quarantine.read_payload(record) or b""
            yield f"quarantine {record.description} {b' '.join(list_parts(payload)).decode()}"
        yield from (f"history {row}" for row in history.stored(self.database).values())
        yield from (f"{file} {file.read_text()}" for file in self.files.rglob("*") if file.is_file())

    def _receive_all(self) -> list[Any]:
        records = []
        while batch := self.plane.quarantine.receive():
            records += batch
        self.plane.quarantine.hide(records, 0)
        return records

    @staticmethod
    def is_about(entry: str, *ids: str) -> bool:
        """One id is the beginning of another user's."""
        return any(id_ in entry.replace(OTHER, "somebody-else") for id_ in ids)

    def find(self, *ids: str) -> list[str]:
        """Each place that holds one of ``ids``."""
        return [entry.partition(" ")[0] for entry in self.dump() if self.is_about(entry, *ids)]


def _unpack(item: Any) -> Any:
    """With the texts of a proposal."""
    return item | {"rows": zlib.decompress(item["rows"]["B"])} if "rows" in item else item


def event(user: str, **fields: Any) -> dict[str, Any]:
    return {
        "event_id": f"e-{user[-1]}",
        "event_type": "purchase",
        "user_id": user,
        "timestamp": "2026-11-22T10:00:00Z",
        "realtime": {"place": f"p:{user}"[:3], "experiments": []},
        **fields,
    }
