"""Alarms, dashboard, queries and budget name what the service emits."""

import json

import pytest

from chalicelib.metrics import NAMESPACE
from chalicelib.services.events.srm import SECONDS_BETWEEN
from infra import environments
from infra.functions import LOGICAL_IDS
from tests.support.metrics import recorded
from tests.support.synth import COMBINATIONS, Template, Templates, of_type

REQUIRED_ALARMS = {
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
    properties = of_type(template(variant, "monitoring"), "AWS::CloudWatch::Alarm").values()
    return {alarm["AlarmName"].split("-", 2)[2]: alarm for alarm in properties}


def dashboard(template: Templates) -> str:
    (properties,) = of_type(template("prod-standalone", "monitoring"), "AWS::CloudWatch::Dashboard").values()
    text: str = properties["DashboardBody"]["Fn::Sub"]
    return text


def watched(template: Templates) -> set[str]:
    """Our own metrics in alarms and on the dashboard."""
    properties = alarms(template).values()
    metrics = [alarm for alarm in properties if "MetricName" in alarm]
    queries = [query for alarm in properties for query in alarm.get("Metrics", [])]
    metrics += [query["MetricStat"]["Metric"] for query in queries if "MetricStat" in query]
    names = {metric["MetricName"] for metric in metrics if metric["Namespace"] == NAMESPACE}
    for widget in json.loads(dashboard(template))["widgets"]:
        names |= {metric[1] for metric in widget["properties"]["metrics"] if metric[0] == NAMESPACE}
    return names


@pytest.mark.parametrize("variant", COMBINATIONS)
def test_every_alarm_that_was_asked_for_is_there_and_tells_somebody(
    template: Templates, variant: str
) -> None:
    by_name = alarms(template, variant)
    assert by_name.keys() >= REQUIRED_ALARMS
    for name, alarm in by_name.items():
        assert alarm["AlarmActions"] == [{"Ref": "Alerts"}]
        assert alarm["TreatMissingData"] == "notBreaching"
        assert alarm["AlarmDescription"].endswith(f"docs/runbook.md#{name}")


def test_alarms_of_latency_stand_at_each_functions_budget(template: Templates) -> None:
    by_name = alarms(template)
    for name, function in environments.load("prod").functions.items():
        assert by_name[f"{name}-latency"]["Threshold"] == function.p99_ms
        assert by_name[f"{name}-errors"]["Threshold"] == 1.0
    assert by_name["event_processor-iterator-age"]["Threshold"] == 60_000
    assert by_name["quarantine-not-empty"]["Threshold"] == 0


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
    titles = {widget["properties"]["title"] for widget in json.loads(dashboard(template))["widgets"]}
    assert title in titles


def test_queries_are_saved_over_logs_that_exist(template: Templates) -> None:
    service = of_type(template("prod-standalone", "service"), "AWS::Logs::LogGroup")
    groups = {group["LogGroupName"] for group in service.values()}
    saved = of_type(template("prod-standalone", "monitoring"), "AWS::Logs::QueryDefinition").values()
    assert len(saved) == 6
    for query in saved:
        assert query["Name"].startswith("realtime-prod/")
        assert set(query["LogGroupNames"]) <= groups


def saved_query(template: Templates, name: str) -> Template:
    saved = of_type(template("prod-standalone", "monitoring"), "AWS::Logs::QueryDefinition").values()
    (match,) = [query for query in saved if query["Name"] == f"realtime-prod/{name}"]
    return match


def test_one_request_is_found_by_any_of_its_ids_at_the_gateway_and_in_every_function(
    template: Templates,
) -> None:
    query = saved_query(template, "one-request")
    assert "/aws/apigateway/realtime-prod" in query["LogGroupNames"]
    assert len(query["LogGroupNames"]) == 1 + len(LOGICAL_IDS)
    # whatever field holds it: requestId, functionRequestId and traceId at the gateway, requestId and
    # xray_trace_id of a function's line, record.requestId and record.tracing.value of Lambda's own
    assert '@message like "PASTE-AN-ID"' in query["QueryString"]


def test_errors_are_the_codes_and_lambdas_own(template: Templates) -> None:
    text = saved_query(template, "errors")["QueryString"]
    assert 'level in ["ERROR", "CRITICAL"]' in text
    assert 'record.status in ["error", "failure", "timeout"]' in text


def test_alarms_of_what_is_recorded_once_in_minutes_look_back_longer_than_that(template: Templates) -> None:
    by_name = alarms(template)
    for name in ("sample-ratio-mismatch", "assignment-not-stored", "postgres-rows-refused"):
        assert by_name[name]["Period"] > 2 * SECONDS_BETWEEN
    metrics = [
        query["MetricStat"] for query in by_name["invalid-definition"]["Metrics"] if "MetricStat" in query
    ]
    assert {metric["Period"] for metric in metrics} == {900}


def test_no_alarm_counts_on_a_metric_that_has_no_data(template: Templates) -> None:
    assert "FILL" not in json.dumps(alarms(template))


def test_the_owner_is_told_before_the_money_is_spent(template: Templates) -> None:
    (budget,) = of_type(template("prod-standalone", "monitoring"), "AWS::Budgets::Budget").values()
    assert budget["Budget"]["BudgetLimit"] == {"Amount": 1_000, "Unit": "USD"}
    types = [
        notification["Notification"]["NotificationType"]
        for notification in budget["NotificationsWithSubscribers"]
    ]
    assert types == ["ACTUAL", "FORECASTED"]


def test_alarms_reach_the_topic_over_tls_from_this_account_only(template: Templates) -> None:
    expanded = template("everything", "monitoring")
    (policy,) = of_type(expanded, "AWS::SNS::TopicPolicy").values()
    publish, tls, _ = policy["PolicyDocument"]["Statement"]
    assert publish["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert tls["Effect"] == "Deny"
    (topic,) = of_type(expanded, "AWS::SNS::Topic").values()
    assert topic["Subscription"] == [{"Protocol": "email", "Endpoint": "on-call@example.com"}]
