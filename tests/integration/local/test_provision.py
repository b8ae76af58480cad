from chalicelib.settings import Settings
from realtime.local.clients import Clients
from realtime.local.provision import provision
from realtime.resources import describe
from tests.support.unique_names import unique_names


def test_a_first_run_creates_everything_and_a_second_finds_it(aws_clients: Clients) -> None:
    settings = unique_names(Settings.from_env({}))
    resources = describe(settings)
    names = {table.name for table in resources.tables} | {
        settings.event_stream,
        settings.archive_bucket,
        settings.quarantine_queue,
        resources.failure_queue,
        settings.webhook_queue,
        settings.undelivered_queue,
    }

    first = provision(resources, aws_clients)
    assert set(first.created) == names
    assert str(first) == f"clean start: {len(names)} resources created"

    second = provision(resources, aws_clients)
    assert (set(second.existing), second.created) == (names, ())
    assert str(second) == f"resumed: {len(names)} resources found, 0 created"


def test_the_bucket_keeps_versions_and_what_is_described(aws_clients: Clients) -> None:
    settings = unique_names(Settings.from_env({}))
    provision(describe(settings), aws_clients)
    bucket = settings.archive_bucket
    assert aws_clients.s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    rules = aws_clients.s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    expires = {rule["Filter"]["Prefix"]: rule["Expiration"].get("Days") for rule in rules}
    assert expires == {
        "raw/": 400,
        "parquet/": 400,
        "raw/failed/": 90,
        "quarantine/": 15,
        "athena/": 7,
        "": None,
    }


def test_what_is_described_is_what_exists(aws_clients: Clients, aws_settings: Settings) -> None:
    resources = describe(aws_settings)
    for table in resources.tables:
        there = aws_clients.dynamodb.describe_table(TableName=table.name)["Table"]
        keys = [key["AttributeName"] for key in there["KeySchema"]]
        assert keys == [table.partition_key.name] + ([table.sort_key.name] if table.sort_key else [])
        assert there.get("StreamSpecification", {}).get("StreamEnabled", False) is table.stream
        expiry = aws_clients.dynamodb.describe_time_to_live(TableName=table.name)["TimeToLiveDescription"]
        assert expiry.get("AttributeName") == table.ttl_attribute
    stream = aws_clients.kinesis.describe_stream_summary(StreamName=aws_settings.event_stream)
    assert stream["StreamDescriptionSummary"]["OpenShardCount"] == resources.stream.shards
    assert stream["StreamDescriptionSummary"]["RetentionPeriodHours"] == resources.stream.retention_hours


def test_a_resource_that_exists_keeps_its_content(aws_clients: Clients, aws_settings: Settings) -> None:
    aws_clients.dynamodb.put_item(TableName=aws_settings.keys_table, Item={"id": {"S": "kept"}})
    provision(describe(aws_settings), aws_clients)
    assert aws_clients.dynamodb.scan(TableName=aws_settings.keys_table)["Count"] == 1
