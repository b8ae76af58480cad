"""On an existing platform, its tables, stream and bucket are looked up in SSM and used as they are."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from infra import environments
from infra.functions import get_function_name
from infra.resource_names import PLATFORM_TABLES, get_platform_defaults
from realtime.local.clients import Clients, connect
from realtime.local.emulator import build_environment, start_emulator
from tests.support import synth
from tests.support.deployment import deploy
from tests.support.deployment_target import SMOKE_DEFINITIONS, run_toolkit
from tests.support.poll import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.aws, pytest.mark.timeout(300)]
USER, TESTER = "realtime-smoke-1", "realtime-smoke-2"
TABLE, STREAM, BUCKET = "platform-{}-x7f3", "platform-events-x7f3", "platform-lake-x7f3"


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with start_emulator(log=tmp_path_factory.mktemp("embedded") / "aws.log") as endpoint:
        yield build_environment(endpoint)


@pytest.fixture(scope="module")
def clients(environ: dict[str, str]) -> Clients:
    return connect(environ)


@pytest.fixture(scope="module")
def api(
    environ: dict[str, str], clients: Clients, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    folder = synth.shared(tmp_path_factory)
    _create_platform(clients, environ)
    deployed = deploy(folder, "emulator-existing", environ)
    lambda_ = deployed.session.client("lambda", endpoint_url=environ["AWS_ENDPOINT_URL"])
    function = get_function_name("ingest", environments.load("dev"))
    # As in docs/runbook.md: the names that come from SSM are in the functions' settings.
    settings = lambda_.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    scopes = "assign,flags,events,results"
    output = run_toolkit(environ | settings, "keys", "create", "--scopes", scopes, "--label", "embedded")
    key = output.split()[0]
    run_toolkit(environ | settings, "publish", str(SMOKE_DEFINITIONS))
    with httpx.Client(
        base_url=deployed.address, timeout=30, headers={"Authorization": f"Bearer {key}"}
    ) as client:
        yield client


def _create_platform(clients: Clients, environ: dict[str, str]) -> None:
    """Create what the platform's own stacks create, under names that are in SSM only."""
    from boto3.session import Session

    ssm = Session(
        environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1"
    ).client("ssm", endpoint_url=environ["AWS_ENDPOINT_URL"])
    defaults = get_platform_defaults("dev")
    parameters = {defaults.stream: STREAM, defaults.bucket: BUCKET}
    for word in PLATFORM_TABLES.values():
        table: Any = clients.dynamodb.create_table(
            TableName=TABLE.format(word),
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        parameters[f"/experimentation/dev/dynamodb/{word}-table"] = TABLE.format(word)
        if word == "assignments":
            parameters[defaults.assignments_stream] = table["TableDescription"]["LatestStreamArn"]
    override = {"id": "o1", "target_id": "realtime-smoke", "user_id": TESTER, "variant": "treatment"}
    clients.dynamodb.put_item(
        TableName=TABLE.format("overrides"), Item={name: {"S": value} for name, value in override.items()}
    )
    clients.kinesis.create_stream(StreamName=STREAM, ShardCount=1)
    clients.s3.create_bucket(Bucket=BUCKET)
    for name, value in parameters.items():
        ssm.put_parameter(Name=name, Value=value, Type="String")


def assign(api: httpx.Client, user: str) -> dict[str, Any]:
    answer = api.post("/assign", json={"user_id": user, "experiment_key": "realtime.smoke"})
    assert answer.status_code == 200, answer.text
    assignment: dict[str, Any] = answer.json()
    return assignment


def test_a_decision_lies_in_the_platforms_table_as_its_indexes_want_it(
    api: httpx.Client, clients: Clients
) -> None:
    decided = assign(api, USER)
    row = clients.dynamodb.get_item(
        TableName=TABLE.format("assignments"), Key={"id": {"S": f"{decided['experiment_id']}#{USER}"}}
    )["Item"]
    assert row["variation"] == row["variant"] == {"S": decided["variant"]}
    assert float(row["assigned_at"]["N"]) > 1_700_000_000


def test_the_platforms_overrides_are_obeyed(api: httpx.Client) -> None:
    decided = assign(api, TESTER)
    assert (decided["variant"], decided["reason"]) == ("treatment", "OVERRIDE")


def test_events_reach_the_platforms_stream(api: httpx.Client, clients: Clients) -> None:
    event = {"event_type": "purchase", "user_id": "u1", "timestamp": "2026-11-22T10:00:00Z"}
    assert api.post("/events", json=event).status_code == 202
    shard = clients.kinesis.list_shards(StreamName=STREAM)["Shards"][0]["ShardId"]
    iterator = clients.kinesis.get_shard_iterator(
        StreamName=STREAM, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = wait_until(lambda: clients.kinesis.get_records(ShardIterator=iterator)["Records"])
    assert any(b"purchase" in record["Data"] for record in records)
