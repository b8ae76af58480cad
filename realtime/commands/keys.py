"""`keys`: create, list and revoke API keys."""

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from chalicelib.domain.key_snapshot import KeySnapshots
from chalicelib.domain.keys import ApiKey, Keys
from chalicelib.services.admin import keys as service
from chalicelib.services.admin.keys import ID_LENGTH


def create_key(
    console: Console,
    keys: Keys,
    scopes: str,
    label: str,
    expires: str = "",
    *,
    snapshots: KeySnapshots | None = None,
    as_json: bool = False,
    now: float | None = None,
    generate_token: Callable[[], str] = secrets.token_urlsafe,
) -> str:
    """Store the digest of a new key and print the key. It cannot be shown again. Raises InvalidInput."""
    now = time.time() if now is None else now
    made = service.create_key(
        keys, scopes.split(","), label, expires, now, snapshots=snapshots, generate_token=generate_token
    )
    if as_json:
        shown = asdict(made.key)
        fields = {name: shown[name] for name in ("id", "label", "scopes", "created", "expires")}
        print(json.dumps({"key": made.token, **fields, "snapshot_failure": made.snapshot_failure or None}))
        return made.token
    console.print(made.token, highlight=False, soft_wrap=True)
    until = f" Expires: {made.key.expires}." if made.key.expires else ""
    wanted = ", ".join(made.key.scopes)
    console.print(
        f"[dim]Shown once. Scopes: {wanted}. Id: {made.key.id[:ID_LENGTH]}.{until}[/dim]", highlight=False
    )
    if made.snapshot_failure:
        _print_line(
            console,
            f"[yellow]The snapshot of keys was not written: {escape(made.snapshot_failure)} Run `python -m "
            "realtime snapshot`: containers that start while DynamoDB is away would refuse the key.[/yellow]",
        )
    return made.token


def describe_state(key: ApiKey, now: float) -> str:
    """With the day, in UTC."""
    if key.revoked:
        return f"revoked {key.revoked[:10]}"
    if key.expires is None:
        return "valid"
    return f"expired {key.expires[:10]}" if key.has_expired(now) else f"until {key.expires[:10]}"


def list_keys(console: Console, keys: Keys, *, as_json: bool = False, now: float | None = None) -> None:
    now = time.time() if now is None else now
    ordered = service.list_keys(keys)
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
    """Returns the exit status: 0 if the table and ``snapshots`` have it. Raises as the service."""
    now = time.time() if now is None else now
    revoked = service.revoke_key(keys, key_id, now, snapshots=snapshots)
    label = escape(repr(revoked.key.label))
    if not revoked.in_table:
        _print_line(
            console,
            f"[yellow]Revoked {label} in the snapshot only: the table of keys does not "
            "answer.[/yellow] Containers that cannot reach the table refuse the key within ten seconds. "
            "Run this again when the table answers: it opens again then.",
        )
        return 1
    if revoked.snapshot_failure:
        _print_line(
            console,
            f"[yellow]Revoked {label} in the table only; refused within a minute or two.[/yellow] The "
            f"snapshot of keys was not written: {escape(revoked.snapshot_failure)} Run `python -m realtime "
            "snapshot`: until then, containers that start while DynamoDB is away may take the key for hours.",
        )
        return 1
    console.print(f"Revoked {label}; refused everywhere within a minute or two.")
    return 0


def _print_line(console: Console, text: str) -> None:
    console.print(text, highlight=False)
