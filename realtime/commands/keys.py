"""API keys for the command line: created, listed, revoked."""

import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from chalicelib.domain.keys import SCOPES, ApiKey, digest
from chalicelib.domain.timestamps import format_timestamp

SHOWN = 12  # characters of the digest that name a key


class Keys(Protocol):
    def put(self, key: ApiKey) -> None: ...
    def all(self) -> list[ApiKey]: ...


def create(
    console: Console, keys: Keys, scopes: str, label: str, token: Callable[[], str] = secrets.token_urlsafe
) -> str:
    """Stores a new key's digest and prints the key, which nobody can see again."""
    wanted = sorted({scope.strip() for scope in scopes.split(",") if scope.strip()})
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown or not wanted:
        raise ValueError(f"--scopes: unknown {', '.join(unknown) or 'scope'}; there are {', '.join(SCOPES)}")
    if not label.strip():
        raise ValueError("--label: say whose key it is")
    key = f"rt_{token()}"
    keys.put(ApiKey(digest(key), label, tuple(wanted), format_timestamp(time.time(), "seconds")))
    console.print(f"{key}", highlight=False, soft_wrap=True)
    console.print(f"[dim]Shown once. Scopes: {', '.join(wanted)}. Id: {digest(key)[:SHOWN]}[/dim]")
    return key


def show(console: Console, keys: Keys) -> None:
    names = "id", "label", "scopes", "created", "revoked"
    table = Table(*(Column(name, overflow="fold") for name in names))
    for key in sorted(keys.all(), key=lambda key: key.created):
        table.add_row(
            key.id[:SHOWN], escape(key.label), ", ".join(key.scopes), key.created, key.revoked or ""
        )
    console.print(table)


def revoke(console: Console, keys: Keys, key_id: str) -> None:
    """Raises ValueError unless exactly one key's id starts with ``key_id``, and it is in use."""
    found = [key for key in keys.all() if key_id and key.id.startswith(key_id)]
    if len(found) != 1:
        raise ValueError(f"{len(found)} keys have an id that starts with {key_id!r}; see `keys list`")
    if found[0].revoked:
        raise ValueError(f"the key is revoked already, since {found[0].revoked}")
    keys.put(replace(found[0], revoked=format_timestamp(time.time(), "seconds")))
    console.print(f"Revoked {escape(repr(found[0].label))}; refused everywhere within a minute or two.")
