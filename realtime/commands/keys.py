"""`keys`: create, list and revoke API keys."""

import secrets
import time
from collections.abc import Callable
from dataclasses import replace

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from chalicelib.domain.keys import SCOPES, ApiKey, Keys, digest
from chalicelib.domain.timestamps import format_timestamp

ID_LENGTH = 12  # characters of the digest that name a key


def create_key(
    console: Console,
    keys: Keys,
    scopes: str,
    label: str,
    generate_token: Callable[[], str] = secrets.token_urlsafe,
) -> str:
    """Store the digest of a new key and print the key. It cannot be shown again."""
    wanted = sorted({scope.strip() for scope in scopes.split(",") if scope.strip()})
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown or not wanted:
        raise ValueError(f"--scopes: unknown {', '.join(unknown) or 'scope'}; there are {', '.join(SCOPES)}")
    if not label.strip():
        raise ValueError("--label: say whose key it is")
    key = f"rt_{generate_token()}"
    keys.put(ApiKey(digest(key), label, tuple(wanted), format_timestamp(time.time(), "seconds")))
    console.print(f"{key}", highlight=False, soft_wrap=True)
    console.print(f"[dim]Shown once. Scopes: {', '.join(wanted)}. Id: {digest(key)[:ID_LENGTH]}[/dim]")
    return key


def list_keys(console: Console, keys: Keys) -> None:
    names = "id", "label", "scopes", "created", "revoked"
    table = Table(*(Column(name, overflow="fold") for name in names))
    for key in sorted(keys.get_all(), key=lambda key: key.created):
        scopes = ", ".join(key.scopes)
        table.add_row(key.id[:ID_LENGTH], escape(key.label), scopes, key.created, key.revoked or "")
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
