"""Where services and the catalog find definitions."""

from collections.abc import Collection, Mapping
from typing import Protocol, TypeVar

from chalicelib.domain.definitions.model import (
    Changes,
    DefinitionKind,
    DefinitionRow,
    Experiment,
    Flag,
    Segment,
)
from chalicelib.domain.errors import RealtimeError

T_co = TypeVar("T_co", bound=Experiment | Flag | Segment, covariant=True)


class DefinitionSource(Protocol[T_co]):
    """Definitions of one kind, for services."""

    def get(self, key: str) -> T_co | None:
        """None if it does not exist. Raises StorageUnavailable or Throttled if it cannot be loaded."""

    def get_many(self, keys: Collection[str]) -> Mapping[str, T_co | RealtimeError]:
        """Those of ``keys`` that exist, or the error of those that cannot be loaded."""

    def find(self, name: str) -> T_co | None:
        """By key or alias, as callers ask; else as `get`."""

    def find_many(self, names: Collection[str]) -> Mapping[str, T_co | RealtimeError]:
        """By key or alias, as `get_many`."""

    def get_all(self) -> Mapping[str, T_co]:
        """All by key. A mapping that was returned never changes: an update makes a new one."""

    def get_listed(self) -> Mapping[str, T_co]:
        """Those of `get_all` that a caller gets who asks for all."""

    def get_unreadable(self) -> Mapping[str, RealtimeError]:
        """The errors of definitions that exist but are not in `get_all`."""

    def refresh(self, key: str) -> T_co | None:
        """The definition as it is published now. Raises StorageUnavailable or Throttled."""


class DefinitionReader(Protocol):
    """What a catalog asks for; see `Definitions`."""

    def get_many(self, kind: DefinitionKind, keys: Collection[str]) -> Mapping[str, DefinitionRow]: ...
    def get_all(self, kind: DefinitionKind) -> Mapping[str, DefinitionRow]: ...
    def get_changes(self, version: int | None) -> Changes: ...
