"""A canary: what the local AWS's own Kinesis event source still gets wrong, which is why the pump reads.

When this fails, the emulator has learned it: see whether the pump (docs/adr/004-event-source-pump.md) can go.
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
    mapping = _map(aws_environment, aws_settings.event_stream, queue)
    try:
        first = _put(aws_clients, aws_settings)
        delivered = wait_until(lambda: _delivered(aws_clients, queue), seconds=20)
        second = _put(aws_clients, aws_settings)
        while second not in delivered:
            delivered += wait_until(lambda: _delivered(aws_clients, queue), seconds=20)
    finally:
        mapping.client.delete_event_source_mapping(UUID=mapping.uuid)
    # Lambda would give the first record again and again, and never come to the second.
    assert delivered.count(first) == 1


class Mapping:
    def __init__(self, client: Any, identifier: str) -> None:
        self.client, self.uuid = client, identifier


def _map(environ: dict[str, str], stream: str, queue: str) -> Mapping:
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
    found = lambda_.create_event_source_mapping(
        FunctionName=name,
        EventSourceArn=f"arn:aws:kinesis:us-east-1:000000000000:stream/{stream}",
        StartingPosition="TRIM_HORIZON",
        FunctionResponseTypes=["ReportBatchItemFailures"],
        MaximumRetryAttempts=3,
    )
    return Mapping(lambda_, found["UUID"])


def _put(clients: Clients, settings: Settings) -> str:
    """In one shard, so that their order is certain; the data as the function sees it."""
    text = uuid.uuid4().hex
    clients.kinesis.put_record(StreamName=settings.event_stream, Data=text.encode(), PartitionKey="one")
    return base64.b64encode(text.encode()).decode()


def _delivered(clients: Clients, queue: str) -> list[str]:
    """What arrived since the last look."""
    messages = clients.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    for message in messages:
        clients.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return [data for message in messages for data in json.loads(message["Body"])]
