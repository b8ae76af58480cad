"""What definitions refer to exists, fits, goes in no circle, and is not too much."""

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from chalicelib.domain.definitions.model import DefinitionKind, DefinitionName
from chalicelib.domain.definitions.rules.syntax import References
from chalicelib.domain.definitions.schema import Definition, ExperimentDocument, FlagDocument
from chalicelib.domain.definitions.set_problems import DefinitionProblem, make_problem
from chalicelib.domain.definitions.uses import PREREQUISITES, Use, list_served, list_uses
from chalicelib.domain.spelling import suggest

MAX_PREREQUISITE_LEVELS = 20
MAX_PREREQUISITES = 100
"""Of one definition, with those of its prerequisites, segments and all else that its rules refer to: each
decision may evaluate them all."""
Documents = Mapping[DefinitionName, Definition]


def check_references(
    documents: Documents, references: Mapping[DefinitionName, References]
) -> Iterator[DefinitionProblem]:
    uses = {name: list_uses(document, references[name]) for name, document in documents.items()}
    for name, document in documents.items():
        yield from _check_existence(document, uses[name], documents)
        yield from _check_variants(document, references[name], documents)
        yield from _check_types(document, documents)
    yield from _check_order(documents, uses)


def _check_existence(
    document: Definition, uses: Sequence[Use], documents: Documents
) -> Iterator[DefinitionProblem]:
    for use in uses:
        kind, key = use.name
        if use.name not in documents:
            known = _list_keys(documents, kind)
            yield make_problem(document, use.path, f"there is no {kind} {key!r}{suggest(key, known)}")


def _list_keys(documents: Documents, kind: DefinitionKind) -> list[str]:
    return [key for other_kind, key in documents if other_kind == kind]


def _check_variants(
    document: Definition, references: References, documents: Documents
) -> Iterator[DefinitionProblem]:
    """Conditions compare what callers are told, which may be the answer of a flag that is served."""
    asked = list(references.flag_variants)
    for index, prerequisite in enumerate(
        document.prerequisites if isinstance(document, FlagDocument) else ()
    ):
        path = f"{PREREQUISITES}[{index}].variants"
        asked += [(prerequisite.flag, variant, path) for variant in prerequisite.variants]
    for key, variant, path in asked:
        if ("flag", key) not in documents:
            continue
        names = list(dict.fromkeys(_list_told_names(("flag", key), documents)))
        if variant not in names:
            has = f"it has {', '.join(names)}" if names else "it tells none"
            message = f"flag {key!r} has no variant {variant!r}; {has}{suggest(variant, names)}"
            yield make_problem(document, path, message)


def _list_told_names(name: DefinitionName, documents: Documents) -> Iterator[str]:
    names = [name]
    for served in names:  # grows while it is read
        document = documents.get(served)
        if isinstance(document, ExperimentDocument):
            yield from (variant.key for variant in document.variants)
        if isinstance(document, FlagDocument):
            for variant in document.variants:
                told = variant.name if "name" in variant.model_fields_set else variant.key
                if told is not None:
                    yield told
            names += [use.name for use in list_served(document) if use.name not in names]


def _check_types(document: Definition, documents: Documents) -> Iterator[DefinitionProblem]:
    if not isinstance(document, FlagDocument):
        return
    for use in list_served(document):
        served = documents.get(use.name)
        if not isinstance(served, FlagDocument) or "any" in (served.type, document.type):
            continue
        if served.type != document.type:
            message = (
                f"flag {served.key!r} is of type {served.type}, and this flag of type {document.type}; "
                "one of them must be of type any"
            )
            yield make_problem(document, use.path, message)


def _check_order(
    documents: Documents, uses: Mapping[DefinitionName, Sequence[Use]]
) -> Iterator[DefinitionProblem]:
    graph = {
        name: [use.name for use in uses_of_one if use.name in documents] for name, uses_of_one in uses.items()
    }
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle: list[DefinitionName] = error.args[1][::-1]
        use = next(use for use in uses[circle[0]] if use.name == circle[1])
        path, verb = (PREREQUISITES, "go") if use.is_prerequisite else (use.path, "goes")
        yield make_problem(documents[circle[0]], path, f"{verb} in a circle: {_format_circle(circle)}")
        return
    yield from _check_limits(order, documents, uses)


def _format_circle(circle: Sequence[DefinitionName]) -> str:
    """Kinds are named if they differ."""
    is_plain = len({kind for kind, _ in circle}) == 1
    return " → ".join(key if is_plain else f"{kind} {key}" for kind, key in circle)


def _check_limits(
    order: Sequence[DefinitionName],
    documents: Documents,
    uses: Mapping[DefinitionName, Sequence[Use]],
) -> Iterator[DefinitionProblem]:
    """Of definitions over a limit; not of those that are over it only because of such a definition.

    ``order`` has each definition after those that it refers to.
    """
    levels: dict[DefinitionName, int] = {}
    reached: dict[DefinitionName, frozenset[DefinitionName]] = {}
    for name in order:
        direct = [use for use in uses[name] if use.name in documents]
        if not all(use.name in levels for use in direct):
            continue
        level = 1 + max((levels[use.name] for use in direct), default=-1)
        names = frozenset(use.name for use in direct).union(*(reached[use.name] for use in direct))
        if level > MAX_PREREQUISITE_LEVELS:
            use = max(direct, key=lambda use: levels[use.name])
            verb = "are" if use.is_prerequisite else "leads"
            message = f"{verb} {level} levels deep, at most {MAX_PREREQUISITE_LEVELS} are allowed"
        elif len(names) > MAX_PREREQUISITES:
            use = max(direct, key=lambda use: len(reached[use.name]))
            number = len(names)
            found = f"are {number} flags" if use.is_prerequisite else f"leads to {number} definitions"
            message = f"{found} in all, at most {MAX_PREREQUISITES} are allowed"
        else:
            levels[name], reached[name] = level, names
            continue
        yield make_problem(documents[name], PREREQUISITES if use.is_prerequisite else use.path, message)
