"""Files of this machine that may hold users: the positions of `replay`, which list what was refused."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from realtime.user_data.lines import rewrite_lines
from realtime.user_data.stores import Finding, Request


class LocalFiles:
    """A `UserStore` over ``folder``: a file is a JSON object, or lines of JSON or text."""

    name = "files of this machine"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def search(self, request: Request) -> Finding:
        finding = Finding()
        for _, _, found in self._find(request):
            finding.add(found)
        return finding

    def forget(self, request: Request) -> Finding:
        finding = Finding()
        for path, body, found in self._find(request):
            partial = path.with_suffix(".new")
            partial.write_bytes(body)
            partial.replace(path)
            finding.add(found)
        return finding

    def export(self, request: Request) -> Mapping[str, Iterator[Mapping[str, Any]]]:
        """Nothing: what was refused is in the file that was replayed."""
        del request
        return {}

    def _find(self, request: Request) -> Iterator[tuple[Path, bytes, Finding]]:
        for path in sorted(path for path in self._folder.rglob("*") if path.is_file()):
            body = path.read_bytes()
            new_body, finding = _rewrite(body, request)
            if new_body != body:
                yield path, new_body, finding


def _rewrite(body: bytes, request: Request) -> tuple[bytes, Finding]:
    if not request.matcher.may_hold(body):
        return body, Finding()
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        rewritten = rewrite_lines(body, request.matcher, request.action)
        return rewritten.body, Finding(rewritten.own, rewritten.mentions)
    if not isinstance(document, dict):
        return body, Finding()
    changed = request.matcher.replace_in_event(document, request.action.replace)
    return (body, Finding()) if changed == document else (orjson.dumps(changed), Finding(mentions=1))
