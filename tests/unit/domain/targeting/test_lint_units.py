"""Warnings about rules that divide users in a flag that divides something else."""

from typing import Any

import pytest

from chalicelib.domain.targeting import parse
from chalicelib.domain.targeting.lint.units import lint_units

HALF: dict[str, Any] = {"id": "half", "rule": {}, "rollout_percentage": 50}


def lint(rule: dict[str, Any], version: str, bucket_by: str = "account") -> list[str]:
    document = {"version": version, "rules": [{"id": "r"} | rule]}
    return [str(problem) for problem in lint_units(parse(document), bucket_by)]


def test_a_rollout_that_divides_users_is_named_in_version_1_only() -> None:
    assert lint(HALF, "1.0") == [
        "rules[0].rollout_percentage: divides users, not account, in version 1.0: write version 2.0"
    ]
    assert lint(HALF, "2.0") == lint(HALF, "1.0", "user_id") == []
    assert lint(HALF | {"rollout_percentage": 100}, "1.0") == []
    assert lint(HALF | {"rollout_percentage": 0}, "1.0") == []


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_a_bucket_of_users_is_named(version: str) -> None:
    bucket = {"attribute": "user_id", "operator": "percentage_bucket", "value": 20}
    nested = {"rule": {"groups": [{"conditions": [bucket]}]}}
    path = "rules[0].rule.groups[0].conditions[0].attribute"
    assert lint(nested, version) == [f"{path}: divides users, but the flag has bucket_by: account"]
    by_account = {"rule": {"conditions": [bucket | {"attribute": "account"}]}}
    assert lint(by_account, version) == lint(nested, version, "user_id") == []
