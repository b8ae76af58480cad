"""`explain`: the steps that led to an answer, the last of which decided."""

import io
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from chalicelib.domain.definitions.model import Assignment, DefinitionRow, Experiment
from chalicelib.domain.errors import InvalidInput, StorageUnavailable
from chalicelib.domain.evaluation import make_state
from chalicelib.domain.explanation.condition import explain_failure
from chalicelib.domain.explanation.question import Question
from chalicelib.domain.identity import Link
from chalicelib.domain.targeting import parse
from chalicelib.domain.targeting.compiler import translate_rule
from chalicelib.services.admin.explain import Explainer
from chalicelib.services.definitions.catalog import Catalog
from chalicelib.services.definitions.platform_overrides import PlatformOverrides
from realtime.commands.explain import show_explanation
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

    def make_explainer(self) -> Explainer:
        return Explainer(self.get_experiment, self.catalog.flags.get, assignments=self.assignments)

    def experiment(self, **context: Any) -> tuple[list[str], str]:
        """The rows of the table, and what comes below it."""
        show_explanation(
            self.console, self.make_explainer().explain_experiment("u", "checkout", context, NOW)
        )
        return self._read_output()

    def flag(self, **context: Any) -> tuple[list[str], str]:
        show_explanation(self.console, self.make_explainer().explain_flag("u", "dark-mode", context, NOW))
        return self._read_output()

    def read_text(self) -> str:
        assert isinstance(self.console.file, io.StringIO)
        return self.console.file.getvalue()

    def _read_output(self) -> tuple[list[str], str]:
        lines = self.read_text().splitlines()
        steps = [" ".join(line.strip("│ ").split()) for line in lines if line.startswith("│")]
        return [step.replace(" │ ", ": ") for step in steps], lines[len(steps) + 4]


@pytest.mark.parametrize(
    ("fields", "row", "last", "reason"),
    [
        ({"status": "paused"}, ROW, "status: paused", "PAUSED"),
        ({"end_at": "2026-01-01T00:00:00Z"}, ROW, "schedule: now is >= 2026-01-01T00:00:00Z", "ENDED"),
        ({"overrides": {"u": "control"}}, ROW, "override: this user: serves control", "OVERRIDE"),
        ({"holdout": {"key": "h", "share": 1.0}}, ROW, "holdout: bucket", "HOLDOUT"),
        ({"layer": {"key": "l", "start": 0.0, "end": 0.00001}}, ROW, "layer: bucket", "NOT_IN_LAYER"),
        ({}, ROW, "stored: treatment (iteration 1)", "STICKY"),
        (GERMANS, None, "not targeted: serves no variant", "NOT_TARGETED"),
        ({"traffic_allocation": 0.0}, None, "traffic: bucket", "NOT_IN_TRAFFIC"),
        ({}, None, "traffic: bucket", "ASSIGNED"),
        ({"sticky": False, "variants": shares(treatment=1.0)}, ROW, "traffic: bucket", "STICKY"),
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
    assert steps[-1].startswith("traffic: ")


def test_an_override_of_the_platform_is_obeyed_as_in_an_answer() -> None:
    steps, answer = Bench(published(), row=ROW, forced={"u": "control"}).experiment()
    assert steps[-1] == "override: this user: serves control"
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
        ({"enabled": False}, "disabled: serves off", "off  because  DISABLED"),
        ({"overrides": {"u": "on"}}, "override: this user: serves on", "on  because  OVERRIDE"),
        (
            NEEDS,
            'prerequisite b: flag b is not in ["on"], and is "off": serves off',
            "off  because  PREREQUISITE_FAILED",
        ),
        (GERMANS, "not targeted: serves off", "off  because  NOT_TARGETED"),
        ({"rollout_percentage": 0}, "everybody: serves off", "off  because  NOT_IN_ROLLOUT"),
        ({"rollout_percentage": 0.001}, "everybody: bucket", "off  because  NOT_IN_ROLLOUT"),
        ({"bucket_by": "account"}, "everybody: serves on", "on  because  STATIC"),
    ],
)
def test_the_last_step_of_a_flag_is_the_one_that_decided(
    fields: dict[str, Any], last: str, answer: str
) -> None:
    needed = published_flag("a"), published_flag("b", rollout_percentage=0), published_flag("c")
    steps, last_line = Bench(published_flag(**fields), *needed).flag()
    assert steps[-1].startswith(last)
    assert last_line == answer


def test_only_the_override_of_this_user_is_shown() -> None:
    overrides = {"u1": "control", "u2": "treatment", "u": "control", "u3": "treatment"}
    steps, _ = Bench(published(overrides=overrides)).experiment()
    assert steps == ["status: active", "override: this user: serves control"]
    del overrides["u"]
    steps, _ = Bench(published(overrides=overrides), row=ROW).experiment()
    assert steps == ["status: active", "override: not this user", "stored: treatment (iteration 1)"]


def test_the_gates_that_do_not_stop_a_user_are_shown() -> None:
    gates: dict[str, Any] = {
        "start_at": "2026-01-01T00:00:00Z",
        "holdout": {"key": "h", "share": 0.00001},
        "layer": {"key": "l", "start": 0.0, "end": 1.0},
    }
    steps, _ = Bench(published(**gates), row=ROW).experiment()
    assert steps == [
        "status: active",
        "schedule: now is not < 2026-01-01T00:00:00Z, and is 2027-01-15T08:00:00Z",
        "holdout: bucket 486 is outside [0, 1) of 100,000",
        "layer: bucket 69,407 is inside [0, 100,000) of 100,000",
        "stored: treatment (iteration 1)",
    ]


def test_an_assignment_shows_both_buckets() -> None:
    steps, _ = Bench(published(traffic_allocation=0.5)).experiment()
    assert steps[-1] == (
        "traffic: bucket 7,310 is inside [0, 50,000) of 100,000; "
        "bucket 50,281 of control [0, 50,000) treatment [50,000, 100,000): serves treatment"
    )


def test_an_experiment_shows_which_of_its_rules_matches_or_why_none_does() -> None:
    document = rules({"rule": where("country", "eq", "DE")}, {"rule": where("n", "gt", 5)})
    steps, _ = Bench(published(targeting_rules=document)).experiment(n=6)
    assert steps[2] == "rule r0: rules[0].rule.conditions[0]: country is absent"
    assert steps[3].startswith("rule r1: bucket 7,310 is inside [0, 100,000) of 100,000; bucket 50,281 of")
    assert Bench(published(targeting_rules=document)).experiment(country="FR")[0][2:] == [
        'rule r0: rules[0].rule.conditions[0]: country is not eq "DE", and is "FR"',
        "rule r1: rules[1].rule.conditions[0]: n is absent",
        "not targeted: serves no variant",
    ]


def test_a_rule_is_named_as_it_is_written() -> None:
    rule = {"id": "[red]x", "rule": where("country", "eq", "DE")}
    odd: dict[str, Any] = {"targeting_rules": {"rules": [rule]}}
    steps, _ = Bench(published_flag(**odd)).flag(country="[b]\x1b")
    path = "rules[0].rule.conditions[0]"
    assert steps[0] == f'rule [red]x: {path}: country is not eq "DE", and is "[b]\\u001b"'


def test_a_flag_for_everybody_needs_no_unit_to_be_explained() -> None:
    steps, _ = Bench(published_flag(bucket_by="account")).flag()
    assert steps == ["everybody: serves on"]


def test_a_unit_in_an_object_is_explained() -> None:
    bench = Bench(published_flag(bucket_by="account.id", rollout_percentage=50))
    steps, _ = bench.flag(account={"id": "a1"})
    assert steps[-1].startswith("everybody: bucket")


@pytest.mark.parametrize(
    ("account", "reason"), [({}, "account.id is absent"), ({"id": [1]}, "account.id is [1]")]
)
def test_the_unit_that_is_missing_is_named(account: dict[str, Any], reason: str) -> None:
    bench = Bench(published_flag(bucket_by="account.id", rollout_percentage=50))
    with pytest.raises(InvalidInput):
        bench.flag(account=account)
    assert f"everybody │ no unit: {reason}" in bench.read_text()


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
    steps, _ = Bench(published_flag(targeting_rules=document)).flag(country="US", n=1)
    assert steps == [
        "rule nobody: the condition is false",
        'rule beta: rules[0].rule.conditions[0]: country is not in ["DE", "FR"], and is "US"',
        "rule either: none of its 2 alternatives holds: "
        'rules[2].rule.groups[0].conditions[0]: country is not in ["DE", "FR"], and is "US"; '
        "rules[2].rule.groups[1].conditions[0]: n is not gt 5, and is 1",
        "rule not-de: what it excludes holds",
        "rule nested: rules[4].rule.groups[0].conditions[0]: vip is absent",
        "rule rest: serves on",
    ]
    steps, _ = Bench(published_flag(targeting_rules=document)).flag(country="DE", app={"version": "1.0.0"})
    assert steps == [
        "rule nobody: the condition is false",
        "rule beta: rules[0].rule.conditions[1]: app.version is absent",
        "rule either: alternative 1 of 2 holds: serves on",
    ]


def test_a_rollout_of_a_rule_is_named_as_such() -> None:
    document = rules({"id": "r", "rule": where("n", "gt", 5), "rollout_percentage": 25}, version="2.0")
    steps, _ = Bench(published_flag(targeting_rules=document)).flag(n=6)
    assert steps[0].startswith(
        "rule r: its conditions match, but this user is outside of its rollout of 25 %: bucket"
    )
    assert steps[0].endswith("is outside [0, 25,000) of 100,000")
    steps, _ = Bench(published_flag(targeting_rules=document)).flag(n=5)
    assert steps[0] == "rule r: rules[0].rule.conditions[0]: n is not gt 5, and is 5"


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
    mismatch = explain_first(document, {"a": value})
    assert mismatch.startswith("rules[0].rule.conditions[0]: a")
    assert reason in mismatch


def test_an_attribute_in_an_object_is_shown_and_an_absent_one_named() -> None:
    document = rules({"id": "r", "rule": where("account.plan", "eq", "gold")}) | {"version": "2.0"}
    path = "rules[0].rule.conditions[0]: account.plan"
    assert explain_first(document, {"account": {"plan": "free"}}) == f'{path} is not eq "gold", and is "free"'
    assert explain_first(document, {"account": {}}) == f"{path} is absent"


def test_a_rollout_without_a_unit_is_explained() -> None:
    document = rules({"id": "r", "rule": {}, "rollout_percentage": 99}) | {"version": "2.0"}
    mismatch = explain_first(document, {})
    assert mismatch == "its conditions match, but there is no unit that its rollout could divide"


def explain_first(document: dict[str, Any], context: dict[str, Any]) -> str:
    """Why the first targeting rule does not match a user without an id."""
    parsed = parse(document)
    condition = translate_rule(parsed.rules[0], parsed, "salt", "user")
    return explain_failure(condition, Question(None, context, make_state(NOW, lambda _key: None)))


def test_of_many_rules_some_are_shown() -> None:
    many = rules(*({"id": f"r{n}", "rule": where("n", "eq", n)} for n in range(100)))
    steps, _ = Bench(published_flag(targeting_rules=many)).flag(n=100)
    assert sum(step.startswith("rule r") for step in steps) == 30
    assert "…: 70 more rules do not match" in steps


def test_a_flag_shows_what_its_experiment_answers() -> None:
    rule = {"id": "ours", "serve": {"experiment": "checkout"}}
    served: dict[str, Any] = {"type": "string", "variants": {"x": "x"}, "rules": [rule], "default": "x"}
    bench = Bench(published(), published_flag(**served), row=ROW)
    steps, answer = bench.flag()
    assert steps == ["ours: serves what experiment checkout assigns, treatment"]
    assert answer == "treatment  because  STICKY"
    excluded = Bench(published(status="paused"), published_flag(**served))
    steps, answer = excluded.flag()
    assert steps[0] == "ours: experiment checkout excludes the user: goes to the next rule"
    assert answer == "x  because  DEFAULT"


def test_an_id_that_is_linked_is_explained_as_its_user() -> None:
    bench = Bench(published(overrides={"anna": "treatment"}))
    bench.assignments.put_link("u", Link("anna", NOW, NOW + 1), NOW)
    for now, variant in ((NOW, "treatment"), (NOW + 1, "")):
        explainer = replace(bench.make_explainer(), identities=bench.assignments)
        show_explanation(bench.console, explainer.explain_experiment("u", "checkout", {}, now))
        assert ("linked to the user anna" in bench.read_text()) == bool(variant)
        assert ("treatment  because  OVERRIDE" in bench.read_text()) == bool(variant)
        bench.console.file = io.StringIO()
