"""Problems of a definition, or of a set of definitions, for which `publish` refuses them.

Definitions that were published before a check existed still load: `compiler` does not run these checks.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from chalicelib.domain.bucketing import BUCKETS
from chalicelib.domain.definitions.answer_sizes import check_bulk_answers
from chalicelib.domain.definitions.compiler import list_references
from chalicelib.domain.definitions.model import DefinitionName
from chalicelib.domain.definitions.reference_checks import check_references
from chalicelib.domain.definitions.rules.syntax import References
from chalicelib.domain.definitions.schema import (
    Definition,
    ExperimentDocument,
    FlagDocument,
    SegmentDocument,
)
from chalicelib.domain.definitions.set_problems import DefinitionProblem, make_problem
from chalicelib.domain.definitions.shared_users import check_holdouts, check_layers
from chalicelib.domain.definitions.uses import get_kind
from chalicelib.domain.errors import Problem

_EVERYBODY = {
    "targeting_rules": ", or write {id: everybody, rule: {}} into its rules",
    "rules": ", or write {serve: VARIANT} into it",
}
"""How to say that everybody is meant."""
_DEFAULT_RULE = "targeting_rules.default_rule"


def check_document(document: Definition) -> list[Problem]:
    """Fields that the service could not apply as they are written."""
    problems = list(_check_empty_fields(document))
    if not isinstance(document, FlagDocument):
        return problems
    percentages = {"rollout_percentage": document.rollout_percentage} | {
        f"rollout_schedule[{index}].percentage": step.percentage
        for index, step in enumerate(document.rollout_schedule)
    }
    rules = document.targeting_rules or {}
    by_path = {f"rules[{index}]": rule for index, rule in enumerate(rules.get("rules") or ())}
    if rules.get("default_rule"):
        by_path["default_rule"] = rules["default_rule"]
    return [
        *problems,
        *(
            Problem(
                path, f"must be a multiple of {100 / BUCKETS}: users are divided into {BUCKETS:,} buckets"
            )
            for path, percentage in percentages.items()
            if Decimal(str(percentage)) * BUCKETS % 100
        ),
        *(
            Problem(f"targeting_rules.{path}", "must have a variant or an allocation, not both")
            for path, rule in by_path.items()
            if {"variant", "allocation"} <= rule.keys()
        ),
    ]


NEVER_EMPTY = ("rules", "targeting_rules", "layer", "holdout", "unit", "rollout_ramp", "share")
"""Fields that may be null in their model, where null admits everybody."""


def _check_empty_fields(document: Definition) -> Iterator[Problem]:
    """YAML reads a field as null when all that it held is commented out. That must not admit everybody."""
    for name in NEVER_EMPTY:
        if name in document.model_fields_set and getattr(document, name) is None:
            everybody = _EVERYBODY.get(name, "")
            yield Problem(name, f"is empty: remove the field if everybody is meant{everybody}")
    rules = {} if isinstance(document, SegmentDocument) else document.targeting_rules or {}
    for index, rule in enumerate([*(rules.get("rules") or ()), rules.get("default_rule") or {}]):
        path = f"targeting_rules.rules[{index}]" if index < len(rules.get("rules") or ()) else _DEFAULT_RULE
        if "allocation" in rule and rule["allocation"] is None:
            yield Problem(f"{path}.allocation", "is empty: remove the field for the split of the variants")
        yield from _check_empty_groups(rule.get("rule") or {}, f"{path}.rule")


def _check_empty_groups(group: Mapping[str, Any], path: str) -> Iterator[Problem]:
    if "groups" in group and group["groups"] is None and not group.get("conditions"):
        yield Problem(f"{path}.groups", "is empty: remove the field if everybody is meant")
    for index, inner in enumerate(group.get("groups") or ()):
        yield from _check_empty_groups(inner, f"{path}.groups[{index}]")


def check_set(
    documents: Iterable[Definition], known: Mapping[DefinitionName, References] = MappingProxyType({})
) -> list[DefinitionProblem]:
    """Problems between definitions. Give all that will be in force, each kind and key once.

    ``known``: what definitions refer to, as far as it is known.
    """
    by_name: dict[DefinitionName, Definition] = {
        (get_kind(document), document.key): document for document in documents
    }
    references = {
        name: known[name] if name in known else list_references(document)
        for name, document in by_name.items()
    }
    return [
        *_check_ids(by_name.values()),
        *_check_aliases(by_name),
        *check_layers(by_name, references),
        *check_holdouts([*by_name.values()]),
        *check_references(by_name, references),
        *check_bulk_answers(by_name.values()),
    ]


def _check_ids(documents: Iterable[Definition]) -> Iterator[DefinitionProblem]:
    """Assignments are stored by id, so two experiments with one id would share them."""
    owners: dict[str, str] = {}
    for experiment in documents:
        if not isinstance(experiment, ExperimentDocument):
            continue
        experiment_id = experiment.id or experiment.key
        owner = owners.setdefault(experiment_id, experiment.key)
        if owner != experiment.key:
            yield make_problem(
                experiment, "id", f"{experiment_id!r} is the id of experiment {owner!r} already"
            )


def _check_aliases(documents: Mapping[DefinitionName, Definition]) -> Iterator[DefinitionProblem]:
    """Callers ask by key or by alias, so either names one definition of its kind."""
    owners: dict[DefinitionName, str] = {}
    for (kind, key), document in documents.items():
        alias = None if isinstance(document, SegmentDocument) else document.alias
        if alias is None or alias == key:
            continue
        owner = owners.setdefault((kind, alias), key)
        if (kind, alias) in documents:
            yield make_problem(document, "alias", f"{alias!r} is the key of another {kind}")
        elif owner != key:
            yield make_problem(document, "alias", f"{alias!r} is the alias of {kind} {owner!r} already")
