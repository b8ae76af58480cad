"""How many users would get another answer after a publish."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from graphlib import TopologicalSorter
from typing import Any, TypeAlias

from chalicelib.domain.assignment import decide
from chalicelib.domain.definitions.compiler import compile_experiment, compile_flag
from chalicelib.domain.definitions.model import Flag
from chalicelib.domain.definitions.schema import ExperimentDocument, FlagDocument
from chalicelib.domain.evaluation import evaluate
from realtime.definition_files.diff import DefinitionChange
from realtime.definition_files.documents import DefinitionName, Document

SAMPLE = 10_000
"""Users whose answers are compared; the share is within one percentage point."""
Documents: TypeAlias = Mapping[DefinitionName, Document]


def remove_unchanged_rules(before: Documents, after: Documents) -> tuple[Documents, Documents]:
    """Both sets without the targeting rules that stay as they are, which `measure_impact` leaves out."""
    unchanged = [
        name
        for name in before.keys() & after.keys()
        if before[name].targeting_rules == after[name].targeting_rules
    ]

    def remove_rules(documents: Documents) -> dict[DefinitionName, Document]:
        bare = {name: documents[name].model_copy(update={"targeting_rules": None}) for name in unchanged}
        return {**documents, **bare}

    return remove_rules(before), remove_rules(after)


def find_dependent_flags(
    changes: Sequence[DefinitionChange], after: Documents
) -> Iterator[tuple[DefinitionName, Sequence[str]]]:
    """Unchanged flags that require a changed one, directly or not, each with the keys of the changed ones."""
    changed = {change.name[1] for change in changes if change.name[0] == "flag"}
    flags = {key: document for (_, key), document in after.items() if isinstance(document, FlagDocument)}
    required = {key: [item.flag for item in flag.prerequisites] for key, flag in flags.items()}
    causes = {key: {key} for key in changed}
    for key in TopologicalSorter(required).static_order():
        if key in flags and key not in changed:
            causes[key] = {cause for flag in required[key] for cause in causes.get(flag, ())}
            if causes[key]:
                yield ("flag", key), sorted(causes[key])


def measure_impact(name: DefinitionName, before: Documents, after: Documents, now: float) -> float:
    """The share (0-1) of sampled users who get another answer from the definition ``name``.

    ``before`` and ``after`` are whole sets, from `remove_unchanged_rules`: of unchanged rules, the share is
    one of the users whom they target. The sampled users have no attributes but those that flags divide by.
    Stored assignments do not count: a sticky experiment keeps them.
    """
    if name not in before or name not in after:
        return 1.0
    documents = (*before.values(), *after.values())
    attributes = {document.bucket_by for document in documents if isinstance(document, FlagDocument)}
    answer_before, answer_after = _compile(before, name, now), _compile(after, name, now)
    users = (f"user-{number}" for number in range(SAMPLE))
    contexts = ((user, dict.fromkeys((*attributes, "user_id"), user)) for user in users)
    changed = sum(
        1 for user, context in contexts if answer_before(user, context) != answer_after(user, context)
    )
    return changed / SAMPLE


def _compile(
    documents: Documents, name: DefinitionName, now: float
) -> Callable[[str, Mapping[str, Any]], Any]:
    """A function that gives the answer of one definition for a user and context."""
    document = documents[name]
    if isinstance(document, ExperimentDocument):
        experiment = compile_experiment(document)
        return lambda user, context: decide(experiment, user, context, now, lambda: None).variant
    flag = compile_flag(document)

    @cache
    def get_flag(key: str) -> Flag | None:
        required = documents.get(("flag", key))
        return compile_flag(required) if isinstance(required, FlagDocument) else None

    def answer(user: str, context: Mapping[str, Any]) -> tuple[str, Any]:
        evaluation = evaluate(flag, user, context, now, get_flag)
        return evaluation.variant, evaluation.value

    return answer
