"""A definition as a checked document, and as a row of its table."""

import json
from typing import TypeAlias

from chalicelib.domain.definitions import compiler
from chalicelib.domain.definitions.model import DefinitionKind, DefinitionRow
from chalicelib.domain.definitions.schema import ExperimentDocument, FlagDocument
from chalicelib.domain.errors import InvalidInput

Document: TypeAlias = ExperimentDocument | FlagDocument
DefinitionName: TypeAlias = tuple[DefinitionKind, str]
"""Kind and key: no two definitions have the same."""
KINDS: tuple[DefinitionKind, ...] = ("experiment", "flag")


def parse_document(kind: DefinitionKind, data: object) -> Document:
    """Raises InvalidInput with every problem's path."""
    return compiler.parse_experiment(data) if kind == "experiment" else compiler.parse_flag(data)


def build_row(document: Document) -> DefinitionRow:
    """The row for the table: the fields that were written, in the order of the model."""
    text = json.dumps(
        document.model_dump(mode="json", exclude_unset=True), ensure_ascii=False, separators=(",", ":")
    )
    if isinstance(document, ExperimentDocument):
        return DefinitionRow("experiment", document.key, text, document.status)
    return DefinitionRow("flag", document.key, text, "active" if document.enabled else "inactive")


def parse_row(row: DefinitionRow) -> Document | None:
    """None if the row is not a valid definition, for example after it was edited by hand."""
    try:
        return parse_document(row.kind, json.loads(row.text))
    except (InvalidInput, ValueError):
        return None
