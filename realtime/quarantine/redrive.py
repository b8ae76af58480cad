"""Send records back: each at most once, and none leaves quarantine before its target has it."""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from chalicelib.domain.errors import StorageUnavailable, Throttled
from chalicelib.domain.stream.quarantine import Quarantine, QuarantinedRecord
from chalicelib.services.concurrency import Parallel, batched
from realtime.quarantine.held import Held, Stopping
from realtime.quarantine.selection import Copies
from realtime.quarantine.targets import Targets, add_fields

CHUNK = 100
"""Records that are sent before those which were taken leave quarantine. Ctrl-C acts between two chunks."""
NO_PAYLOAD = "payload_missing"
NO_TARGET = "no_target"


@dataclass
class RedriveReport:
    """Numbers of records; the keys are the codes that quarantined them."""

    sent: Counter[str] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)  # and the code of the refusal
    not_tried: Counter[str] = field(default_factory=Counter)  # Ctrl-C came first
    came_back: Counter[str] = field(default_factory=Counter)  # the new codes
    not_removed: int = 0  # messages of records that were sent
    digests: set[bytes] = field(default_factory=set)


class Redrive:
    """Of one run. ``backfill`` is what the target of events adds, see `add_fields`."""

    def __init__(
        self,
        quarantine: Quarantine,
        held: Held[QuarantinedRecord],
        targets: Targets,
        *,
        backfill: bool = False,
    ) -> None:
        self._quarantine = quarantine
        self._held = held
        self._targets = targets
        self._backfill = backfill
        self._parallel = Parallel()
        self.report = RedriveReport()

    def send(
        self,
        records: Sequence[Copies],
        is_stopping: Stopping,
        advance: Callable[[int], object] = lambda _: None,
        edited: bytes | None = None,
    ) -> None:
        """``edited`` is sent in place of the payload."""
        report = self.report
        for chunk in batched(records, CHUNK):
            if is_stopping():
                report.not_tried.update(copies[0].code for copies in chunk)
                continue
            self._held.renew()
            errors = self._send_records([copies[0] for copies in chunk], edited)
            taken = [copies for copies, error in zip(chunk, errors, strict=True) if error is None]
            report.sent.update(copies[0].code for copies in taken)
            report.refused.update(
                (copies[0].code, error) for copies, error in zip(chunk, errors, strict=True) if error
            )
            report.not_removed += self._held.remove([message for copies in taken for message in copies])
            advance(len(chunk))

    def watch(
        self, seconds: float, is_stopping: Stopping, timer: Callable[[], float] = time.monotonic
    ) -> None:
        """For so long, count which of the sent records come back, since they are still refused."""
        report, end = self.report, timer() + seconds
        while report.came_back.total() < report.sent.total() and timer() < end and not is_stopping():
            for record in self._held.receive_more():
                payload = self._quarantine.read_payload(record)
                if payload is not None and _digest(payload) in report.digests:
                    report.came_back[record.code] += 1

    def _send_records(self, records: Sequence[QuarantinedRecord], edited: bytes | None) -> list[str | None]:
        """For each record the code of its error, or None."""
        errors: dict[str, str | None] = {}
        sending: dict[str, list[tuple[QuarantinedRecord, bytes]]] = {}
        read = self._read_payload if edited is None else lambda _: edited
        payloads = self._parallel.map(read, records)
        for record, payload in zip(records, payloads, strict=True):
            kind = str(record.description["kind"])
            if isinstance(payload, bytes) and kind in self._targets:
                sending.setdefault(kind, []).append((record, payload))
            else:
                error = payload if isinstance(payload, str) else NO_PAYLOAD
                errors[record.place] = error if kind in self._targets else NO_TARGET
        for kind, pairs in sending.items():
            codes = self._targets[kind](pairs)
            errors |= {record.place: code for (record, _), code in zip(pairs, codes, strict=True)}
            if kind == "event":
                self.report.digests |= {
                    _digest(add_fields(record, payload, backfill=self._backfill))
                    for (record, payload), code in zip(pairs, codes, strict=True)
                    if code is None
                }
        return [errors[record.place] for record in records]

    def _read_payload(self, record: QuarantinedRecord) -> bytes | str | None:
        """Or the code of the error."""
        try:
            return self._quarantine.read_payload(record)
        except (StorageUnavailable, Throttled) as error:
            return error.code


def _digest(payload: bytes) -> bytes:
    return hashlib.sha256(payload).digest()
