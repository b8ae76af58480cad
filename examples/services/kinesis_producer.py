"""A producer that writes events into the stream itself, without the API: kinesis_producer.py FILE.jsonl

For a service on AWS that has many events and may put records. It needs boto3, the stream's name in
REALTIME_EVENT_STREAM, and the usual settings of AWS. Each line is an event as of `POST /events`, with an
event_id. Records of one user go to one shard, so they stay in order. What the stream does not take is sent
again; an event_id that arrives twice counts once.
"""

import json
import os
import sys
import time

import boto3

MAX_RECORDS = 500  # of one call
ATTEMPTS = 6


def send(kinesis, stream, events):
    """Raises RuntimeError if the stream still refuses some after `ATTEMPTS`."""
    records = [
        {"Data": json.dumps(event).encode(), "PartitionKey": event["user_id"][:256]} for event in events
    ]
    for attempt in range(ATTEMPTS):
        answer = kinesis.put_records(StreamName=stream, Records=records)
        verdicts = zip(records, answer["Records"], strict=True)
        records = [record for record, verdict in verdicts if "ErrorCode" in verdict]
        if not records:
            return
        time.sleep(0.1 * 2**attempt)
    raise RuntimeError(f"{len(records)} events were not taken")


def main():
    kinesis = boto3.client("kinesis")
    stream = os.environ.get("REALTIME_EVENT_STREAM", "experimentation-events-local")
    events, sent = [], 0
    with open(sys.argv[1], encoding="utf-8") as lines:
        for line in lines:
            events.append(json.loads(line))
            if len(events) == MAX_RECORDS:
                send(kinesis, stream, events)
                sent, events = sent + len(events), []
    if events:
        send(kinesis, stream, events)
    print(f"{sent + len(events)} events sent.")


if __name__ == "__main__":
    main()
