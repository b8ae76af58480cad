"""Fields of targeting rules that nobody reads: accepted, as the platform accepts them, and often misspelt."""

from collections.abc import Iterator, Mapping, Set
from typing import Any

from chalicelib.domain.definitions.model import DefinitionKind
from chalicelib.domain.errors import Problem

DOCUMENT = {"version", "rules", "default_rule"}
RULE = {"id", "name", "description", "rule", "rollout_percentage", "priority"}
OF_KIND: Mapping[DefinitionKind, Set[str]] = {"experiment": set(), "flag": {"variant", "allocation"}}
"""What a rule may hold beside: docs/flags.md."""
GROUP = {"operator", "conditions", "groups"}
CONDITION = {"attribute", "attribute_type", "operator", "value", "additional_value", "validation_schema"}


def unread(document: Mapping[str, Any], kind: DefinitionKind) -> Iterator[Problem]:
    """``document`` is one that `parse` accepts."""
    yield from _beside(document, DOCUMENT, "")
    rules = {f"rules[{index}]": rule for index, rule in enumerate(document.get("rules", []))}
    if document.get("default_rule") is not None:
        rules["default_rule"] = document["default_rule"]
    for path, rule in rules.items():
        yield from _beside(rule, RULE | OF_KIND[kind], path)
        yield from _of_group(rule["rule"], f"{path}.rule")


def _of_group(group: Mapping[str, Any], path: str) -> Iterator[Problem]:
    yield from _beside(group, GROUP, path)
    for index, condition in enumerate(group.get("conditions", [])):
        yield from _beside(condition, CONDITION, f"{path}.conditions[{index}]")
    for index, inner in enumerate(group.get("groups") or []):
        yield from _of_group(inner, f"{path}.groups[{index}]")


def _beside(fields: Mapping[str, Any], read: Set[str], path: str) -> Iterator[Problem]:
    for name in fields:
        if name not in read:
            yield Problem(str(name), "is read by nobody; remove it or correct its spelling").within(path)
