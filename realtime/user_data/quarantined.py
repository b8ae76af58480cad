"""Records of users in the quarantine queue. Large payloads are in the bucket, and are searched there too."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from chalicelib.domain.stream.quarantine import Quarantine, QuarantinedRecord
from realtime.quarantine.held import Held, hold_all
from realtime.quarantine.parts import list_parts
from realtime.user_data.lines import holds_user
from realtime.user_data.stores import Finding, Request


class QuarantineStore:
    """A `UserStore`. A record of a user goes as a whole, in either mode: it was never counted."""

    name = "quarantine (SQS)"

    def __init__(self, quarantine: Quarantine) -> None:
        self._quarantine = quarantine

    def search(self, request: Request) -> Finding:
        with self._hold(request) as (held, records):
            return Finding(own=len(records), notes=_warn_of_hidden(held))

    def forget(self, request: Request) -> Finding:
        with self._hold(request) as (held, records):
            return Finding(own=len(records) - held.remove(records))

    def export(self, request: Request) -> Mapping[str, Iterator[Mapping[str, Any]]]:
        with self._hold(request) as (_, records):
            rows = [self._describe(record) for record in records]
        return {"quarantine.jsonl": iter(rows)}

    @contextmanager
    def _hold(self, request: Request) -> Iterator[tuple[Held[QuarantinedRecord], list[QuarantinedRecord]]]:
        """All messages, and those of users. What is not removed is visible again afterwards."""
        with hold_all(self._quarantine, lambda: False) as held:
            yield held, [record for record in held.messages if self._is_about(record, request)]

    def _is_about(self, record: QuarantinedRecord, request: Request) -> bool:
        if record.description["partition_key"] in request.matcher.ids:
            return True
        payload = self._quarantine.read_payload(record) or b""
        return any(holds_user(part, request.matcher) for part in list_parts(payload))

    def _describe(self, record: QuarantinedRecord) -> dict[str, Any]:
        payload = self._quarantine.read_payload(record) or b""
        text = b"\n".join(list_parts(payload)).decode("utf-8", "backslashreplace")
        return record.description | {"payload": text}


def _warn_of_hidden(held: Held[QuarantinedRecord]) -> list[str]:
    if not held.hidden_elsewhere:
        return []
    return [f"Some {held.hidden_elsewhere:,} records of the quarantine are in use; search again in an hour."]
