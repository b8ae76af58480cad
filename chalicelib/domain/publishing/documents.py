"""A definition as a checked document, and as a row of its table."""

import json
from collections.abc import Callable, Mapping
from typing import TypeAlias, get_args

from chalicelib.domain.definitions import compiler
from chalicelib.domain.definitions.model import DefinitionKind, DefinitionRow
from chalicelib.domain.definitions.schema import Definition, ExperimentDocument, FlagDocument
from chalicelib.domain.definitions.uses import get_kind
from chalicelib.domain.errors import InvalidInput

Document: TypeAlias = Definition
DefinitionName: TypeAlias = tuple[DefinitionKind, str]
"""Kind and key: no two definitions have the same."""
KINDS: tuple[DefinitionKind, ...] = get_args(DefinitionKind)
_PARSERS: Mapping[DefinitionKind, Callable[[object], Document]] = {
    "experiment": compiler.parse_experiment,
    "flag": compiler.parse_flag,
    "segment": compiler.parse_segment,
}


def parse_document(kind: DefinitionKind, data: object) -> Document:
    """Raises InvalidInput with every problem's path."""
    return _PARSERS[kind](data)


def build_row(document: Document) -> DefinitionRow:
    """The row for the table: the fields that were written, in the order of the model."""
    text = json.dumps(
        document.model_dump(mode="json", exclude_unset=True), ensure_ascii=False, separators=(",", ":")
    )
    return DefinitionRow(get_kind(document), document.key, text, _get_status(document))


def _get_status(document: Document) -> str:
    if isinstance(document, ExperimentDocument):
        return document.status
    return "inactive" if isinstance(document, FlagDocument) and not document.enabled else "active"


def parse_row(row: DefinitionRow) -> Document | None:
    """None if the row is not a valid definition, for example after it was edited by hand."""
    try:
        return parse_document(row.kind, json.loads(row.text))
    except (InvalidInput, ValueError):
        return None
