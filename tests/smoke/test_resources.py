"""Tables, stream, functions, logs and alarms of a deployed environment are as they should be."""

import json
from typing import Any

import pytest

from infra.environments import FunctionName
from infra.functions import LOGICAL_IDS, get_function_name
from infra.release.alias import ALIAS
from infra.release.probes import PROBES, matches
from tests.support.deployment_target import DeploymentTarget

ALARM = "AWS::CloudWatch::Alarm"


def test_tables_are_active_and_recoverable(target: DeploymentTarget) -> None:
    dynamodb = target.client("dynamodb")
    tables = target.list_resources("data", "AWS::DynamoDB::Table")
    assert tables
    for name in tables:
        assert dynamodb.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE"
        backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"


def test_the_stream_is_active_for_a_week_back(target: DeploymentTarget) -> None:
    name = target.get_settings()["REALTIME_EVENT_STREAM"]
    summary = target.client("kinesis").describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert summary["StreamStatus"] == "ACTIVE"
    assert summary["RetentionPeriodHours"] >= 24


@pytest.mark.parametrize("name", LOGICAL_IDS)
def test_each_function_answers_its_probes_at_its_alias(target: DeploymentTarget, name: FunctionName) -> None:
    if name not in target.environment.functions:
        pytest.skip(f"{target.environment.name} has no function {name}")
    function = f"{get_function_name(name, target.environment)}:{ALIAS}"
    for probe in PROBES[name]:
        response = target.client("lambda").invoke(FunctionName=function, Payload=json.dumps(probe.event))
        answer = json.loads(response["Payload"].read())
        assert "FunctionError" not in response, answer
        assert matches(probe.expect, answer), answer


@pytest.mark.parametrize("name", LOGICAL_IDS)
def test_each_function_keeps_its_log_as_long_as_it_should(
    target: DeploymentTarget, name: FunctionName
) -> None:
    name_of_group = f"/aws/lambda/{get_function_name(name, target.environment)}"
    groups = target.client("logs").describe_log_groups(logGroupNamePrefix=name_of_group)["logGroups"]
    (group,) = [group for group in groups if group["logGroupName"] == name_of_group]
    assert group["retentionInDays"] == target.environment.log_days


def test_every_alarm_is_there(target: DeploymentTarget) -> None:
    expected = target.list_resources("monitoring", ALARM)
    states = alarms(target)
    assert states.keys() >= expected
    assert f"realtime-{target.environment.name}-quarantine-not-empty" in states


def test_somebody_hears_of_every_alarm(target: DeploymentTarget) -> None:
    """A subscription by email counts when it is confirmed. Other environments than prod may have none."""
    topics = {topic for alarm in read_alarms(target) for topic in alarm["AlarmActions"]}
    assert topics
    for topic in topics:
        pages = target.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
        arns = [subscription["SubscriptionArn"] for page in pages for subscription in page["Subscriptions"]]
        is_heard = any(arn.startswith("arn:") for arn in arns) or target.environment.name != "prod"
        assert is_heard, f"nobody has confirmed a subscription of {topic}"


@pytest.mark.state
def test_no_alarm_rings(target: DeploymentTarget) -> None:
    assert ringing(alarms(target)) == []


@pytest.mark.state
def test_nothing_waits_in_quarantine(target: DeploymentTarget) -> None:
    sqs, quarantine = target.client("sqs"), target.get_settings()["REALTIME_QUARANTINE_QUEUE"]
    for queue in (quarantine, f"{quarantine}-batches"):
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        assert answer["Attributes"]["ApproximateNumberOfMessages"] == "0"


def alarms(target: DeploymentTarget) -> dict[str, str]:
    """The states of all alarms by their names."""
    return {alarm["AlarmName"]: alarm["StateValue"] for alarm in read_alarms(target)}


def read_alarms(target: DeploymentTarget) -> list[dict[str, Any]]:
    paginator = target.client("cloudwatch").get_paginator("describe_alarms")
    answers = paginator.paginate(AlarmNamePrefix=f"realtime-{target.environment.name}-")
    return [alarm for page in answers for alarm in page["MetricAlarms"]]


def ringing(states: dict[str, str]) -> list[str]:
    return [name for name, state in states.items() if state == "ALARM"]
