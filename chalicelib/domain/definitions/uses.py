"""Which definitions a definition refers to, and where."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from chalicelib.domain.definitions.compiler import list_references
from chalicelib.domain.definitions.model import DefinitionKind, DefinitionName
from chalicelib.domain.definitions.rules.syntax import References
from chalicelib.domain.definitions.schema import Definition, ExperimentDocument, FlagDocument

PREREQUISITES = "prerequisites"


class Use(NamedTuple):
    """``path`` is where the definition ``name`` is mentioned first."""

    name: DefinitionName
    path: str

    @property
    def is_prerequisite(self) -> bool:
        return self.path.startswith(PREREQUISITES)


def get_kind(document: Definition) -> DefinitionKind:
    if isinstance(document, ExperimentDocument):
        return "experiment"
    return "flag" if isinstance(document, FlagDocument) else "segment"


def list_uses(document: Definition, references: References | None = None) -> list[Use]:
    """By prerequisites and by written rules, each definition once; it may not exist.

    ``references`` are those of the document, if they are known.
    """
    references = references or list_references(document)
    paths: dict[DefinitionName, str] = {}
    for index, prerequisite in enumerate(
        document.prerequisites if isinstance(document, FlagDocument) else ()
    ):
        paths.setdefault(("flag", prerequisite.flag), f"{PREREQUISITES}[{index}].flag")
    by_kind: dict[DefinitionKind, dict[str, str]] = {
        "segment": references.segments,
        "flag": references.flags,
        "experiment": references.experiments,
    }
    for kind, mentioned in by_kind.items():
        for key, path in mentioned.items():
            paths.setdefault((kind, key), path)
    return [Use(name, path) for name, path in paths.items()]


def list_served(flag: FlagDocument) -> list[Use]:
    """The flags and experiments whose answers the rules of a valid flag give as its own."""
    return list(_list_served_by_rules(flag.rules or (), "rules"))


def _list_served_by_rules(rules: Sequence[Any], path: str) -> Iterator[Use]:
    for index, rule in enumerate(rules):
        for field in ("serve", "else"):
            yield from _list_served_by(rule.get(field), f"{path}[{index}].{field}")


def _list_served_by(serve: Any, path: str) -> Iterator[Use]:
    if not isinstance(serve, dict):
        return
    if "flag" in serve:
        yield Use(("flag", serve["flag"]), f"{path}.flag")
    elif "experiment" in serve:
        yield Use(("experiment", serve["experiment"]), f"{path}.experiment")
    elif "rules" in serve:
        yield from _list_served_by_rules(serve["rules"], f"{path}.rules")
    elif isinstance(serve.get("split"), list):
        for index, arm in enumerate(serve["split"]):
            yield from _list_served_by(arm["serve"], f"{path}.split[{index}].serve")
