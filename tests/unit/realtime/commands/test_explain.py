"""`explain`: the steps that led to an answer, the last of which decided."""

import io
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from chalicelib.domain.definitions.model import Assignment, DefinitionRow, Experiment
from chalicelib.domain.errors import InvalidInput, StorageUnavailable
from chalicelib.domain.targeting import compile_rules, parse
from chalicelib.services.definitions.catalog import Catalog
from chalicelib.services.definitions.platform_overrides import PlatformOverrides
from realtime.commands.explain import explain_experiment, explain_flag
from realtime.commands.explain_rules import explain_rules
from realtime.testing.stores import MemoryAssignments, MemoryDefinitions, MemoryMetrics
from tests.support.experiments import published, published_flag, shares
from tests.support.flags import rules, where

NOW = 1_800_000_000.0
ROW = Assignment("treatment", "id", NOW - 100, 1, NOW + 100)
GERMANS = {"targeting_rules": rules({"rule": where("country", "eq", "DE")})}


class Bench:
    """``row`` is what user u has in experiment checkout; ``forced`` what the platform's table has."""

    def __init__(
        self,
        *definitions: DefinitionRow,
        row: Assignment | None = None,
        forced: Mapping[str, str] | None = None,
    ) -> None:
        store, metrics, self.assignments = MemoryDefinitions(), MemoryMetrics(), MemoryAssignments()
        store.publish(definitions, 0, NOW)
        self.catalog = Catalog(store, metrics)
        if row:
            self.assignments.rows["checkout", "u"] = row
        table = SimpleNamespace(get_all=lambda _now: {"checkout": forced or {}})
        self._overrides = PlatformOverrides(table, metrics)
        self.console = Console(file=io.StringIO(), width=400)

    def get_experiment(self, key: str) -> Experiment | None:
        experiment = self.catalog.experiments.get(key)
        return experiment and self._overrides.apply(experiment)

    def experiment(self, **context: Any) -> tuple[list[str], str]:
        """The rows of the table, and what comes below it."""
        explain_experiment(self.console, self.get_experiment, self.assignments, "u", "checkout", context, NOW)
        return self._read_output()

    def flag(self, **context: Any) -> tuple[list[str], str]:
        explain_flag(self.console, self.catalog.flags.get, "u", "dark-mode", context, NOW)
        return self._read_output()

    def _read_output(self) -> tuple[list[str], str]:
        assert isinstance(self.console.file, io.StringIO)
        lines = self.console.file.getvalue().splitlines()
        steps = [" ".join(line.strip("│ ").split()) for line in lines if line.startswith("│")]
        return [step.replace(" │ ", ": ") for step in steps], lines[len(steps) + 4]


@pytest.mark.parametrize(
    ("fields", "row", "last", "reason"),
    [
        ({"status": "paused"}, ROW, "status: paused", "PAUSED"),
        ({"end_at": "2026-01-01T00:00:00Z"}, ROW, "schedule: until 2026-01-01T00:00:00Z", "ENDED"),
        ({"overrides": {"u": "control"}}, ROW, "override: control for this user", "OVERRIDE"),
        ({"holdout": {"key": "h", "share": 1.0}}, ROW, "holdout: h: bucket", "HOLDOUT"),
        ({"layer": {"key": "l", "start": 0.0, "end": 0.00001}}, ROW, "layer: l: bucket", "NOT_IN_LAYER"),
        ({}, ROW, "stored: treatment (iteration 1)", "STICKY"),
        (GERMANS, None, "targeting: no rule matches", "NOT_TARGETED"),
        ({"traffic_allocation": 0.0}, None, "traffic: bucket", "NOT_IN_TRAFFIC"),
        ({}, None, "variant: bucket", "ASSIGNED"),
        ({"sticky": False, "variants": shares(treatment=1.0)}, ROW, "variant: bucket", "STICKY"),
    ],
)
def test_the_last_step_is_the_one_that_decided(
    fields: dict[str, Any], row: Assignment | None, last: str, reason: str
) -> None:
    steps, answer = Bench(published(**fields), row=row).experiment()
    assert steps[-1].startswith(last)
    assert answer.endswith(f"because  {reason}")


@pytest.mark.parametrize(
    ("fields", "row", "seen"),
    [
        ({}, None, "no assignment yet"),
        (
            {},
            Assignment("treatment", "id", 0, 1, NOW),
            "treatment (iteration 1), ignored: expired at 2027-01-15T08:00:00Z",
        ),
        ({"iteration": 2}, ROW, "treatment (iteration 1), ignored: the experiment is in iteration 2"),
        (
            {"variants": shares(control=1.0)},
            ROW,
            "treatment (iteration 1), ignored: the experiment has no such variant any more",
        ),
        ({"sticky": False}, ROW, "treatment (iteration 1), not binding: the experiment is not sticky"),
    ],
)
def test_an_assignment_that_does_not_count_says_why(
    fields: dict[str, Any], row: Assignment | None, seen: str
) -> None:
    steps, _ = Bench(published(**fields), row=row).experiment()
    assert f"stored: {seen}" in steps
    assert steps[-1].startswith("variant: ")


def test_an_override_of_the_platform_is_obeyed_as_in_an_answer() -> None:
    steps, answer = Bench(published(), row=ROW, forced={"u": "control"}).experiment()
    assert steps[-1] == "override: control for this user"
    assert answer == "control  because  OVERRIDE"


def test_the_assignment_is_read_only_if_nothing_decides_before() -> None:
    bench = Bench(published(status="paused"))

    def dead(*_: object) -> None:
        raise StorageUnavailable

    bench.assignments.get = dead  # type: ignore[method-assign, assignment]
    assert bench.experiment()[1] == "no variant  because  PAUSED"


NEEDS = {"prerequisites": [{"flag": key, "variants": ["on"]} for key in ("a", "b", "c")]}


@pytest.mark.parametrize(
    ("fields", "last", "answer"),
    [
        ({"enabled": False}, "enabled: no: the off variant", "off  because  DISABLED"),
        ({"overrides": {"u": "on"}}, "override: on for this user", "on  because  OVERRIDE"),
        (NEEDS, "prerequisite b: off (wanted on)", "off  because  PREREQUISITE_FAILED"),
        (GERMANS, "targeting: no rule matches", "off  because  NOT_TARGETED"),
        ({"rollout_percentage": 0}, "rollout: 0 %: nobody", "off  because  NOT_IN_ROLLOUT"),
        ({"rollout_percentage": 0.001}, "rollout: bucket", "off  because  NOT_IN_ROLLOUT"),
        ({"bucket_by": "account"}, "variant: on", "on  because  STATIC"),
    ],
)
def test_the_last_step_of_a_flag_is_the_one_that_decided(
    fields: dict[str, Any], last: str, answer: str
) -> None:
    needed = published_flag("a"), published_flag("b", rollout_percentage=0), published_flag("c")
    steps, last_line = Bench(published_flag(**fields), *needed).flag()
    assert steps[-1].startswith(last)
    assert last_line == answer


def test_a_rule_is_named_as_it_is_written() -> None:
    rule = {"id": "[red]x", "rule": where("country", "eq", "DE")}
    odd: dict[str, Any] = {"targeting_rules": {"rules": [rule]}}
    steps, _ = Bench(published(**odd)).experiment(country="DE")
    assert "targeting: rule '[red]x' matches" in steps


def test_a_flag_for_everybody_needs_no_unit_to_be_explained() -> None:
    steps, _ = Bench(published_flag(bucket_by="account")).flag()
    assert "rollout: 100 %: everybody" in steps


def test_a_unit_in_an_object_is_explained() -> None:
    bench = Bench(published_flag(bucket_by="account.id", rollout_percentage=50))
    steps, _ = bench.flag(account={"id": "a1"})
    assert any(step.startswith("rollout: bucket") for step in steps)


def test_a_context_that_a_request_may_not_have_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(60):
        deep = {"a": deep}
    with pytest.raises(InvalidInput):
        Bench(published_flag()).flag(**deep)
    with pytest.raises(InvalidInput):
        Bench(published()).experiment(**deep)


def test_each_rule_says_why_it_does_not_match_until_one_does() -> None:
    eu = where("country", "in", ["DE", "FR"])
    version = {"attribute": "app.version", "operator": "semantic_version", "value": "2.0.0"}
    document = rules(
        {
            "id": "beta",
            "priority": 2,
            "rule": {"operator": "and", "conditions": [*eu["conditions"], version]},
        },
        {"id": "nobody", "priority": 1, "rule": eu, "rollout_percentage": 0},
        {"id": "either", "priority": 3, "rule": {"operator": "or", "groups": [eu, where("n", "gt", 5)]}},
        {"id": "not-de", "priority": 4, "rule": {"operator": "not", **where("country", "eq", "US")}},
        {"id": "nested", "priority": 5, "rule": {"groups": [where("vip", "eq", True)]}},
    )
    document["default_rule"] = {"id": "rest", "rule": where("country", "eq", "US")}
    steps, _ = Bench(published(targeting_rules=document)).experiment(country="US", n=1)
    assert steps[steps.index("layer: none") + 2 : steps.index("targeting: rule 'rest' matches")] == [
        'rule nobody: rules[1].rule.conditions[0]: country is not in ["DE", "FR"], and is "US"',
        'rule beta: rules[0].rule.conditions[0]: country is not in ["DE", "FR"], and is "US"',
        "rule either: rules[2].rule: none of its 2 alternatives holds: "
        'rules[2].rule.groups[0].conditions[0]: country is not in ["DE", "FR"], and is "US"; '
        "rules[2].rule.groups[1].conditions[0]: n is not gt 5, and is 1",
        "rule not-de: rules[3].rule: what it excludes holds",
        "rule nested: rules[4].rule.groups[0].conditions[0]: vip is absent",
        "default rule rest: matches",
    ]
    steps, _ = Bench(published(targeting_rules=document)).experiment(country="DE", app={"version": "1.0.0"})
    assert [step for step in steps if step.startswith("rule")] == [
        "rule nobody: its conditions match, but this user is outside of its rollout of 0 %",
        "rule beta: rules[0].rule.conditions[1]: app.version is absent",
        "rule either: matches",
    ]


@pytest.mark.parametrize(
    ("version", "operator", "operands", "value", "reason"),
    [
        ("2.0", "after", ["2026-01-31"], "soon", 'a "soon" cannot be read as a time'),
        ("2.0", "after", ["2026-01-31"], "2026-01-01T00:00:00.5z", "a is not after"),
        ("2.0", "between", ["2026-01-31", "2026-02-01"], True, "a true cannot be read as a time"),
        ("2.0", "time_window", [{"days": [1]}], [], "a [] cannot be read as a time"),
        ("2.0", "gte", [1000], "1_000", 'a "1_000" cannot be read as a number'),
        ("2.0", "between", [1, 3], "x", 'a "x" cannot be read as a number'),
        ("2.0", "between", [1, 3], 5, "a is not between 1, 3, and is 5"),
        ("2.0", "semantic_version", ["1.2.0", "gte"], "1.x", 'a "1.x" cannot be read as a version'),
        (
            "2.0",
            "semantic_version",
            ["1.2.0", "gte"],
            1.1,
            'a is not semantic_version "1.2.0", "gte", and is 1.1',
        ),
        ("2.0", "geo_distance", [[1, 2], 5], [91, 0], "a [91, 0] cannot be read as coordinates"),
        ("2.0", "contains_all", [["x"]], 5, "a 5 cannot be read as a list or text"),
        ("2.0", "contains", [True], "x", 'a "x" cannot be read as a list'),
        ("2.0", "not_contains", ["x"], {}, "a {} cannot be read as text or a list"),
        ("2.0", "starts_with", ["x"], True, "a true cannot be read as text"),
        ("2.0", "match_regex", ["x"], [], "a [] cannot be read as text"),
        ("2.0", "array_length", [1], 5, "a 5 cannot be read as a list, an object or text"),
        ("2.0", "json_path", ["$.a", 1], "{", 'a "{" cannot be read as an object or a list'),
        ("2.0", "percentage_bucket", [50], 1.5, "a 1.5 cannot be read as a unit"),
        ("2.0", "gt", [5], None, "a is null"),
        ("2.0", "eq", [5], None, "a is not eq 5, and is null"),
        ("1.0", "gt", [5], "many", 'a "many" cannot be read as a number'),
        ("1.0", "gt", ["many"], 5, "a 5 is compared with a value that must be a number"),
        ("1.0", "after", ["2026-01-31T00:00:00Z"], "2027-01-01T00:00:00", "only one of them has an offset"),
        ("1.0", "after", ["2026-01-31T00:00:00Z"], "2027-01-01T00:00:00.5Z", "cannot be read as a time"),
        ("1.0", "semantic_version", ["1.2.0", "gte"], "1.3", 'a "1.3" cannot be read as a version'),
        ("1.0", "between", ["1", "3"], "x", 'a "x" cannot be read as a number'),
        ("1.0", "in", [["\ud800"]], "\udfff", "a is not in"),
    ],
)
def test_a_value_that_cannot_be_compared_is_named_as_such(
    version: str, operator: str, operands: list[Any], value: Any, reason: str
) -> None:
    names = ("value", "additional_value")
    condition = {"attribute": "a", "operator": operator} | dict(zip(names, operands, strict=False))
    document = rules({"id": "r", "rule": {"conditions": [condition]}}) | {"version": version}
    (mismatch,) = [step for _, step in explain_rules(compile_rules(parse(document)), {"a": value}, NOW, "u")]
    assert mismatch.startswith("rules[0].rule.conditions[0]: a")
    assert reason in mismatch


def test_an_attribute_in_an_object_is_shown_and_an_absent_one_named() -> None:
    document = rules({"id": "r", "rule": where("account.plan", "eq", "gold")}) | {"version": "2.0"}
    compiled = compile_rules(parse(document))
    path = "rules[0].rule.conditions[0]: account.plan"
    ((_, mismatch),) = explain_rules(compiled, {"account": {"plan": "free"}}, NOW, "u")
    assert mismatch == f'{path} is not eq "gold", and is "free"'
    ((_, mismatch),) = explain_rules(compiled, {"account": {}}, NOW, "u")
    assert mismatch == f"{path} is absent"


def test_a_rollout_without_a_unit_is_explained() -> None:
    document = rules({"id": "r", "rule": {}, "rollout_percentage": 99}) | {"version": "2.0"}
    ((_, mismatch),) = explain_rules(compile_rules(parse(document)), {}, NOW, None)
    assert mismatch == "its conditions match, but there is no unit that its rollout could divide"


def test_of_many_rules_some_are_shown() -> None:
    many = rules(*({"id": f"r{n}", "rule": where("n", "eq", n)} for n in range(100)))
    steps, _ = Bench(published(targeting_rules=many)).experiment(n=100)
    assert sum(step.startswith("rule r") for step in steps) == 30
    assert "…: 70 more rules do not match" in steps
