"""Alarms, dashboard, queries and budget name what the service emits."""

import json
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.heartbeat import FLAG
from chalicelib.domain.status.alarms import HEARTBEAT_CONDITIONS
from chalicelib.domain.stream.counters import flag_scope
from chalicelib.metrics import NAMESPACE
from chalicelib.services.events.srm import SECONDS_BETWEEN
from chalicelib.stores.key_snapshots import CONFIRMATION, POINTER
from infra import environments, resource_names
from infra.bundle import LAMBDA_TARGET
from infra.environments import Contact
from infra.monitoring import heartbeat
from infra.monitoring.alarms import list_alarms
from infra.monitoring.stack import build_resources
from tests.support.metrics import recorded
from tests.support.synth import COMBINATIONS, Template, Templates, of_type

REQUIRED_ALARMS = {
    "api-errors",
    "api-latency",
    "api-refused",
    "api-throttled",
    "keys-denied",
    "poison-rises",
    "heartbeat",
    "event-source-disabled",
    "quarantine-not-empty",
    "failed-batches-not-empty",
    "tracking-drops",
    "stale-definitions",
    "stale-keys",
    "breaker-open",
    "sample-ratio-mismatch",
    "event_processor-iterator-age",
    "assignment_sync-iterator-age",
    "assignments-table-throttles",
    "counters-table-throttles",
    *(f"{name}-errors" for name in environments.load("prod").functions),
    *(f"{name}-latency" for name in environments.load("prod").functions if name != "webhooks"),
    "webhooks-late",
    "webhooks-undelivered",
}


OF_THE_HEARTBEAT = {"Heartbeat", "EventSourcesDisabled", "Answered429.prod"}
"""tests/unit/infra/test_alarms.py runs the heartbeat; the access log's filter makes the last one."""


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
        topic = {"page": "Pages", "ticket": "Tickets"}[alarm["AlarmDescription"].partition(":")[0]]
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": topic}]
        assert alarm["TreatMissingData"] == ("breaching" if name == "heartbeat" else "notBreaching")
        assert alarm["AlarmDescription"].endswith(f"docs/runbook.md#{name}")


def test_alarms_of_latency_are_about_each_functions_budget(template: Templates) -> None:
    by_name = alarms(template)
    lambdas = of_type(template("prod-standalone", "service"), "AWS::Lambda::Function").values()
    functions = {function["FunctionName"]: function for function in lambdas}
    for name, function in environments.load("prod").functions.items():
        assert by_name[f"{name}-errors"]["Threshold"] == 1.0
        assert name == "webhooks" or by_name[f"{name}-latency"]["Threshold"] == 1.0
        variables = functions[f"realtime-prod-{name}"]["Environment"]["Variables"]
        assert float(variables["REALTIME_ANSWER_BUDGET"]) * 1000 == function.p99_ms
    assert by_name["event_processor-iterator-age"]["Threshold"] == 60_000
    assert by_name["quarantine-not-empty"]["Threshold"] == 0


def test_every_metric_that_is_watched_is_emitted(template: Templates) -> None:
    assert watched(template) <= recorded() | OF_THE_HEARTBEAT


@pytest.mark.parametrize(
    "title",
    [
        "Invocations",
        "Answers over the budget (%)",
        "Failed answers (%)",
        "Answers after a cold start (%)",
        "Crashes and timeouts",
        "Refused keys (%)",
        "Heartbeat (1: all is well)",
        "Throttles",
        "Iterator age (ms)",
        "Cache hit rate",
        "Assignments per variant",
        "Flag evaluations",
        "Tracking",
        "Quarantine",
        "Webhooks that wait",
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
    assert len(query["LogGroupNames"]) == 1 + len(environments.load("prod").functions)
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
    policies = of_type(expanded, "AWS::SNS::TopicPolicy")
    assert policies.keys() == {"PagesPolicy", "TicketsPolicy"}
    for policy in policies.values():
        publish, tls, _ = policy["PolicyDocument"]["Statement"]
        assert publish["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
        assert tls["Effect"] == "Deny"
    for topic in of_type(expanded, "AWS::SNS::Topic").values():
        assert topic["Subscription"] == [{"Protocol": "email", "Endpoint": "on-call@example.com"}]


def test_a_topic_that_exists_is_used_and_not_made() -> None:
    topic = "arn:aws:sns:eu-west-1:123456789012:on-call"
    prod = replace(
        environments.load("prod"), pages=Contact(topic_arn=topic), tickets=Contact(email="a@b.example")
    )
    resources = build_resources(prod, resource_names.resolve_names("prod", "standalone"))
    topics = {name for name, resource in resources.items() if resource["Type"] == "AWS::SNS::Topic"}
    assert topics == {"Tickets"}
    assert resources["Heartbeat"]["Properties"]["AlarmActions"] == [topic]
    assert resources["TrackingDrops"]["Properties"]["AlarmActions"] == [{"Ref": "Tickets"}]


@pytest.mark.parametrize(
    "fields",
    [{}, {"email": "a@b.example", "topic_arn": "arn:aws:sns:eu-west-1:123456789012:t"}, {"email": "nobody"}],
)
def test_a_contact_is_an_address_or_a_topic(fields: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="email"):
        Contact(**fields)


def test_the_heartbeat_has_its_code_in_the_template_and_rights_for_nothing_else(template: Templates) -> None:
    expanded = template("prod-standalone", "monitoring")
    (function,) = of_type(expanded, "AWS::Lambda::Function").values()
    code = function["Code"]["ZipFile"]
    assert len(code) <= 4096
    shipped: dict[str, Any] = {"__name__": "index"}
    exec(code, shipped)  # noqa: S102 - as Lambda would
    assert shipped["has_moved"]({"seen": "1"}, "2")
    assert (shipped["FLAG"], shipped["SCOPE"]) == (FLAG, flag_scope(FLAG))
    rule = of_type(expanded, "AWS::Events::Rule")["HeartbeatSchedule"]
    assert rule["ScheduleExpression"] == "rate(1 minute)"
    (role,) = of_type(expanded, "AWS::IAM::Role").values()
    statements = role["Policies"][0]["PolicyDocument"]["Statement"]
    assert [statement["Action"] for statement in statements[:3]] == [
        *("lambda:InvokeFunction", "lambda:ListEventSourceMappings", "dynamodb:Query")
    ]
    objects = {each["Action"]: json.dumps(each["Resource"]) for each in statements if "s3" in each["Action"]}
    assert objects["s3:GetObject"].endswith(f'/{POINTER}"}}')
    assert objects["s3:PutObject"].endswith(f'/{CONFIRMATION}"}}')


def test_an_environment_without_tracking_has_no_heartbeat() -> None:
    dev = replace(environments.load("dev"), settings={"REALTIME_TRACKING": "false"})
    names = resource_names.resolve_names("dev", "standalone")
    assert heartbeat.build_resources(dev, names, LAMBDA_TARGET) == {}
    listed = {alarm.name for alarm in list_alarms(dev, names)}
    assert not listed & {*HEARTBEAT_CONDITIONS}
