"""Warnings about rules that divide users in a flag that divides something else, such as accounts."""

from collections.abc import Iterator

from chalicelib.domain.errors import Problem
from chalicelib.domain.targeting.document import Condition, Group, RulesDocument


def lint_units(document: RulesDocument, bucket_by: str) -> Iterator[Problem]:
    if bucket_by == "user_id":
        return
    default = document.default_rule
    for rule in (*document.rules, *([default] if default else [])):
        is_applied = document.is_v2 or rule is not default
        if not document.is_v2 and is_applied and 0 < rule.rollout_percentage < 100:
            message = f"divides users, not {bucket_by}, in version 1.0: write version 2.0"
            yield Problem(f"{rule.path}.rollout_percentage", message)
        for condition in _list_conditions(rule.group) if is_applied else ():
            if condition.operator == "percentage_bucket" and condition.attribute == "user_id":
                message = f"divides users, but the flag has bucket_by: {bucket_by}"
                yield Problem(f"{condition.path}.attribute", message)


def _list_conditions(group: Group) -> Iterator[Condition]:
    yield from group.conditions
    for inner in group.groups:
        yield from _list_conditions(inner)
