"""Scheduled changes: what a definition says from each of its times on."""

from collections.abc import Iterator
from typing import Any, TypeVar

from chalicelib.domain.definitions.schema import ExperimentDocument, FlagDocument

_Document = TypeVar("_Document", ExperimentDocument, FlagDocument)


def list_later(document: _Document) -> Iterator[tuple[float, _Document]]:
    """(from epoch seconds, document in force from then on), ascending. Each change keeps those before it."""
    for change, data in zip(document.changes, write_later(document), strict=True):
        yield change.at.timestamp(), document.model_validate(data)


def write_later(document: ExperimentDocument | FlagDocument) -> Iterator[dict[str, Any]]:
    data = document.model_dump(mode="json", exclude_unset=True)
    data.pop("changes", None)
    for change in document.changes:
        data = data | change.set
        yield data
