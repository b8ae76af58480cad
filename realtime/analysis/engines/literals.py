"""Values in SQL. The only place where text of a user gets into a statement.

The same statement is to run in DuckDB and in Athena, and to be shown (`--sql`), so values stand in it.
"""

from collections.abc import Iterable

MICROSECONDS = 1_000_000


def quote(text: str) -> str:
    """``text`` as a literal. In standard SQL a quote is doubled, and no other character means anything."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{text!r} is no text: it has half of a character") from None
    parts = ["'" + part.replace("'", "''") + "'" for part in text.split("\0")]
    return parts[0] if len(parts) == 1 else "(" + " || chr(0) || ".join(parts) + ")"


def quote_all(texts: Iterable[str]) -> str:
    """A list for ``in``; there is at least one."""
    return "(" + ", ".join(map(quote, texts)) + ")"


def write_moment(epoch_seconds: float) -> str:
    """As in the column ``moment``."""
    return str(round(epoch_seconds * MICROSECONDS))


def write_pointer(*names: str) -> str:
    """The property at ``names`` as a JSON pointer (RFC 6901), quoted."""
    return quote("".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names))


def write_path(*names: str) -> str:
    """The property at ``names`` as a JSON path of Trino, quoted."""
    escaped = (name.replace("\\", "\\\\").replace('"', '\\"') for name in names)
    return quote("$" + "".join(f'["{name}"]' for name in escaped))
