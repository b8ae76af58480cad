"""The files of the console, a page for operators (docs/console.md). They need no key; what they show does."""

import hashlib
import html
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from chalice.app import Request, Response

from chalicelib.api.application import JsonResponse
from chalicelib.api.flags import matches_etag
from chalicelib.api.http import json_view
from chalicelib.domain.errors import NotFound
from chalicelib.settings import Settings

FOLDER = Path(__file__).parents[1] / "console"
PAGE = "index.html"
TYPES = {
    "activity.js": "text/javascript",
    "api.js": "text/javascript",
    "change.js": "text/javascript",
    "chart.js": "text/javascript",
    "console.css": "text/css",
    "console.js": "text/javascript",
    "dom.js": "text/javascript",
    "experiment.js": "text/javascript",
    "flag.js": "text/javascript",
    "lists.js": "text/javascript",
    "system.js": "text/javascript",
}
"""Every file that is served besides the page. No path that a client sends is opened."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Nothing from elsewhere, nothing inline, and text never becomes HTML."""
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_LAYOUT = re.compile(r"^\s*(?:(?://.*|/\*\*.*\*/)\n\s*)*", re.MULTILINE)
"""Indentation, empty lines, and comments on lines of their own."""
_BLANKS = {
    "text/css": re.compile(r" *([{};:,]) *()"),
    "text/javascript": re.compile(r" *(=>|!?=+|&&|\|\||\?\?) *| ([?:]) |(?<={) +| +(?=})"),
}
"""Around signs that stand in no text of these files."""


@dataclass(frozen=True, slots=True)
class ConsoleFile:
    text: str
    etag: str
    content_type: str


@json_view
def console(request: Request, settings: Settings) -> Response:
    """On this machine the demo key opens it."""
    _check_enabled(settings)
    return _respond(request, load_page(settings.demo_key))


@json_view
def console_file(request: Request, settings: Settings, name: str) -> Response:
    _check_enabled(settings)
    if name not in TYPES:
        raise NotFound("not_found", f"The console has no file {name!r}.")
    return _respond(request, load_file(name))


def _check_enabled(settings: Settings) -> None:
    if not settings.admin:
        raise NotFound("admin_disabled", "The console is off here; REALTIME_ADMIN=true turns it on.")


@cache
def load_page(demo_key: str) -> ConsoleFile:
    text = _read(PAGE).replace('"demo-key" content=""', f'"demo-key" content="{html.escape(demo_key)}"')
    return _describe(text, "text/html")


@cache
def load_file(name: str) -> ConsoleFile:
    """A fifth smaller than it is written."""
    text = _LAYOUT.sub("", _read(name))
    return _describe(_BLANKS[TYPES[name]].sub(r"\1\2", text).replace(";}", "}"), TYPES[name])


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _describe(text: str, kind: str) -> ConsoleFile:
    etag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    return ConsoleFile(text, etag, f"{kind}; charset=utf-8")


def _respond(request: Request, file: ConsoleFile) -> Response:
    """The text is str: API Gateway would need base64 for bytes."""
    headers: dict[str, str | list[str]] = {**_HEADERS, "ETag": file.etag}
    asked = request.headers.get("if-none-match")
    if asked and matches_etag(asked, file.etag):
        return JsonResponse("", headers, 304)
    return JsonResponse(file.text, {**headers, "Content-Type": file.content_type}, 200)
