"""The monitoring stack: alarms to one topic, the dashboard, the saved queries, the budget."""

from typing import Any

import aws_cdk as cdk
from constructs import Construct

from infra import dashboard, queries
from infra.alarms import alarms
from infra.environments import Environment
from infra.functions import LOGICAL, physical
from infra.resource_names import ResourceNames
from infra.stack import add

TOPIC = {"Ref": "Alerts"}


class Monitoring(cdk.Stack):
    def __init__(
        self, scope: Construct, environment: Environment, places: ResourceNames, **kwargs: Any
    ) -> None:
        super().__init__(scope, f"realtime-{environment.name}-monitoring", **kwargs)
        add(self, resources(environment, places), places.parameters)


def resources(environment: Environment, places: ResourceNames) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {
        "Alerts": _topic(environment),
        "AlertsPolicy": _topic_policy(),
        "Dashboard": {
            "Type": "AWS::CloudWatch::Dashboard",
            "Properties": {
                "DashboardName": f"realtime-{environment.name}",
                "DashboardBody": dashboard.body(environment, places),
            },
        },
        "Budget": _budget(environment),
    }
    for alarm in alarms(environment, places):
        found[_logical(alarm.name)] = alarm.resource(environment, TOPIC)
    functions = [f"/aws/lambda/{physical(name, environment)}" for name in LOGICAL]
    access = [f"/aws/apigateway/realtime-{environment.name}"]
    for saved, groups in (
        (queries.FUNCTIONS, functions),
        (queries.ACCESS, access),
        (queries.EVERYWHERE, access + functions),
    ):
        for name, text in saved.items():
            found[f"Query{_logical(name)}"] = _query(name, text, groups, environment)
    return found


def _topic(environment: Environment) -> dict[str, Any]:
    """Not encrypted by SNS's own key, which CloudWatch may not use; an alarm names nobody."""
    properties: dict[str, Any] = {"TopicName": f"realtime-{environment.name}-alerts"}
    if environment.alarm_email:
        properties["Subscription"] = [{"Protocol": "email", "Endpoint": environment.alarm_email}]
    return {"Type": "AWS::SNS::Topic", "Properties": properties}


def _topic_policy() -> dict[str, Any]:
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
    document = {"Version": "2012-10-17", "Statement": [publish, tls]}
    return {"Type": "AWS::SNS::TopicPolicy", "Properties": {"Topics": [TOPIC], "PolicyDocument": document}}


def _query(name: str, text: str, groups: list[str], environment: Environment) -> dict[str, Any]:
    properties = {
        "Name": f"realtime-{environment.name}/{name}",
        "QueryString": text,
        "LogGroupNames": groups,
    }
    return {"Type": "AWS::Logs::QueryDefinition", "Properties": properties}


def _budget(environment: Environment) -> dict[str, Any]:
    def tell(kind: str, percent: int) -> dict[str, Any]:
        above = {
            "NotificationType": kind,
            "ComparisonOperator": "GREATER_THAN",
            "Threshold": percent,
            "ThresholdType": "PERCENTAGE",
        }
        return {"Notification": above, "Subscribers": [{"SubscriptionType": "SNS", "Address": TOPIC}]}

    budget = {
        "BudgetName": f"realtime-{environment.name}",
        "BudgetType": "COST",
        "TimeUnit": "MONTHLY",
        "BudgetLimit": {"Amount": environment.budget_usd, "Unit": "USD"},
        "CostFilters": {"TagKeyValue": [f"user:service$realtime-{environment.name}"]},
    }
    properties = {
        "Budget": budget,
        "NotificationsWithSubscribers": [tell("ACTUAL", 80), tell("FORECASTED", 100)],
    }
    return {"Type": "AWS::Budgets::Budget", "Properties": properties}


def _logical(name: str) -> str:
    return "".join(word.capitalize() for word in name.replace("_", "-").split("-"))
