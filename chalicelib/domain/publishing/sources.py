"""Definitions and metrics as somebody wrote them, with where they stand: for problems and warnings."""

from dataclasses import dataclass
from typing import Any

from chalicelib.domain.definitions.model import DefinitionKind


@dataclass(frozen=True, slots=True)
class Source:
    """A definition that was written. ``written`` is ``data`` with each number as its text."""

    kind: DefinitionKind
    location: str
    data: Any
    written: Any


@dataclass(frozen=True, slots=True)
class MetricSource:
    """A metric of the catalogue; the fields are those of `Source`."""

    location: str
    data: Any
    written: Any
