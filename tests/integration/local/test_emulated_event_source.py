"""A canary: the emulator's own Kinesis event source loses records, so the pump reads the stream instead.

If this test fails, the emulator was fixed: see whether the pump (docs/adr/004-event-source-pump.md) can go.
"""

import base64
import io
import json
import uuid
import zipfile
from typing import Any

from boto3.session import Session

from chalicelib.settings import Settings
from realtime.local.clients import Clients
from tests.support.poll import wait_until

REPORTS_A_FAILURE = """
import json, os
import boto3

def handler(event, _context):
    sqs = boto3.client("sqs", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    numbers = [record["kinesis"]["sequenceNumber"] for record in event["Records"]]
    data = [record["kinesis"]["data"] for record in event["Records"]]
    sqs.send_message(QueueUrl=os.environ["DELIVERED_TO"], MessageBody=json.dumps(data))
    return {"batchItemFailures": [{"itemIdentifier": numbers[0]}]}
"""


def test_its_kinesis_source_still_loses_what_a_function_reports_as_failed(
    aws_environment: dict[str, str], aws_clients: Clients, aws_settings: Settings
) -> None:
    queue = aws_clients.sqs.get_queue_url(QueueName=aws_settings.quarantine_queue)["QueueUrl"]
    mapping = _create_mapping(aws_environment, aws_settings.event_stream, queue)
    try:
        first = _put(aws_clients, aws_settings)
        delivered = wait_until(lambda: _receive_delivered(aws_clients, queue), seconds=20)
        second = _put(aws_clients, aws_settings)
        while second not in delivered:
            delivered += wait_until(lambda: _receive_delivered(aws_clients, queue), seconds=20)
    finally:
        mapping.client.delete_event_source_mapping(UUID=mapping.uuid)
    # Lambda would give the first record again and again, and never come to the second.
    assert delivered.count(first) == 1


class Mapping:
    def __init__(self, client: Any, identifier: str) -> None:
        self.client, self.uuid = client, identifier


def _create_mapping(environ: dict[str, str], stream: str, queue: str) -> Mapping:
    session = Session(environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1")
    lambda_ = session.client("lambda", endpoint_url=environ["AWS_ENDPOINT_URL"])
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", REPORTS_A_FAILURE)
    name = f"canary-{uuid.uuid4().hex[:8]}"
    lambda_.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role="arn:aws:iam::000000000000:role/canary",
        Handler="index.handler",
        Code={"ZipFile": code.getvalue()},
        Environment={"Variables": {**environ, "DELIVERED_TO": queue}},
    )
    created = lambda_.create_event_source_mapping(
        FunctionName=name,
        EventSourceArn=f"arn:aws:kinesis:us-east-1:000000000000:stream/{stream}",
        StartingPosition="TRIM_HORIZON",
        FunctionResponseTypes=["ReportBatchItemFailures"],
        MaximumRetryAttempts=3,
    )
    return Mapping(lambda_, created["UUID"])


def _put(clients: Clients, settings: Settings) -> str:
    """Put a record, always into the same shard. Returns its data as the function receives it."""
    text = uuid.uuid4().hex
    clients.kinesis.put_record(StreamName=settings.event_stream, Data=text.encode(), PartitionKey="same")
    return base64.b64encode(text.encode()).decode()


def _receive_delivered(clients: Clients, queue: str) -> list[str]:
    """Data that the function has received since the last call."""
    messages = clients.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    for message in messages:
        clients.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return [data for message in messages for data in json.loads(message["Body"])]
