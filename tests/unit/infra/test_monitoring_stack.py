"""Alarms, dashboard, queries and budget: what they name is what the service emits."""

import json

import pytest

from chalicelib.metrics import NAMESPACE
from chalicelib.services.events.srm import SECONDS_BETWEEN
from infra import environments
from infra.functions import LOGICAL_IDS
from tests.support.metrics import recorded
from tests.support.synth import COMBINATIONS, Template, Templates, of_type

ASKED_FOR = {
    "api-errors",
    "quarantine-not-empty",
    "failed-batches-not-empty",
    "tracking-drops",
    "stale-definitions",
    "sample-ratio-mismatch",
    "event_processor-iterator-age",
    "assignment_sync-iterator-age",
    "assignments-table-throttles",
    "counters-table-throttles",
    *(f"{name}-errors" for name in LOGICAL_IDS),
    *(f"{name}-latency" for name in LOGICAL_IDS),
}


def alarms(template: Templates, variant: str = "prod-standalone") -> dict[str, Template]:
    found = of_type(template(variant, "monitoring"), "AWS::CloudWatch::Alarm").values()
    return {one["AlarmName"].split("-", 2)[2]: one for one in found}


def dashboard(template: Templates) -> str:
    (found,) = of_type(template("prod-standalone", "monitoring"), "AWS::CloudWatch::Dashboard").values()
    text: str = found["DashboardBody"]["Fn::Sub"]
    return text


def watched(template: Templates) -> set[str]:
    """Our own metrics in alarms and on the dashboard."""
    found = alarms(template).values()
    metrics = [one for one in found if "MetricName" in one]
    queries = [query for one in found for query in one.get("Metrics", [])]
    metrics += [query["MetricStat"]["Metric"] for query in queries if "MetricStat" in query]
    named = {one["MetricName"] for one in metrics if one["Namespace"] == NAMESPACE}
    for widget in json.loads(dashboard(template))["widgets"]:
        named |= {one[1] for one in widget["properties"]["metrics"] if one[0] == NAMESPACE}
    return named


@pytest.mark.parametrize("variant", COMBINATIONS)
def test_every_alarm_that_was_asked_for_is_there_and_tells_somebody(
    template: Templates, variant: str
) -> None:
    found = alarms(template, variant)
    assert found.keys() >= ASKED_FOR
    for name, one in found.items():
        assert one["AlarmActions"] == [{"Ref": "Alerts"}]
        assert one["TreatMissingData"] == "notBreaching"
        assert one["AlarmDescription"].endswith(f"docs/runbook.md#{name}")


def test_alarms_of_latency_stand_at_each_functions_budget(template: Templates) -> None:
    found = alarms(template)
    for name, sized in environments.load("prod").functions.items():
        assert found[f"{name}-latency"]["Threshold"] == sized.p99_ms
        assert found[f"{name}-errors"]["Threshold"] == 1.0
    assert found["event_processor-iterator-age"]["Threshold"] == 60_000
    assert found["quarantine-not-empty"]["Threshold"] == 0


def test_every_metric_that_is_watched_is_emitted(template: Templates) -> None:
    assert watched(template) <= recorded()


@pytest.mark.parametrize(
    "title",
    [
        "Invocations",
        "Errors",
        "Duration P50 (ms)",
        "Duration P99 (ms)",
        "Throttles",
        "Iterator age (ms)",
        "Cache hit rate",
        "Assignments per variant",
        "Flag evaluations",
        "Tracking",
        "Quarantine",
        "Sample-ratio mismatch (1: an experiment's split is wrong)",
        "Cost estimate (dollars an hour)",
    ],
)
def test_the_dashboard_shows(template: Templates, title: str) -> None:
    titles = {one["properties"]["title"] for one in json.loads(dashboard(template))["widgets"]}
    assert title in titles


def test_queries_are_saved_over_logs_that_exist(template: Templates) -> None:
    service = of_type(template("prod-standalone", "service"), "AWS::Logs::LogGroup")
    groups = {one["LogGroupName"] for one in service.values()}
    saved = of_type(template("prod-standalone", "monitoring"), "AWS::Logs::QueryDefinition").values()
    assert len(saved) == 6
    for one in saved:
        assert one["Name"].startswith("realtime-prod/")
        assert set(one["LogGroupNames"]) <= groups


def saved_query(template: Templates, name: str) -> Template:
    saved = of_type(template("prod-standalone", "monitoring"), "AWS::Logs::QueryDefinition").values()
    (found,) = [one for one in saved if one["Name"] == f"realtime-prod/{name}"]
    return found


def test_one_request_is_found_by_any_of_its_ids_at_the_gateway_and_in_every_function(
    template: Templates,
) -> None:
    found = saved_query(template, "one-request")
    assert "/aws/apigateway/realtime-prod" in found["LogGroupNames"]
    assert len(found["LogGroupNames"]) == 1 + len(LOGICAL_IDS)
    # whatever field holds it: requestId, functionRequestId and traceId at the gateway, requestId and
    # xray_trace_id of a function's line, record.requestId and record.tracing.value of Lambda's own
    assert '@message like "PASTE-AN-ID"' in found["QueryString"]


def test_errors_are_the_codes_and_lambdas_own(template: Templates) -> None:
    text = saved_query(template, "errors")["QueryString"]
    assert 'level in ["ERROR", "CRITICAL"]' in text
    assert 'record.status in ["error", "failure", "timeout"]' in text


def test_alarms_of_what_is_recorded_once_in_minutes_look_back_longer_than_that(template: Templates) -> None:
    found = alarms(template)
    for name in ("sample-ratio-mismatch", "assignment-not-stored", "postgres-rows-refused"):
        assert found[name]["Period"] > 2 * SECONDS_BETWEEN
    measured = [one["MetricStat"] for one in found["invalid-definition"]["Metrics"] if "MetricStat" in one]
    assert {one["Period"] for one in measured} == {900}


def test_no_alarm_counts_on_a_metric_that_has_no_data(template: Templates) -> None:
    assert "FILL" not in json.dumps(alarms(template))


def test_the_owner_is_told_before_the_money_is_spent(template: Templates) -> None:
    (budget,) = of_type(template("prod-standalone", "monitoring"), "AWS::Budgets::Budget").values()
    assert budget["Budget"]["BudgetLimit"] == {"Amount": 1_000, "Unit": "USD"}
    told = [one["Notification"]["NotificationType"] for one in budget["NotificationsWithSubscribers"]]
    assert told == ["ACTUAL", "FORECASTED"]


def test_alarms_reach_the_topic_over_tls_from_this_account_only(template: Templates) -> None:
    found = template("everything", "monitoring")
    (policy,) = of_type(found, "AWS::SNS::TopicPolicy").values()
    publish, tls = policy["PolicyDocument"]["Statement"]
    assert publish["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert tls["Effect"] == "Deny"
    (topic,) = of_type(found, "AWS::SNS::Topic").values()
    assert topic["Subscription"] == [{"Protocol": "email", "Endpoint": "on-call@example.com"}]
