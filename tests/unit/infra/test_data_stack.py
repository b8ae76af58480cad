"""The data stack against the one description of the resources, and the settings that keep data safe."""

import json
import re
from dataclasses import replace
from fnmatch import fnmatch
from typing import Any

import pytest
import sqlglot

from chalicelib.settings import Settings
from infra import environments
from infra.data import build_resources
from infra.resource_names import PLATFORM_TABLES, resolve_names
from realtime.analysis.engines.athena_table import Layout, name_in_stack, write_table
from realtime.resources import QUERY_RESULTS, describe
from tests.support.paths import ROOT
from tests.support.synth import Templates, of_type

ENVIRONMENTS = ("dev", "staging", "prod")
TABLE = "AWS::DynamoDB::Table"


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_tables_are_the_described_ones(template: Templates, env: str) -> None:
    tables = of_type(template(f"{env}-standalone", "data"), TABLE)
    deployed = {
        table["TableName"]: (
            [key["AttributeName"] for key in table["KeySchema"]],
            table.get("TimeToLiveSpecification", {}).get("AttributeName"),
            "StreamSpecification" in table,
        )
        for table in tables.values()
    }
    described = describe(Settings.from_env({"REALTIME_ENV": env})).tables
    assert deployed == {
        table.name: (
            [table.partition_key.name] + ([table.sort_key.name] if table.sort_key else []),
            table.ttl_attribute,
            table.stream,
        )
        for table in described
    }


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_tables_are_on_demand_encrypted_and_recoverable(template: Templates, env: str) -> None:
    for table in of_type(template(f"{env}-standalone", "data"), TABLE).values():
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert table["SSESpecification"] == {"SSEEnabled": True}
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["DeletionProtectionEnabled"] is (env != "dev")


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_only_dev_loses_its_data_with_the_stack(template: Templates, env: str) -> None:
    kinds = {TABLE, "AWS::Kinesis::Stream", "AWS::S3::Bucket", "AWS::SQS::Queue"}
    resources = template(f"{env}-standalone", "data")["Resources"].values()
    policies = {
        (resource["DeletionPolicy"], resource["UpdateReplacePolicy"])
        for resource in resources
        if resource["Type"] in kinds
    }
    # a resource whose creation failed is deleted, so that its name is free for the next attempt
    assert policies == {("Delete", "Delete") if env == "dev" else ("RetainExceptOnCreate", "Retain")}


def test_an_existing_platform_keeps_its_own_tables_stream_and_bucket(template: Templates) -> None:
    expanded = template("prod-existing", "data")
    names = {table["TableName"] for table in of_type(expanded, TABLE).values()}
    settings = Settings.from_env({"REALTIME_ENV": "prod"})
    platform_tables = {getattr(settings, setting) for setting in PLATFORM_TABLES}
    assert names == {table.name for table in describe(settings).tables} - platform_tables
    assert not of_type(expanded, "AWS::Kinesis::Stream")
    assert not of_type(expanded, "AWS::S3::Bucket")


def test_the_bucket_is_private_versioned_encrypted_and_ages(template: Templates) -> None:
    (bucket,) = of_type(template("prod-standalone", "data"), "AWS::S3::Bucket").values()
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
    assert {step["StorageClass"] for step in rules["raw-gets-cold"]["Transitions"]} == {
        "STANDARD_IA",
        "GLACIER_IR",
    }
    assert rules["what-was-overwritten-or-given-up"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    days = {name: rule.get("ExpirationInDays") for name, rule in rules.items()}
    assert days == {
        "raw-gets-cold": 400,
        "compacted-expires-as-raw": 400,
        "failed-deliveries": 90,
        "quarantine-outlives-its-queue": 15,
        "query-results": 7,
        "what-was-overwritten-or-given-up": None,
    }


def test_retention_follows_the_settings_of_the_environment() -> None:
    settings = {"REALTIME_ARCHIVE_DAYS": "100", "REALTIME_QUARANTINE_DAYS": "10"}
    environment = replace(environments.load("dev"), settings=settings)
    resources = build_resources(environment, resolve_names("dev", "standalone"))
    rules = resources["ArchiveBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    by_id = {rule["Id"]: rule for rule in rules}
    assert by_id["raw-gets-cold"]["ExpirationInDays"] == 100
    assert [step["StorageClass"] for step in by_id["raw-gets-cold"]["Transitions"]] == ["STANDARD_IA"]
    assert by_id["quarantine-outlives-its-queue"]["ExpirationInDays"] == 11
    assert resources["Quarantine"]["Properties"]["MessageRetentionPeriod"] == 10 * 86_400


def test_a_message_to_a_webhook_is_tried_for_a_day_before_it_is_given_up(template: Templates) -> None:
    queues = of_type(template("prod-standalone", "data"), "AWS::SQS::Queue")
    webhooks, undelivered = queues["Webhooks"], queues["UndeliveredWebhooks"]
    redrive = webhooks["RedrivePolicy"]
    assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": ["UndeliveredWebhooks", "Arn"]}
    assert redrive["maxReceiveCount"] <= 1000  # SQS takes no more
    tried = redrive["maxReceiveCount"] * webhooks["VisibilityTimeout"]
    assert 24 * 3600 <= tried < webhooks["MessageRetentionPeriod"] - 7 * 86_400  # else it ends before that
    # the age of a message goes on in the second queue
    assert undelivered["MessageRetentionPeriod"] == webhooks["MessageRetentionPeriod"] == 14 * 86_400


@pytest.mark.parametrize(
    ("variable", "value"), [("REALTIME_ARCHIVE_DAYS", "-1"), ("REALTIME_QUARANTINE_DAYS", "15")]
)
def test_a_retention_that_cannot_be_is_refused_by_name(variable: str, value: str) -> None:
    with pytest.raises(ValueError, match=variable):
        describe(Settings.from_env({variable: value}))


def test_the_stream_is_encrypted_and_kept_for_a_week(template: Templates) -> None:
    (stream,) = of_type(template("prod-standalone", "data"), "AWS::Kinesis::Stream").values()
    assert stream["StreamEncryption"] == {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    assert stream["RetentionPeriodHours"] == 168
    assert stream["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    (small,) = of_type(template("dev-standalone", "data"), "AWS::Kinesis::Stream").values()
    assert (small["ShardCount"], small["StreamModeDetails"]) == (1, {"StreamMode": "PROVISIONED"})


def test_queues_are_encrypted_and_keep_what_failed_for_two_weeks(template: Templates) -> None:
    queues = of_type(template("prod-standalone", "data"), "AWS::SQS::Queue")
    assert {queue["QueueName"] for queue in queues.values()} == {
        "experimentation-quarantine-prod",
        "experimentation-quarantine-prod-batches",
        "experimentation-webhooks-prod",
        "experimentation-webhooks-prod-undelivered",
    }
    for queue in queues.values():
        assert queue["SqsManagedSseEnabled"] is True
        assert queue["MessageRetentionPeriod"] == 14 * 86_400


def test_payloads_outlive_the_messages_that_point_at_them(template: Templates) -> None:
    (bucket,) = of_type(template("prod-standalone", "data"), "AWS::S3::Bucket").values()
    rules = bucket["LifecycleConfiguration"]["Rules"]
    (days,) = (rule["ExpirationInDays"] for rule in rules if rule.get("Prefix") == "quarantine/")
    assert days == 15


def test_tables_queues_and_bucket_refuse_what_is_not_tls(template: Templates) -> None:
    expanded = template("prod-standalone", "data")
    policies = [
        resource["PolicyDocument"] for resource in of_type(expanded, "AWS::SQS::QueuePolicy").values()
    ]
    policies += [
        resource["PolicyDocument"] for resource in of_type(expanded, "AWS::S3::BucketPolicy").values()
    ]
    policies += [
        resource["ResourcePolicy"]["PolicyDocument"] for resource in of_type(expanded, TABLE).values()
    ]
    assert len(policies) == 4 + 1 + 10
    for policy in policies:
        (statement,) = policy["Statement"]
        assert statement["Effect"] == "Deny"
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_firehose_writes_the_platforms_layout(template: Templates) -> None:
    (stream,) = of_type(template("prod-standalone", "data"), "AWS::KinesisFirehose::DeliveryStream").values()
    destination = stream["ExtendedS3DestinationConfiguration"]
    assert destination["Prefix"].startswith("raw/events/year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=")
    assert destination["CompressionFormat"] == "GZIP"
    assert destination["BufferingHints"] == {"IntervalInSeconds": 60, "SizeInMBs": 5}
    assert not of_type(template("dev-standalone", "data"), "AWS::KinesisFirehose::DeliveryStream")


def test_the_documented_query_reads_what_firehose_writes(template: Templates) -> None:
    (stream,) = of_type(template("prod-standalone", "data"), "AWS::KinesisFirehose::DeliveryStream").values()
    destination = stream["ExtendedS3DestinationConfiguration"]
    folder = re.sub(r"!\{timestamp:(\w+)\}", "20", destination["Prefix"])
    key = f"{folder}archive-1-2026-11-22-10-00-00-abc{destination['FileExtension']}"
    [pattern] = re.findall(r"read_json\('s3://BUCKET/(.+?)'", (ROOT / "docs" / "archive.md").read_text())
    assert fnmatch(key, pattern.replace("**/", "*"))
    assert destination["CompressionFormat"] == "GZIP"
    assert pattern.endswith(destination["FileExtension"])


def test_the_sync_finds_the_stream_of_assignments_by_parameter(template: Templates) -> None:
    (parameter,) = of_type(template("prod-standalone", "data"), "AWS::SSM::Parameter").values()
    input_parameter = template("prod-standalone", "service")["Parameters"]["AssignmentsStream"]
    assert (input_parameter["Type"], input_parameter["Default"]) == (
        "AWS::SSM::Parameter::Value<String>",
        parameter["Name"],
    )


def test_templates_fit_cloudformation(template: Templates) -> None:
    for stack in ("data", "service", "monitoring"):
        expanded = template("everything", stack)
        assert len(json.dumps(expanded, separators=(",", ":"))) < 1_000_000
        assert len(expanded["Resources"]) < 500


def _resolve(node: Any) -> Any:
    """``Fn::Join`` as its text, where each name of a bucket is BUCKET."""
    if isinstance(node, dict) and "Fn::Join" in node:
        between, parts = node["Fn::Join"]
        return between.join(part if isinstance(part, str) else "BUCKET" for part in parts)
    if isinstance(node, dict):
        return {name: _resolve(value) for name, value in node.items()}
    return [_resolve(child) for child in node] if isinstance(node, list) else node


@pytest.mark.parametrize(("archive", "has_hours"), [("s3", True), ("firehose", False)])
def test_athenas_table_is_the_one_that_analyze_would_create(archive: str, has_hours: bool) -> None:
    environment = environments.load("prod")
    environment = replace(environment, settings={**environment.settings, "REALTIME_ARCHIVE": archive})
    resources = build_resources(environment, resolve_names("prod", "standalone"))
    table = _resolve(resources["QueryTable"]["Properties"]["TableInput"])
    storage = table["StorageDescriptor"]
    made = name_in_stack("prod")
    statement = write_table(made.database, made.table, Layout("s3://BUCKET", has_hours=has_hours))
    create = sqlglot.parse_one(statement, dialect="athena")
    properties = {
        each.this.name: each.args["value"].name
        for each in create.args["properties"].expressions
        if type(each) is sqlglot.exp.Property
    }
    columns = [each for each in create.this.expressions if isinstance(each, sqlglot.exp.ColumnDef)]
    assert [each["Name"] for each in storage["Columns"]] == [each.name for each in columns]
    assert properties.items() <= table["Parameters"].items()
    assert properties["storage.location.template"].startswith("s3://BUCKET/raw/events/year=${year}/")
    assert ("hour=${hour}" in properties["storage.location.template"]) is has_hours
    assert [each["Name"] for each in table["PartitionKeys"]][3:] == (["hour"] if has_hours else [])
    assert f"location '{storage['Location']}'" in statement
    assert f"serde '{storage['SerdeInfo']['SerializationLibrary']}'" in statement
    for name, value in storage["SerdeInfo"]["Parameters"].items():
        assert f"'{name}' = '{value}'" in statement
    workgroup = _resolve(resources["QueryWorkgroup"]["Properties"])
    assert workgroup["Name"] == made.workgroup
    results = workgroup["WorkGroupConfiguration"]["ResultConfiguration"]["OutputLocation"]
    assert results == f"s3://BUCKET/{QUERY_RESULTS}"
    rules = {rule.prefix: rule.expires for rule in describe(Settings.from_env({})).lifecycle}
    assert rules[QUERY_RESULTS] == 7


def test_an_existing_platform_has_tables_of_its_own() -> None:
    resources = build_resources(environments.load("prod"), resolve_names("prod", "existing"))
    assert not any(each["Type"].startswith(("AWS::Athena", "AWS::Glue")) for each in resources.values())
