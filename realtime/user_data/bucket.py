"""The bucket: the archive, what Firehose could not deliver, and large payloads of the quarantine."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

import orjson

from realtime.analysis.archive.layout import COMPACTED
from realtime.resources import QUARANTINE_PAYLOADS
from realtime.user_data.compacted import PARQUET, judge_parquet
from realtime.user_data.lines import holds_user, rewrite_lines
from realtime.user_data.objects import ATTEMPTS, Busy, Content, ObjectStore, Version, map_in_order
from realtime.user_data.stores import Finding, Request

Kind = Literal["lines", "payload", "parquet"]
PREFIXES: Mapping[str, Kind] = {
    "raw/events/": "lines",
    "raw/failed/": "lines",
    QUARANTINE_PAYLOADS: "payload",
    COMPACTED: "parquet",
}
"""Where objects may hold users. Objects of lines are rewritten, payloads and Parquet are deleted."""


class Progress(NamedTuple):
    """``get_start`` is the key behind which a prefix is searched. ``advance`` gets each key when all keys up
    to it are done, and ``add`` what was done with one, in any order and from any thread."""

    get_start: Callable[[str], str]
    advance: Callable[[str, str], None]
    add: Callable[[Finding], None]


FROM_THE_START = Progress(lambda _: "", lambda *_: None, lambda _: None)


class _Key(NamedTuple):
    finding: Finding
    lines: list[bytes]


class BucketStore:
    """A `UserStore`. ``progress`` is for `forget`, which resumes where an earlier run has ended."""

    name = "archive and payloads (S3)"

    def __init__(self, objects: ObjectStore, progress: Progress = FROM_THE_START) -> None:
        self._objects = objects
        self._progress = progress

    def search(self, request: Request) -> Finding:
        return self._collect(request, self._search_key, FROM_THE_START)

    def forget(self, request: Request) -> Finding:
        return self._collect(request, self._forget_key, self._progress)

    def export(self, request: Request) -> Mapping[str, Iterator[Mapping[str, Any]]]:
        return {"events.jsonl": self._export_events(request)}

    def _export_events(self, request: Request) -> Iterator[Mapping[str, Any]]:
        """Each place once, as docs/archive.md says: a retry may have archived an event twice."""
        by_place: dict[str, Any] = {}
        items = self._objects.list_versions("raw/events/")
        for key in map_in_order(lambda item: self._search_key(request, "lines", *item), items):
            for event in map(orjson.loads, key.lines):
                realtime = event.get("realtime") or {}
                place = str(realtime.get("place") or len(by_place))
                before = by_place.get(place, {}).get("realtime") or {}
                if place not in by_place or _count(realtime) > _count(before):
                    by_place[place] = event
        return iter(sorted(by_place.values(), key=lambda event: str(event.get("timestamp"))))

    def _collect(
        self, request: Request, work: Callable[[Request, Kind, str, list[Version]], _Key], progress: Progress
    ) -> Finding:
        total, done = Finding(), 0
        for prefix, kind in PREFIXES.items():

            def judge(item: tuple[str, list[Version]], kind: Kind = kind) -> tuple[str, Finding]:
                finding = work(request, kind, *item).finding
                progress.add(finding)
                return item[0], finding

            items = self._objects.list_versions(prefix, progress.get_start(prefix))
            for key, finding in map_in_order(judge, items):
                total.add(finding)
                progress.advance(prefix, key)
                done += 1
                request.tell(f"{done:,} objects, {total.own + total.mentions:,} lines")
        return total

    def _search_key(self, request: Request, kind: Kind, key: str, versions: list[Version]) -> _Key:
        del key
        finding, lines = Finding(), list[bytes]()
        for version in versions:
            content = self._objects.read(version)
            found, own_lines, _ = _judge(request, kind, version, content)
            finding.add(found)
            if version.is_latest:
                lines += own_lines
        return _Key(finding, lines)

    def _forget_key(self, request: Request, kind: Kind, key: str, versions: list[Version]) -> _Key:
        for _ in range(ATTEMPTS):
            finding = Finding()
            if all(self._forget_version(request, kind, version, finding) for version in versions):
                return _Key(finding, [])
            versions = self._objects.read_versions(key)  # the processor has written it again
        raise Busy

    def _forget_version(self, request: Request, kind: Kind, version: Version, finding: Finding) -> bool:
        """False if another version has become the latest."""
        content = self._objects.read(version)
        found, _, body = _judge(request, kind, version, content)
        if content is not None and (found.own or found.mentions):
            if body is None or not version.is_latest:
                self._objects.delete(version)
            elif not self._objects.write(version, content, body):
                return False
        finding.add(found)
        return True


def _judge(
    request: Request, kind: Kind, version: Version, content: Content | None
) -> tuple[Finding, list[bytes], bytes | None]:
    """What ``content`` holds, the users' lines in it, and the lines without them; None: nothing stays."""
    if content is None:
        return Finding(), [], None
    if content.body is None:
        note = f"{version.key} cannot be read: it is damaged, or in cold storage. Restore it, then run again."
        return Finding(unread=1, notes=[note]), [], None
    if kind == "parquet":
        is_manifest = not content.body.startswith(PARQUET)
        return Finding() if is_manifest else judge_parquet(request, version.key, content.body), [], None
    if kind == "payload":
        return Finding(own=int(holds_user(content.body, request.matcher))), [], None
    rewritten = rewrite_lines(content.body, request.matcher, request.action)
    return Finding(rewritten.own, rewritten.mentions), rewritten.lines, rewritten.body


def _count(realtime: Mapping[str, Any]) -> int:
    return len(realtime.get("experiments") or ())
