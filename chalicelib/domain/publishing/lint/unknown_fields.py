"""Finds unknown fields of targeting rules. They are accepted, as on the platform, but are often misspelt."""

from collections.abc import Iterator, Mapping, Set
from typing import Any

from chalicelib.domain.definitions.model import DefinitionKind
from chalicelib.domain.errors import Problem
from chalicelib.domain.spelling import describe_unknown_field
from chalicelib.domain.targeting.parse import RULE_FIELDS
from chalicelib.domain.targeting.schema import CONDITION_FIELDS

DOCUMENT_FIELDS = {"version", "rules", "default_rule"}
EXTRA_RULE_FIELDS: Mapping[DefinitionKind, Set[str]] = {
    "experiment": set(),
    "flag": {"variant", "allocation"},
    "segment": set(),  # it has no targeting rules
}
"""What a flag's rule may hold besides: docs/flags.md."""
GROUP_FIELDS = {"operator", "conditions", "groups"}


def find_unknown_fields(document: Mapping[str, Any], kind: DefinitionKind) -> Iterator[Problem]:
    """``document`` must be one that ``targeting.parse`` accepts."""
    yield from _compare(document, DOCUMENT_FIELDS, "")
    rules = {f"rules[{index}]": rule for index, rule in enumerate(document.get("rules", []))}
    if document.get("default_rule") is not None:
        rules["default_rule"] = document["default_rule"]
    for path, rule in rules.items():
        yield from _compare(rule, RULE_FIELDS | EXTRA_RULE_FIELDS[kind], path)
        yield from _check_group(rule["rule"], f"{path}.rule")


def _check_group(group: Mapping[str, Any], path: str) -> Iterator[Problem]:
    yield from _compare(group, GROUP_FIELDS, path)
    for index, condition in enumerate(group.get("conditions", [])):
        yield from _compare(condition, CONDITION_FIELDS, f"{path}.conditions[{index}]")
    for index, inner in enumerate(group.get("groups") or []):
        yield from _check_group(inner, f"{path}.groups[{index}]")


def _compare(fields: Mapping[str, Any], known: Set[str], path: str) -> Iterator[Problem]:
    for name in fields:
        if name not in known:
            yield Problem(str(name), describe_unknown_field(name, known)).with_prefix(path)
