"""Whether what an importer made is valid here, alone and together. What is not is refused; the rest stays."""

from collections.abc import Mapping, Sequence

from chalicelib.domain.definitions import consistency
from chalicelib.domain.definitions.field_types import MAX_DEFINITION_BYTES
from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.spelling import suggest
from realtime.definition_files.documents import DefinitionName, Document, build_row, parse_document
from realtime.importers.model import (
    UNEXPECTED,
    Definition,
    ForeignDocument,
    Imported,
    Json,
    Note,
    Refused,
    describe_error,
)
from realtime.importers.vendors import VENDORS


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
    documents: dict[DefinitionName, Document] = {}
    names: dict[DefinitionName, str] = {}
    kinds = {"segment": imported.segments, "experiment": imported.experiments, "flag": imported.flags}
    for kind, definitions in kinds.items():
        for definition in definitions:
            name: DefinitionName = kind, definition.data["key"]  # type: ignore[assignment]
            refusal = _parse(name, definition, documents)
            if refusal is None:
                names[name] = definition.name
            else:
                imported.refusals.append(refusal)
    while problems := consistency.check_set(documents.values()):
        for name, problem in problems:
            if documents.pop(name, None) is not None:
                imported.refusals.append(Note(names[name], problem.path, problem.message))
    for kind, definitions in kinds.items():
        definitions[:] = [each for each in definitions if (kind, each.data["key"]) in documents]
    return imported


def _parse(
    name: DefinitionName, definition: Definition, documents: dict[DefinitionName, Document]
) -> Note | None:
    try:
        document = parse_document(name[0], definition.data)
        size = len(build_row(document).text.encode())
    except InvalidInput as error:
        problem = error.details[0]
        return Note(definition.name, problem.path, problem.message)
    except UnicodeEncodeError:
        return Note(definition.name, "", "contains a lone surrogate, which is not valid text")
    if size > MAX_DEFINITION_BYTES:
        return Note(definition.name, "", f"has {size:,} bytes as JSON, {MAX_DEFINITION_BYTES:,} are allowed")
    documents[name] = document
    return None
