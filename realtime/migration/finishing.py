"""Whether what an importer made is valid here, alone and together. What is not is refused; the rest stays."""

import json
from collections.abc import Iterator, Mapping, Sequence

from chalicelib.domain.definitions import consistency
from chalicelib.domain.definitions.compiler import parse_flag
from chalicelib.domain.definitions.field_types import MAX_DEFINITION_BYTES
from chalicelib.domain.definitions.rules.syntax import References
from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.publishing.documents import DefinitionName, Document, build_row, parse_document
from chalicelib.domain.spelling import suggest
from realtime.migration.model import (
    UNEXPECTED,
    Definition,
    ForeignDocument,
    Imported,
    Json,
    Note,
    Refused,
    describe_error,
)
from realtime.migration.vendors import VENDORS


def import_documents(vendor: str, documents: Sequence[Json], options: Mapping[str, str]) -> Imported:
    """Raises ValueError for an unknown vendor or option, or a document of another form."""
    if vendor not in VENDORS:
        raise ValueError(f"{vendor} is not known{suggest(vendor, VENDORS)} There are {', '.join(VENDORS)}")
    entry = VENDORS[vendor]
    for name, value in options.items():
        allowed = entry.options.get(name)
        if allowed is None or value not in allowed:
            known = ", ".join(f"{key}={'|'.join(values)}" for key, values in entry.options.items())
            raise ValueError(f"--option {name}={value}: {vendor} takes {known or 'no options'}")
    try:
        imported = entry.load()(documents, options)
    except ForeignDocument:
        raise
    except Refused as error:  # of no single definition
        raise ForeignDocument(f"is no document of {entry.title}: {error.path} {error.reason}") from None
    except UNEXPECTED as error:
        raise ForeignDocument(f"is no document of {entry.title}: {describe_error(error)}") from None
    return finish(imported)


def finish(imported: Imported) -> Imported:
    """Moves the definitions that `publish` would refuse to ``refusals``."""
    checked = _Checked()
    kinds = {"segment": imported.segments, "experiment": imported.experiments, "flag": imported.flags}
    for kind, definitions in kinds.items():
        for definition in definitions:
            name: DefinitionName = kind, definition.data["key"]  # type: ignore[assignment]
            refusal = checked.add(name, definition)
            if refusal is not None:
                imported.refusals.append(refusal)
    imported.refusals += checked.refuse_conflicts()
    for kind, definitions in kinds.items():
        definitions[:] = [each for each in definitions if (kind, each.data["key"]) in checked.documents]
    return imported


class _Checked:
    """Documents with the other system's names, and what they refer to."""

    def __init__(self) -> None:
        self.documents: dict[DefinitionName, Document] = {}
        self._names: dict[DefinitionName, str] = {}
        self._references: dict[DefinitionName, References] = {}

    def add(self, name: DefinitionName, definition: Definition) -> Note | None:
        """Why it is no valid document, if it is none."""
        references = References()
        try:
            size = _limit_size(definition)
            if name[0] == "flag":
                document: Document = parse_flag(definition.data, references)
                self._references[name] = references
            else:
                document = parse_document(name[0], definition.data)
            if size > MAX_DEFINITION_BYTES:
                size = len(build_row(document).text.encode())
        except InvalidInput as error:
            problem = error.details[0]
            return Note(definition.name, problem.path, problem.message)
        except UnicodeEncodeError:
            return Note(definition.name, "", "contains a lone surrogate, which is not valid text")
        if size > MAX_DEFINITION_BYTES:
            message = f"has {size:,} bytes as JSON, {MAX_DEFINITION_BYTES:,} are allowed"
            return Note(definition.name, "", message)
        self.documents[name] = document
        self._names[name] = definition.name
        return None

    def refuse_conflicts(self) -> Iterator[Note]:
        """A definition that is refused takes those with it that refer to it."""
        documents = self.documents
        while problems := consistency.check_set(documents.values(), self._references):
            for name, problem in problems:
                if documents.pop(name, None) is not None:
                    yield Note(self._names[name], problem.path, problem.message)


def _limit_size(definition: Definition) -> int:
    """At most so many bytes in its table, where some fields are written out. Raises UnicodeEncodeError."""
    return 4 * len(json.dumps(definition.data, ensure_ascii=False).encode())
