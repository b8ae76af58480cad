"""The data stack against the one description of the resources, and the settings that keep data safe."""

import json

import pytest

from chalicelib.settings import Settings
from infra.resource_names import PLATFORM_TABLES
from realtime.resources import describe
from tests.support.synth import Templates, of_type

ENVIRONMENTS = ("dev", "staging", "prod")
TABLE = "AWS::DynamoDB::Table"


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_tables_are_the_described_ones(template: Templates, env: str) -> None:
    tables = of_type(template(f"{env}-standalone", "data"), TABLE)
    found = {
        one["TableName"]: (
            [key["AttributeName"] for key in one["KeySchema"]],
            one.get("TimeToLiveSpecification", {}).get("AttributeName"),
            "StreamSpecification" in one,
        )
        for one in tables.values()
    }
    described = describe(Settings.from_env({"REALTIME_ENV": env})).tables
    assert found == {
        table.name: (
            [table.partition_key.name] + ([table.sort_key.name] if table.sort_key else []),
            table.ttl_attribute,
            table.stream,
        )
        for table in described
    }


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_tables_are_on_demand_encrypted_and_recoverable(template: Templates, env: str) -> None:
    for one in of_type(template(f"{env}-standalone", "data"), TABLE).values():
        assert one["BillingMode"] == "PAY_PER_REQUEST"
        assert one["SSESpecification"] == {"SSEEnabled": True}
        assert one["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert one["DeletionProtectionEnabled"] is (env != "dev")


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_only_dev_loses_its_data_with_the_stack(template: Templates, env: str) -> None:
    kinds = {TABLE, "AWS::Kinesis::Stream", "AWS::S3::Bucket", "AWS::SQS::Queue"}
    found = template(f"{env}-standalone", "data")["Resources"].values()
    policies = {(one["DeletionPolicy"], one["UpdateReplacePolicy"]) for one in found if one["Type"] in kinds}
    # after a creation that failed, the names are free for the next attempt
    assert policies == {("Delete", "Delete") if env == "dev" else ("RetainExceptOnCreate", "Retain")}


def test_an_existing_platform_keeps_its_own_tables_stream_and_bucket(template: Templates) -> None:
    found = template("prod-existing", "data")
    names = {one["TableName"] for one in of_type(found, TABLE).values()}
    settings = Settings.from_env({"REALTIME_ENV": "prod"})
    theirs = {getattr(settings, setting) for setting in PLATFORM_TABLES}
    assert names == {table.name for table in describe(settings).tables} - theirs
    assert not of_type(found, "AWS::Kinesis::Stream")
    assert not of_type(found, "AWS::S3::Bucket")


def test_the_bucket_is_private_versioned_encrypted_and_ages(template: Templates) -> None:
    (bucket,) = of_type(template("prod-standalone", "data"), "AWS::S3::Bucket").values()
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    rules = {one["Id"]: one for one in bucket["LifecycleConfiguration"]["Rules"]}
    assert {step["StorageClass"] for step in rules["raw-gets-cold"]["Transitions"]} == {
        "STANDARD_IA",
        "GLACIER_IR",
    }
    assert rules["what-was-overwritten-or-given-up"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}


def test_the_stream_is_encrypted_and_kept_for_a_week(template: Templates) -> None:
    (stream,) = of_type(template("prod-standalone", "data"), "AWS::Kinesis::Stream").values()
    assert stream["StreamEncryption"] == {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    assert stream["RetentionPeriodHours"] == 168
    assert stream["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    (small,) = of_type(template("dev-standalone", "data"), "AWS::Kinesis::Stream").values()
    assert (small["ShardCount"], small["StreamModeDetails"]) == (1, {"StreamMode": "PROVISIONED"})


def test_queues_are_encrypted_and_keep_what_failed_for_two_weeks(template: Templates) -> None:
    queues = of_type(template("prod-standalone", "data"), "AWS::SQS::Queue")
    assert {one["QueueName"] for one in queues.values()} == {
        "experimentation-quarantine-prod",
        "experimentation-quarantine-prod-batches",
    }
    for one in queues.values():
        assert one["SqsManagedSseEnabled"] is True
        assert one["MessageRetentionPeriod"] == 14 * 86_400


def test_tables_queues_and_bucket_refuse_what_is_not_tls(template: Templates) -> None:
    found = template("prod-standalone", "data")
    policies = [one["PolicyDocument"] for one in of_type(found, "AWS::SQS::QueuePolicy").values()]
    policies += [one["PolicyDocument"] for one in of_type(found, "AWS::S3::BucketPolicy").values()]
    policies += [one["ResourcePolicy"]["PolicyDocument"] for one in of_type(found, TABLE).values()]
    assert len(policies) == 2 + 1 + 8
    for policy in policies:
        (statement,) = policy["Statement"]
        assert statement["Effect"] == "Deny"
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_firehose_writes_the_platforms_layout(template: Templates) -> None:
    (stream,) = of_type(template("prod-standalone", "data"), "AWS::KinesisFirehose::DeliveryStream").values()
    to = stream["ExtendedS3DestinationConfiguration"]
    assert to["Prefix"].startswith("raw/events/year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=")
    assert to["CompressionFormat"] == "GZIP"
    assert to["BufferingHints"] == {"IntervalInSeconds": 60, "SizeInMBs": 5}
    assert not of_type(template("dev-standalone", "data"), "AWS::KinesisFirehose::DeliveryStream")


def test_the_sync_finds_the_stream_of_assignments_by_parameter(template: Templates) -> None:
    (parameter,) = of_type(template("prod-standalone", "data"), "AWS::SSM::Parameter").values()
    asked = template("prod-standalone", "service")["Parameters"]["AssignmentsStream"]
    assert (asked["Type"], asked["Default"]) == ("AWS::SSM::Parameter::Value<String>", parameter["Name"])


def test_templates_fit_cloudformation(template: Templates) -> None:
    for stack in ("data", "service", "monitoring"):
        found = template("everything", stack)
        assert len(json.dumps(found, separators=(",", ":"))) < 1_000_000
        assert len(found["Resources"]) < 500
