"""`publish` of an experiment with an analysis: what it freezes, shows and warns of."""

from typing import Any

from chalicelib.domain.definitions.compiler import load_experiment
from chalicelib.domain.definitions.schema import ExperimentDocument
from chalicelib.domain.publishing.documents import parse_row
from tests.support.experiments import document
from tests.support.publisher import FLAG, NOW, Publisher

REVENUE = {"key": "revenue", "event": "purchase", "aggregate": "sum", "window": "14d"}
CHANGES = "iteration 1 may have users since version"


def plan(status: str = "draft", **analysis: Any) -> dict[str, Any]:
    return document(status=status, metrics=["purchase"], analysis={"primary": ["revenue"], **analysis})


def read_metrics(publisher: Publisher) -> dict[str, Any]:
    published = parse_row(publisher.definitions.get_all("experiment")["checkout"])
    assert isinstance(published, ExperimentDocument)
    assert published.analysis is not None
    return {metric.key: metric for metric in published.analysis.metrics}


def test_the_metrics_of_the_catalogue_are_published_with_the_experiment(publisher: Publisher) -> None:
    assert publisher.publish(experiments=(plan(),), metrics=(REVENUE,)) == 0
    assert "1 valid definition and 1 metric, 0 errors" in publisher.output
    assert read_metrics(publisher)["revenue"].window == "14d"
    assert publisher.publish(experiments=(plan(),)) == 0  # the catalogue is elsewhere: it stays as published
    assert "Nothing changes" in publisher.output


def test_without_a_plan_the_command_that_makes_one_is_named(publisher: Publisher) -> None:
    line = "checkout has no planned_users: `python -m realtime plan-experiment checkout` says how many"
    publisher.publish(experiments=(plan(),), metrics=(REVENUE,))
    assert line in publisher.output
    publisher.publish(experiments=(plan(planned_users=900),), metrics=(REVENUE,))
    assert line not in publisher.output


def test_without_a_plan_its_duration_is_said_once_all_is_published(publisher: Publisher) -> None:
    asked = []

    def estimate(experiment: ExperimentDocument) -> str:
        asked.append((experiment.key, publisher.definitions.get_changes(None).version))
        return "3 weeks"

    publisher.publish(experiments=(plan(),), metrics=(REVENUE,), estimate=estimate)
    assert publisher.output.endswith(
        "Published version 1: 1 added.\ncheckout has no planned_users: 3 weeks\n"
    )
    publisher.publish(FLAG, experiments=(plan(),), metrics=(REVENUE,), estimate=estimate)
    assert asked == [("checkout", 1)]  # of what changes


def test_a_changed_metric_is_shown_by_its_path(publisher: Publisher) -> None:
    publisher.publish(experiments=(plan(),), metrics=(REVENUE,))
    assert publisher.publish(experiments=(plan(),), metrics=(REVENUE | {"window": "30d"},)) == 0
    assert '    analysis.metrics[revenue].window: "14d" → "30d"' in publisher.output
    assert CHANGES not in publisher.output  # a draft has no users


def test_a_metric_of_nowhere_is_an_error_for_publish_and_validate(publisher: Publisher) -> None:
    assert publisher.publish(experiments=(plan(),)) == 1
    assert (
        "experiments[0] (checkout).analysis.primary[0]: 'revenue' is a metric of no file" in publisher.output
    )
    assert publisher.list_keys("experiment") == []


def test_a_catalogue_alone_publishes_nothing_and_says_so(publisher: Publisher) -> None:
    assert publisher.publish(FLAG, metrics=(REVENUE,), strict=True) == 0
    assert "metrics[0] (revenue): no experiment of these files names it" in publisher.output


def test_a_change_after_the_first_user_is_said_in_one_line_and_blocks_nothing(publisher: Publisher) -> None:
    publisher.publish(experiments=(plan(),), metrics=(REVENUE,))
    publisher.publish(experiments=(plan("active"),), metrics=(REVENUE,))
    assert CHANGES not in publisher.output  # the plan is as it was
    changed = plan("active", planned_users=500, guardrails=[{"metric": "refunds", "margin": 0.1}])
    refunds = {"key": "refunds", "event": "refund"}
    assert publisher.publish(experiments=(changed,), metrics=(REVENUE | {"cap": 0.9}, refunds)) == 0
    (line,) = [line for line in publisher.output.splitlines() if CHANGES in line]
    assert line.strip() == (
        f"{CHANGES} 2, and its analysis changes: guardrails.refunds, planned_users, "
        "metrics.revenue.cap, metrics.refunds; `analyze` will say so"
    )
    again = plan("active", planned_users=900) | {"iteration": 2}
    assert publisher.publish(experiments=(again,), metrics=(REVENUE,)) == 0
    assert CHANGES not in publisher.output  # a new iteration has no users yet


def test_another_default_anchor_is_a_change_and_words_are_none(publisher: Publisher) -> None:
    publisher.publish(experiments=(plan("active"),), metrics=(REVENUE,))
    publisher.publish(experiments=(plan("active"),), metrics=(REVENUE | {"name": "Revenue"},))
    assert 'analysis.metrics[revenue].name: null → "Revenue"' in publisher.output
    assert CHANGES not in publisher.output
    exposed = plan("active") | {"metrics": ["purchase", "exposure"]}
    publisher.publish(experiments=(exposed,), metrics=(REVENUE,))
    assert f"{CHANGES} 1, and its analysis changes: anchor; `analyze` will say so" in publisher.output


def test_before_its_start_an_experiment_has_no_users(publisher: Publisher) -> None:
    later = {"start_at": "2027-02-01T00:00:00Z"}
    assert NOW < 1_801_440_000  # that start
    publisher.publish(experiments=(plan("active") | later,), metrics=(REVENUE,))
    publisher.publish(experiments=(plan("active", alpha=0.1) | later,), metrics=(REVENUE,))
    assert "analysis.alpha: 0.05 → 0.1" in publisher.output
    assert CHANGES not in publisher.output


def test_a_rollback_restores_the_analysis(publisher: Publisher) -> None:
    publisher.publish(experiments=(plan(),), metrics=(REVENUE,))
    publisher.publish(experiments=(plan(),), metrics=(REVENUE | {"window": "30d"},))
    assert publisher.roll_back(1) == 0
    assert read_metrics(publisher)["revenue"].window == "14d"


def test_services_load_a_definition_without_its_analysis(publisher: Publisher) -> None:
    publisher.publish(experiments=(plan(),), metrics=(REVENUE,))
    row = publisher.definitions.get_all("experiment")["checkout"]
    assert load_experiment(row.text).document.analysis is None


def test_an_analysis_does_not_change_by_the_clock(publisher: Publisher) -> None:
    change = {"at": "2027-02-01T00:00:00Z", "set": {"analysis": {}}}
    assert publisher.publish(experiments=(plan() | {"changes": [change]},), metrics=(REVENUE,)) == 1
    assert "changes[0].set.analysis: cannot change by the clock; publish it" in publisher.output
