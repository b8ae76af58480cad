"""The verdict's rule: at least one primary better, none worse, every guardrail holds."""

from typing import Any

import pytest

from chalicelib.domain.definitions.analysis_schema import MetricDocument
from realtime.analysis.model import Analysis, Moments
from tests.support.analysis import analyze_moments, design, metric, moments, planned

MEANS = {"better": 10.5, "worse": 9.5, "undecided": 10.05, "same": 10.0}
GUARDS = {"holds": 10.0, "fails": 7.0, "undecided": 9.7}


def decide(primaries: list[str], guardrails: list[str] | None = None, **fields: Any) -> Analysis:
    """By their decisions. ``same``: no difference that matters. 2 × 5,000 users."""
    plans, measured = [], []
    for number, name in enumerate(primaries):
        document = metric(f"m{number}", **({"minimum_effect": 0.03} if name == "same" else {}))
        plans.append(planned(document))
        measured.append(measure(document, treatment=MEANS[name]))
    for number, name in enumerate(guardrails or []):
        document = metric(f"g{number}")
        plans.append(planned(document, "guardrail", 0.03))
        measured.append(measure(document, treatment=GUARDS[name]))
    return analyze_moments(design(*plans, **fields), measured)


def measure(document: MetricDocument, **means: float) -> Moments:
    groups = {"control": 10.0} | means
    return moments(document, **{variant: (5_000, mean, 2.0) for variant, mean in groups.items()})


EARLY: dict[str, Any] = {"planned_users": 20_000}
LATE: dict[str, Any] = {"planned_users": 10_000}


@pytest.mark.parametrize(
    ("primaries", "guardrails", "early", "late"),
    [
        (["better"], [], "ship", "ship"),
        (["better", "undecided"], ["holds"], "ship", "ship"),
        (["better", "same"], [], "ship", "ship"),
        (["better"], ["holds", "undecided"], "keep_running", "do_not_ship"),
        (["better"], ["fails"], "do_not_ship", "do_not_ship"),
        (["better", "worse"], [], "do_not_ship", "do_not_ship"),
        (["worse"], [], "do_not_ship", "do_not_ship"),
        (["undecided"], [], "keep_running", "do_not_ship"),
        (["undecided", "same"], [], "keep_running", "do_not_ship"),
        (["undecided"], ["fails"], "do_not_ship", "do_not_ship"),
        (["same"], [], "no_difference_that_matters", "no_difference_that_matters"),
        (["same", "same"], ["undecided"], "no_difference_that_matters", "no_difference_that_matters"),
    ],
)
def test_the_rule(primaries: list[str], guardrails: list[str], early: str, late: str) -> None:
    for plan, code in ((EARLY, early), (LATE, late)):
        analysis = decide(primaries, guardrails, **plan)
        assert analysis.verdict.code == code
        assert analysis.verdict.treatment == ("treatment" if code == "ship" else None)
        assert len(analysis.verdict.reasons) == len(primaries) + len(guardrails)


def test_secondary_metrics_have_no_say() -> None:
    document = metric("rest")
    plan = design(planned(), planned(document, "secondary"))
    measured = [measure(metric(), treatment=10.5), measure(document, treatment=8.0)]
    analysis = analyze_moments(plan, measured)
    assert analysis.metrics[1].comparisons[0].decision == "worse"
    assert analysis.verdict.code == "ship"


def test_without_a_plan_a_sequence_goes_on() -> None:
    verdict = decide(["undecided"]).verdict
    assert verdict.code == "keep_running"
    assert verdict.sentence.startswith("Keep running: m0 is not decided yet. There is no plan")


def test_one_look_without_a_plan_is_the_end() -> None:
    fields: dict[str, Any] = {"is_sequential": False, "is_fixed_asked": True}
    assert decide(["undecided"], **fields).verdict.code == "do_not_ship"
    assert decide(["better"], **fields).verdict.code == "ship"


def test_a_fixed_design_waits_for_its_plan() -> None:
    assert decide(["better"], is_sequential=False, **EARLY).verdict.code == "keep_running"
    assert decide(["better"], is_sequential=False, **LATE).verdict.code == "ship"


def test_sentences() -> None:
    assert decide(["better"], ["holds"], **EARLY).verdict.sentence == (
        "Ship treatment: m0 +5.00% (+3.74% to +6.27%) is better, and every guardrail holds."
    )
    assert decide(["undecided", "undecided"], **EARLY).verdict.sentence == (
        "Keep running: m0 and m1 are not decided yet. 50.0% of the planned 20,000 users are there."
    )
    assert decide(["undecided"], **LATE).verdict.sentence.startswith(
        "Do not ship treatment on this evidence: the plan is reached, and m0 +0.50% ("
    )


@pytest.mark.parametrize(
    ("means", "code", "treatment"),
    [
        ({"b": 10.5, "c": 10.8}, "ship", "c"),
        ({"b": 10.0, "c": 10.8}, "ship", "c"),
        ({"b": 9.0, "c": 10.8}, "ship", "c"),
        ({"b": 9.0, "c": 10.0}, "keep_running", None),
        ({"b": 9.0, "c": 9.0}, "do_not_ship", None),
    ],
)
def test_several_treatments(means: dict[str, float], code: str, treatment: str | None) -> None:
    shares = dict.fromkeys(["control", "b", "c"], 1 / 3)
    verdict = analyze_moments(design(shares=shares), [measure(metric(), **means)]).verdict
    assert (verdict.code, verdict.treatment) == (code, treatment)


def test_no_primary_metric() -> None:
    for plan, measured in (
        (design(planned(role="secondary")), [measure(metric(), treatment=10.5)]),
        (design(planned(role="guardrail", margin=0.1)), [measure(metric(), treatment=10.5)]),
    ):
        verdict = analyze_moments(plan, measured).verdict
        assert verdict.code == "keep_running"
        assert verdict.sentence.startswith("No primary metric is planned")
