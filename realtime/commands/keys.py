"""`keys`: create, list and revoke API keys."""

import json
import re
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from chalicelib.domain.errors import InvalidInput, StorageUnavailable, Throttled
from chalicelib.domain.key_snapshot import KeySnapshots
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
    snapshots: KeySnapshots | None = None,
    now: float | None = None,
    generate_token: Callable[[], str] = secrets.token_urlsafe,
) -> str:
    """Store the digest of a new key and print the key. It cannot be shown again.

    ``snapshots`` get it, too.
    """
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
    if failure := _write_snapshot(keys, snapshots, now):
        _print_line(
            console,
            f"[yellow]The snapshot of keys was not written: {escape(failure)} Run `python -m realtime "
            "snapshot`: containers that start while DynamoDB is away would refuse the key.[/yellow]",
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


def revoke_key(
    console: Console,
    keys: Keys,
    key_id: str,
    *,
    snapshots: KeySnapshots | None = None,
    now: float | None = None,
) -> int:
    """Returns the exit status: 0 if it is revoked in the table and in ``snapshots``.

    Raises ValueError unless the id of exactly one key starts with ``key_id`` and it is not revoked, and
    StorageUnavailable or Throttled if neither store answers.
    """
    now = time.time() if now is None else now
    try:
        key = _find_key(keys.get_all(), key_id)
        revoked = replace(key, revoked=format_timestamp(now, "seconds"))
        keys.put(revoked)
    except (StorageUnavailable, Throttled):
        if snapshots is None:
            raise
        return _revoke_in_snapshot(console, snapshots, key_id, now)
    label = escape(repr(key.label))
    if failure := _write_snapshot(keys, snapshots, now):
        _print_line(
            console,
            f"[yellow]Revoked {label} in the table only; refused within a minute or two.[/yellow] The "
            f"snapshot of keys was not written: {escape(failure)} Run `python -m realtime snapshot`: until "
            "then, containers that start while DynamoDB is away may take the key for hours.",
        )
        return 1
    console.print(f"Revoked {label}; refused everywhere within a minute or two.")
    return 0


def _find_key(stored: Iterable[ApiKey], key_id: str) -> ApiKey:
    matches = [key for key in stored if key_id and key.id.startswith(key_id)]
    if len(matches) != 1:
        raise ValueError(f"{len(matches)} keys have an id that starts with {key_id!r}; see `keys list`")
    if matches[0].revoked:
        raise ValueError(f"the key is revoked already, since {matches[0].revoked}")
    return matches[0]


def _revoke_in_snapshot(console: Console, snapshots: KeySnapshots, key_id: str, now: float) -> int:
    """The table does not answer, so the containers that cannot reach it either are told."""
    snapshot = snapshots.read()
    if snapshot is None:
        raise StorageUnavailable("The table of keys does not answer, and there is no snapshot: try again.")
    key = _find_key(snapshot.keys.values(), key_id)
    if not snapshots.revoke(key.id, format_timestamp(now, "seconds"), now):
        raise StorageUnavailable(
            "The table of keys does not answer, and the snapshot has changed: try again."
        )
    _print_line(
        console,
        f"[yellow]Revoked {escape(repr(key.label))} in the snapshot only: the table of keys does not "
        "answer.[/yellow] Containers that cannot reach the table refuse the key within ten seconds. "
        "Run this again when the table answers: it opens again then.",
    )
    return 1


def _write_snapshot(keys: Keys, snapshots: KeySnapshots | None, now: float) -> str:
    """Why it was not written; empty if it was."""
    try:
        if snapshots is not None:
            snapshots.write(keys.get_all, now)
    except (StorageUnavailable, Throttled, InvalidInput) as error:
        return str(error)
    return ""


def _print_line(console: Console, text: str) -> None:
    console.print(text, highlight=False)
