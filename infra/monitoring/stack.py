"""The monitoring stack: alarms and their topics, the dashboard, saved queries, the budget."""

from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
from constructs import Construct

from infra.bundle import BuildTarget
from infra.environments import Contact, Environment
from infra.front_doors.parameter import get_parameters
from infra.functions import get_function_name
from infra.monitoring import dashboard, heartbeat, queries
from infra.monitoring.alarm import Severity
from infra.monitoring.alarms import list_alarms
from infra.monitoring.api_alarms import build_throttled_filter, get_front
from infra.release import notice
from infra.resource_names import ResourceNames, Value, substitute
from infra.stack import add_resources

TOPICS: Mapping[Severity, str] = {"page": "Pages", "ticket": "Tickets"}
"""Their logical ids."""
TOPIC_ARN = "arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}:"


class Monitoring(cdk.Stack):
    def __init__(
        self,
        scope: Construct,
        environment: Environment,
        names: ResourceNames,
        target: BuildTarget,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, f"realtime-{environment.name}-monitoring", **kwargs)
        resources = build_resources(environment, names) | heartbeat.build_resources(
            environment, names, target
        )
        add_resources(self, resources, {**names.parameters, **get_parameters(environment)})


def build_resources(environment: Environment, names: ResourceNames) -> dict[str, dict[str, Any]]:
    topics = {severity: _refer_to_topic(severity, environment) for severity in TOPICS}
    resources: dict[str, dict[str, Any]] = {
        **_build_topics(environment),
        "Dashboard": {
            "Type": "AWS::CloudWatch::Dashboard",
            "Properties": {
                # dashboards and budgets are the account's, so those of another region have other names
                "DashboardName": substitute(f"realtime-{environment.name}-${{AWS::Region}}"),
                "DashboardBody": dashboard.build_body(environment, names),
            },
        },
        "Budget": _build_budget(environment, topics["ticket"]),
        "ReleaseFailed": notice.build_rule(environment, topics["page"]),
    }
    # A load balancer has no access log: it would hold whole URLs, and queries have user ids.
    access_logs = [f"/aws/apigateway/realtime-{environment.name}"] if get_front(environment).has_log else []
    for log_group in access_logs:
        resources["Throttled"] = build_throttled_filter(environment, log_group)
    for alarm in list_alarms(environment, names):
        resources[_logical_id(alarm.name)] = alarm.to_resource(environment, topics)
    function_logs = [f"/aws/lambda/{get_function_name(name, environment)}" for name in environment.functions]
    for texts_by_name, log_groups in (
        (queries.FUNCTIONS, function_logs),
        (queries.ACCESS, access_logs),
        (queries.EVERYWHERE, access_logs + function_logs),
    ):
        for name, text in texts_by_name.items() if log_groups else ():
            resources[f"Query{_logical_id(name)}"] = _build_query(name, text, log_groups, environment)
    return resources


def _get_contact(severity: Severity, environment: Environment) -> Contact | None:
    return environment.pages if severity == "page" else environment.tickets or environment.pages


def _refer_to_topic(severity: Severity, environment: Environment) -> Value:
    contact = _get_contact(severity, environment)
    return contact.topic_arn if contact and contact.topic_arn else {"Ref": TOPICS[severity]}


def list_topic_arns(environment: Environment) -> list[Value]:
    """Those of this stack, and those that existed before it."""
    arns: dict[str, None] = {}
    for severity, logical_id in TOPICS.items():
        contact = _get_contact(severity, environment)
        own = f"{TOPIC_ARN}{_name_topic(logical_id, environment)}"
        arns[contact.topic_arn if contact and contact.topic_arn else own] = None
    return [substitute(arn) for arn in arns]


def _name_topic(logical_id: str, environment: Environment) -> str:
    return f"realtime-{environment.name}-{logical_id.lower()}"


def _build_topics(environment: Environment) -> dict[str, dict[str, Any]]:
    """Those that do not exist yet. Not encrypted: CloudWatch may not use SNS's own key. An alarm holds no
    user data.
    """
    resources: dict[str, dict[str, Any]] = {}
    for severity, logical_id in TOPICS.items():
        contact = _get_contact(severity, environment)
        if contact and contact.topic_arn:
            continue
        properties: dict[str, Any] = {"TopicName": _name_topic(logical_id, environment)}
        if contact:
            properties["Subscription"] = [{"Protocol": "email", "Endpoint": contact.email}]
        resources[logical_id] = {"Type": "AWS::SNS::Topic", "Properties": properties}
        resources[f"{logical_id}Policy"] = _build_topic_policy({"Ref": logical_id})
    return resources


def _build_topic_policy(topic: Value) -> dict[str, Any]:
    publish = {
        "Effect": "Allow",
        "Principal": {"Service": ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"]},
        "Action": "sns:Publish",
        "Resource": topic,
        "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
    }
    tls = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "sns:Publish",
        "Resource": topic,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    document = {"Version": "2012-10-17", "Statement": [publish, tls, notice.allow_events(topic)]}
    return {"Type": "AWS::SNS::TopicPolicy", "Properties": {"Topics": [topic], "PolicyDocument": document}}


def _build_query(name: str, text: str, log_groups: list[str], environment: Environment) -> dict[str, Any]:
    properties = {
        "Name": f"realtime-{environment.name}/{name}",
        "QueryString": text,
        "LogGroupNames": log_groups,
    }
    return {"Type": "AWS::Logs::QueryDefinition", "Properties": properties}


def _build_budget(environment: Environment, topic: Value) -> dict[str, Any]:
    def notify(kind: str, percent: int) -> dict[str, Any]:
        above = {
            "NotificationType": kind,
            "ComparisonOperator": "GREATER_THAN",
            "Threshold": percent,
            "ThresholdType": "PERCENTAGE",
        }
        return {"Notification": above, "Subscribers": [{"SubscriptionType": "SNS", "Address": topic}]}

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
