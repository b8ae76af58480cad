"""The migrations, in their order. One that was released is never changed: another follows it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

TableOwner = Literal["own", "platform"]
"""Whose table it is: the service's own, or the platform's, which gets no index from here."""


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    sql: str


def read_migrations(owner: TableOwner) -> list[Migration]:
    files = sorted(Path(__file__).parent.glob("*.sql"))
    migrations = [Migration(int(file.stem[:4]), file.stem, file.read_text()) for file in files]
    return migrations if owner == "own" else migrations[:1]
