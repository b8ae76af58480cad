"""A flag with written rules, as a team may have it after a year: ten rules, two shards, a segment."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from chalicelib.domain.definitions.compiler import compile_flag, compile_segment, parse_flag, parse_segment
from chalicelib.domain.definitions.model import Evaluation
from chalicelib.domain.evaluation import evaluate
from loadtests.timing import Row, build_row, compute_slowness, measure_fastest, run_reference
from loadtests.workloads import build_users

NOW = 1_767_225_600.0
SEGMENT = {
    "key": "eu-customers",
    "when": [{"if": "country", "in": ["DE", "FR", "NL"]}, {"not": {"if": "plan", "eq": "internal"}}],
}
FLAG: dict[str, Any] = {
    "key": "written",
    "variants": {"control": "grey", "green": "#0a0", "blue": "#00a"},
    "default": "control",
    "rules": [
        {"id": "testers", "when": {"user": ["qa-anna", "qa-bob"]}, "serve": "green"},
        {"id": "staff", "when": {"if": "email", "ends_with": "@example.com"}, "serve": "blue"},
        {"id": "overseas", "when": {"if": "country", "in": ["CA", "MX"]}, "serve": "control"},
        {"id": "old", "when": {"if": "app_version", "lt": "1.0.0", "as": "semver"}, "serve": "control"},
        {"id": "vip", "when": [{"if": "tier", "eq": "vip"}, {"if": "beta", "eq": True}], "serve": "green"},
        {"id": "spenders", "when": {"if": "spent", "gte": 1000}, "serve": "blue"},
        {"id": "beta", "when": {"if": "groups", "in": ["beta"]}, "serve": "green"},
        {"id": "pro", "when": {"if": "account.plan", "eq": "pro"}, "serve": "blue"},
        {"id": "alps", "when": {"if": "locale", "starts_with": "rm"}, "serve": "green"},
        {
            "id": "experiment",
            "when": [{"segment": "eu-customers"}, {"if": "app_version", "gte": "2.3.0", "as": "semver"}],
            "gates": [{"layer": "checkout", "ranges": [["0%", "50%"]]}, {"traffic": "80%"}],
            "serve": {"split": {"control": 1, "green": 1, "blue": 1}},
            "else": "default",
        },
    ],
}
USUAL: dict[str, Any] = {
    "email": "ada@example.org",
    "spent": 12,
    "groups": ["x", "y"],
    "account": {"id": "a1", "plan": "free"},
    "locale": "de-DE",
    "plan": "pro",
}
LIMIT = 3.0
"""µs on the machine of the budgets."""


def measure_written_flag() -> Iterator[Row]:
    flag, segment = compile_flag(parse_flag(FLAG)), compile_segment(parse_segment(SEGMENT))
    users = [{**USUAL, **user} for user in build_users(500)]

    def decide(user: dict[str, Any]) -> Evaluation:
        return evaluate(
            flag, user["user_id"], user, NOW, lambda _key: None, find_segment=lambda _key: segment.condition
        )

    reasons = {str(decide(user).reason) for user in users}
    if reasons != {"TARGETING_MATCH", "NOT_IN_ROLLOUT", "DEFAULT"}:
        raise AssertionError(f"the written flag decides otherwise: {reasons}")
    reference, seconds = measure_fastest(run_reference, partial(_decide_each, decide, users), rounds=100)
    limit = LIMIT * compute_slowness(reference)
    yield build_row("written flag: 10 rules, 2 shards, segment", seconds / len(users) * 1e6, "µs", limit)


def _decide_each(decide: Any, users: list[dict[str, Any]]) -> None:
    for user in users:
        decide(user)
