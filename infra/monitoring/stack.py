"""The monitoring stack: alarms and their topic, the dashboard, saved queries, the budget."""

from typing import Any

import aws_cdk as cdk
from constructs import Construct

from infra.environments import Environment
from infra.functions import LOGICAL_IDS, get_function_name
from infra.monitoring import dashboard, queries
from infra.monitoring.alarms import list_alarms
from infra.release import notice
from infra.resource_names import ResourceNames, substitute
from infra.stack import add_resources

TOPIC = {"Ref": "Alerts"}


class Monitoring(cdk.Stack):
    def __init__(
        self, scope: Construct, environment: Environment, names: ResourceNames, **kwargs: Any
    ) -> None:
        super().__init__(scope, f"realtime-{environment.name}-monitoring", **kwargs)
        add_resources(self, build_resources(environment, names), names.parameters)


def build_resources(environment: Environment, names: ResourceNames) -> dict[str, dict[str, Any]]:
    resources: dict[str, dict[str, Any]] = {
        "Alerts": _build_topic(environment),
        "AlertsPolicy": _build_topic_policy(),
        "Dashboard": {
            "Type": "AWS::CloudWatch::Dashboard",
            "Properties": {
                # dashboards and budgets are the account's, so those of another region have other names
                "DashboardName": substitute(f"realtime-{environment.name}-${{AWS::Region}}"),
                "DashboardBody": dashboard.build_body(environment, names),
            },
        },
        "Budget": _build_budget(environment),
        "ReleaseFailed": notice.build_rule(environment, TOPIC),
    }
    for alarm in list_alarms(environment, names):
        resources[_logical_id(alarm.name)] = alarm.to_resource(environment, TOPIC)
    function_logs = [f"/aws/lambda/{get_function_name(name, environment)}" for name in LOGICAL_IDS]
    access_logs = [f"/aws/apigateway/realtime-{environment.name}"]
    for texts_by_name, log_groups in (
        (queries.FUNCTIONS, function_logs),
        (queries.ACCESS, access_logs),
        (queries.EVERYWHERE, access_logs + function_logs),
    ):
        for name, text in texts_by_name.items():
            resources[f"Query{_logical_id(name)}"] = _build_query(name, text, log_groups, environment)
    return resources


def _build_topic(environment: Environment) -> dict[str, Any]:
    """Not encrypted: CloudWatch may not use SNS's own key. An alarm holds no user data."""
    properties: dict[str, Any] = {"TopicName": f"realtime-{environment.name}-alerts"}
    if environment.alarm_email:
        properties["Subscription"] = [{"Protocol": "email", "Endpoint": environment.alarm_email}]
    return {"Type": "AWS::SNS::Topic", "Properties": properties}


def _build_topic_policy() -> dict[str, Any]:
    publish = {
        "Effect": "Allow",
        "Principal": {"Service": ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"]},
        "Action": "sns:Publish",
        "Resource": TOPIC,
        "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
    }
    tls = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "sns:Publish",
        "Resource": TOPIC,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    document = {"Version": "2012-10-17", "Statement": [publish, tls, notice.allow_events(TOPIC)]}
    return {"Type": "AWS::SNS::TopicPolicy", "Properties": {"Topics": [TOPIC], "PolicyDocument": document}}


def _build_query(name: str, text: str, log_groups: list[str], environment: Environment) -> dict[str, Any]:
    properties = {
        "Name": f"realtime-{environment.name}/{name}",
        "QueryString": text,
        "LogGroupNames": log_groups,
    }
    return {"Type": "AWS::Logs::QueryDefinition", "Properties": properties}


def _build_budget(environment: Environment) -> dict[str, Any]:
    def notify(kind: str, percent: int) -> dict[str, Any]:
        above = {
            "NotificationType": kind,
            "ComparisonOperator": "GREATER_THAN",
            "Threshold": percent,
            "ThresholdType": "PERCENTAGE",
        }
        return {"Notification": above, "Subscribers": [{"SubscriptionType": "SNS", "Address": TOPIC}]}

    budget = {
        "BudgetName": substitute(f"realtime-{environment.name}-${{AWS::Region}}"),
        "BudgetType": "COST",
        "TimeUnit": "MONTHLY",
        "BudgetLimit": {"Amount": environment.budget_usd, "Unit": "USD"},
        "CostFilters": {
            "TagKeyValue": [f"user:service$realtime-{environment.name}"],
            "Region": [{"Ref": "AWS::Region"}],
        },
    }
    properties = {
        "Budget": budget,
        "NotificationsWithSubscribers": [notify("ACTUAL", 80), notify("FORECASTED", 100)],
    }
    return {"Type": "AWS::Budgets::Budget", "Properties": properties}


def _logical_id(name: str) -> str:
    return "".join(word.capitalize() for word in name.replace("_", "-").split("-"))
