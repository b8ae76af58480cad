"""`keys`: create, list and revoke API keys."""

import json
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, replace

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from chalicelib.domain.keys import SCOPES, ApiKey, Keys, digest
from chalicelib.domain.timestamps import LATEST, format_timestamp, parse_timestamp

ID_LENGTH = 12  # characters of the digest that name a key
UNITS = {"h": 3600, "d": 86_400, "w": 7 * 86_400}
_match_duration = re.compile(r"([0-9]{1,6})([hdw])").fullmatch


def create_key(
    console: Console,
    keys: Keys,
    scopes: str,
    label: str,
    expires: str = "",
    *,
    now: float | None = None,
    generate_token: Callable[[], str] = secrets.token_urlsafe,
) -> str:
    """Store the digest of a new key and print the key. It cannot be shown again."""
    wanted = sorted({scope.strip() for scope in scopes.split(",") if scope.strip()})
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown or not wanted:
        raise ValueError(f"--scopes: unknown {', '.join(unknown) or 'scope'}; there are {', '.join(SCOPES)}")
    if not label.strip():
        raise ValueError("--label: say whose key it is")
    now = time.time() if now is None else now
    end = parse_expiry(expires, now) if expires else None
    key = f"rt_{generate_token()}"
    keys.put(ApiKey(digest(key), label, tuple(wanted), format_timestamp(now, "seconds"), expires=end))
    console.print(f"{key}", highlight=False, soft_wrap=True)
    until = f" Expires: {end}." if end else ""
    console.print(
        f"[dim]Shown once. Scopes: {', '.join(wanted)}. Id: {digest(key)[:ID_LENGTH]}.{until}[/dim]",
        highlight=False,
    )
    return key


def parse_expiry(text: str, now: float) -> str:
    """A duration, such as 90d, or a date, as ISO 8601. Raises ValueError."""
    try:
        if found := _match_duration(text):
            end = now + int(found[1]) * UNITS[found[2]]
        else:
            end = parse_timestamp(text)
    except ValueError:
        examples = "a duration, such as 12h, 90d or 52w, nor a date, such as 2027-03-31"
        raise ValueError(f"--expires: {text!r} is neither {examples}") from None
    if not now < end < LATEST:
        raise ValueError(f"--expires: {text!r} is not in the future")
    return format_timestamp(end, "seconds")


def describe_state(key: ApiKey, now: float) -> str:
    """With the day, in UTC."""
    if key.revoked:
        return f"revoked {key.revoked[:10]}"
    if key.expires is None:
        return "valid"
    return f"expired {key.expires[:10]}" if key.has_expired(now) else f"until {key.expires[:10]}"


def list_keys(console: Console, keys: Keys, *, as_json: bool = False, now: float | None = None) -> None:
    now = time.time() if now is None else now
    ordered = sorted(keys.get_all(), key=lambda key: (key.created, key.id))
    if as_json:
        rows = [asdict(key) | {"accepted": key.is_accepted(now)} for key in ordered]
        console.print_json(json.dumps(rows))
        return
    names = "id", "label", "scopes", "created", "last used", "state"
    columns = (Column(name, overflow="fold", no_wrap=name == "id") for name in names)
    table = Table(*columns, box=None, padding=(0, 1, 0, 0))
    for key in ordered:
        table.add_row(
            key.id[:ID_LENGTH],
            escape(key.label),
            ", ".join(key.scopes),
            key.created[:10],
            (key.last_used or "never")[:10],
            describe_state(key, now),
            style="" if key.is_accepted(now) else "dim",
        )
    console.print(table)


def revoke_key(console: Console, keys: Keys, key_id: str) -> None:
    """Raises ValueError unless the id of exactly one key starts with ``key_id`` and it is not revoked."""
    matches = [key for key in keys.get_all() if key_id and key.id.startswith(key_id)]
    if len(matches) != 1:
        raise ValueError(f"{len(matches)} keys have an id that starts with {key_id!r}; see `keys list`")
    key = matches[0]
    if key.revoked:
        raise ValueError(f"the key is revoked already, since {key.revoked}")
    keys.put(replace(key, revoked=format_timestamp(time.time(), "seconds")))
    console.print(f"Revoked {escape(repr(key.label))}; refused everywhere within a minute or two.")
