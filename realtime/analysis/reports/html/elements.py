"""HTML and SVG elements. This is the one place where text becomes HTML, and where it is escaped."""

from collections.abc import Iterable
from html import escape

from realtime.safe_reading.shown_text import escape_controls

_VOID = {"meta", "link", "br"}
_NAMES = {"class_": "class", "viewbox": "viewBox", "preserve": "preserveAspectRatio", "for_": "for"}


class Markup(str):
    """What `tag` and `join` made. No other code makes one."""

    __slots__ = ()


Child = str | Markup | None


def tag(name: str, /, *children: Child, **attributes: str | float | None) -> Markup:
    """``class_`` is class, ``aria_label`` is aria-label. An attribute that is None is left out."""
    written = "".join(
        f' {_NAMES.get(key, key.replace("_", "-"))}="{escape(escape_controls(_write(value)))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{join(children)}</{name}>")


def join(children: Iterable[Child]) -> Markup:
    return Markup("".join(_render(child) for child in children if child is not None))


def make_style(css: str) -> Markup:
    """A style sheet of our own: it is no text of a user, and is not escaped."""
    if "</" in css:
        raise ValueError("a style sheet cannot have an end tag")
    return Markup(f"<style>{css}</style>")


def _render(child: str) -> str:
    return child if isinstance(child, Markup) else escape(escape_controls(child))


def _write(value: str | float) -> str:
    """Numbers of drawings to a hundredth."""
    return value if isinstance(value, str) else f"{round(value, 2):g}"
