"""Leaving and coming back, against the local AWS: teardown, adoption, and teardown of everything."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from boto3.session import Session

from infra import adopt, environments, teardown
from infra.app import compose_data
from infra.leaving.retained import delete, find_identifier, list_retained
from infra.leaving.stacks import list_stacks, wait
from infra.resource_names import resolve_names
from infra.target import check_target
from realtime.local.emulator import build_environment, start_emulator

STAGING = environments.load("staging")
NAMES = resolve_names("staging", "standalone", given={"event_stream": "elsewhere"})
"""Without a stream: the emulator imports no streams."""
STACK = "realtime-staging-data"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """An account of its own: other tests have buckets and stacks in theirs."""
    log = tmp_path_factory.mktemp("leaving") / "aws.log"
    with start_emulator(log=log) as endpoint, pytest.MonkeyPatch.context() as environ:
        for name, value in build_environment(endpoint).items():
            environ.setenv(name, value)
        yield Session(region_name="us-east-1")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("data")
    compose_data(STAGING, NAMES, folder).synth()
    body: dict[str, Any] = json.loads((folder / f"{STACK}.template.json").read_text())
    return {"Resources": body["Resources"]}


def deploy(aws: Session, template: dict[str, Any], operation: str) -> None:
    formation: Any = aws.client("cloudformation")
    call = formation.create_stack if operation == "CREATE" else formation.update_stack
    call(StackName=STACK, TemplateBody=json.dumps(template))
    wait(formation, STACK, {f"{operation}_COMPLETE"}, lambda _: None)
    formation.update_termination_protection(StackName=STACK, EnableTerminationProtection=True)


def list_left(aws: Session) -> list[str]:
    target = check_target(STAGING, aws)
    return [
        each.logical_id
        for each in list_retained(STAGING, NAMES, target)
        if find_identifier(aws, each) is not None
    ]


def run(command: Any, aws: Session, *arguments: str, **options: Any) -> None:
    command.main(
        ["staging", "-c", "event_stream=elsewhere", *arguments], aws, pause=lambda _: None, **options
    )


def test_an_environment_goes_comes_back_with_its_data_and_goes_for_good(
    aws: Session, template: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(aws, template, "CREATE")
    formation, dynamodb, s3 = aws.client("cloudformation"), aws.client("dynamodb"), aws.client("s3")
    bucket = next(name for name in (b["Name"] for b in s3.list_buckets()["Buckets"]) if "archive" in name)
    fill(s3, bucket)
    dynamodb.put_item(TableName="experimentation-keys-staging", Item={"id": {"S": "k1"}})
    everything = list_left(aws)
    assert len(everything) >= 13

    run(teardown, aws)
    listed = capsys.readouterr().out
    assert f"stack {STACK} (protected)" in listed
    assert f"bucket {bucket}" in listed
    assert "Nothing was changed." in listed

    with pytest.raises(SystemExit, match="nothing was changed"):
        run(teardown, aws, "--everything", ask=lambda _: "prod")
    assert len(list_stacks(formation, STAGING)) == 1

    run(teardown, aws, "--stacks", ask=lambda _: "staging")
    assert list_stacks(formation, STAGING) == []
    assert list_left(aws) == everything

    run(adopt, aws, "--import")
    assert [stack.status for stack in list_stacks(formation, STAGING)] == ["IMPORT_COMPLETE"]
    deploy(aws, template, "UPDATE")
    item = dynamodb.get_item(TableName="experimentation-keys-staging", Key={"id": {"S": "k1"}})["Item"]
    assert item["id"] == {"S": "k1"}
    versions = s3.list_object_versions(Bucket=bucket)
    assert (len(versions["Versions"]), len(versions["DeleteMarkers"])) == (3, 1)

    run(teardown, aws, "--everything", "--yes")
    assert list_stacks(formation, STAGING) == []
    assert list_left(aws) == []
    assert "archive" not in str(s3.list_buckets()["Buckets"])
    capsys.readouterr()
    run(teardown, aws, "--everything", "--yes")
    assert "Nothing is there." in capsys.readouterr().out


def test_a_stream_and_a_created_key_go_too(aws: Session) -> None:
    environment = replace(STAGING, kms_key="create")
    kms, kinesis = aws.client("kms"), aws.client("kinesis")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/realtime-staging", TargetKeyId=key)
    kinesis.create_stream(StreamName="experimentation-events-staging", ShardCount=1)
    names, target = resolve_names("staging", "standalone"), check_target(environment, aws)
    there = [each for each in list_retained(environment, names, target) if find_identifier(aws, each)]
    assert {each.kind for each in there} == {"key", "stream"}
    for each in there:
        delete(aws, each, print)
    assert not any(find_identifier(aws, each) for each in there)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"


def fill(s3: Any, bucket: str) -> None:
    """Two versions of one object, and one that a marker hides."""
    for key in ("raw/a", "raw/a", "raw/b"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    s3.delete_object(Bucket=bucket, Key="raw/b")
