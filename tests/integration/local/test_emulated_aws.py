"""Behaviour of AWS that the stores rely on, checked against the emulator."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from chalicelib.settings import Settings
from realtime.local.clients import Clients


def test_a_failed_condition_returns_the_row_that_won(aws_clients: Clients, aws_settings: Settings) -> None:
    def put(variant: str) -> None:
        aws_clients.dynamodb.put_item(
            TableName=aws_settings.assignments_table,
            Item={"id": {"S": "e#u"}, "variant": {"S": variant}},
            ConditionExpression="attribute_not_exists(id)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    put("winner")
    with pytest.raises(ClientError) as failure:
        put("loser")
    assert failure.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
    assert failure.value.response["Item"] == {"id": {"S": "e#u"}, "variant": {"S": "winner"}}  # type: ignore[typeddict-item]  # boto3-stubs lack it


def test_concurrent_adds_lose_none(aws_clients: Clients, aws_settings: Settings) -> None:
    key = {"id": {"S": "e"}, "counter": {"S": "c"}}

    def add(_: int) -> None:
        aws_clients.dynamodb.update_item(
            TableName=aws_settings.counters_table,
            Key=key,
            UpdateExpression="ADD n :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, range(200)))
    item = aws_clients.dynamodb.get_item(TableName=aws_settings.counters_table, Key=key)["Item"]
    assert item["n"] == {"N": "200"}


def test_one_of_many_conditional_puts_wins(aws_clients: Clients, aws_settings: Settings) -> None:
    def put(number: int) -> bool:
        try:
            aws_clients.dynamodb.put_item(
                TableName=aws_settings.assignments_table,
                Item={"id": {"S": "race"}, "variant": {"N": str(number)}},
                ConditionExpression="attribute_not_exists(id)",
            )
        except aws_clients.dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(put, range(40))) == 1
