"""With `kms_key`, one key of the customer encrypts everything that is stored, and each role may use it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from infra import environments
from infra.__main__ import resolve_context
from infra.app import adapt
from infra.data import Data
from infra.encryption import ENCRYPTED, build_resources, build_service_statements, encrypt, list_key_actions
from infra.functions import LOGICAL_IDS
from infra.pipeline import build_resources as build_pipeline
from infra.resource_names import resolve_names
from infra.roles import build_statements
from infra.stack import add_resources
from tests.support.paths import ROOT
from tests.support.synth import PLATFORM_KEY, STACKS, Templates, everything, load, of_type

ARN = "arn:aws:kms:eu-west-1:123456789012:key/1a2b3c4d"
UNENCRYPTED = {
    "AWS::Lambda::EventSourceMapping",  # its key is for filters, and there are none
    "AWS::StepFunctions::StateMachine",  # its input names functions and versions
}
PROD = environments.load("prod")


def find_keys(node: Any) -> set[str]:
    """Values of all fields whose name says that they are a key of KMS."""
    found: set[str] = set()
    if isinstance(node, dict):
        for name, value in node.items():
            is_key = "kms" in name.lower() and name != "KMSEncryptionConfig"
            found |= {json.dumps(value)} if is_key or name in ("KeyId", "KeyARN") else find_keys(value)
    if isinstance(node, list):
        found |= {key for child in node for key in find_keys(child)}
    return found


@pytest.mark.parametrize("stack", STACKS)
def test_everything_that_is_stored_has_the_key(template: Templates, stack: str) -> None:
    key = {"Fn::GetAtt": ["EncryptionKey", "Arn"]} if stack == "data" else {"Fn::Sub": "${KmsKey}"}
    path = {"Ref": "KmsKey"}  # as SAM may write it
    stored = [
        (name, resource)
        for name, resource in template("everything", stack)["Resources"].items()
        if resource["Type"] in ENCRYPTED and "PreTraffic" not in name
    ]
    assert stored
    for name, resource in stored:
        assert find_keys(resource["Properties"]) <= {json.dumps(key), json.dumps(path)}, name
        assert find_keys(resource["Properties"]), name


def test_no_type_that_takes_a_key_was_forgotten(synthesised: Path) -> None:
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]  # no types

    types = {
        resource["Type"]
        for variant in ("everything", "prod-standalone")
        for stack in STACKS
        for resource in load(synthesised, variant, stack)["Resources"].values()
    }
    schemas = {kind: PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema for kind in types}
    takes_key = {kind for kind, schema in schemas.items() if "kmskey" in json.dumps(schema).lower()}
    assert takes_key - {"AWS::KMS::Key", "AWS::KMS::Alias"} - UNENCRYPTED <= ENCRYPTED.keys()
    assert len(takes_key) >= 5


def test_a_created_key_rotates_outlives_its_stack_and_serves_logs_and_alarms() -> None:
    created = build_resources(replace(PROD, kms_key="create"))
    key = created["EncryptionKey"]
    assert key["DeletionPolicy"] == "RetainExceptOnCreate"
    assert key["Properties"]["EnableKeyRotation"] is True
    account, *services = key["Properties"]["KeyPolicy"]["Statement"]
    assert (account["Action"], "root" in str(account["Principal"])) == ("kms:*", True)
    assert services == build_service_statements()
    assert "logs.${AWS::Region}" in str(services[0])
    assert "cloudwatch.amazonaws.com" in str(services[1])
    assert all("Condition" in statement for statement in services)


def test_without_a_setting_aws_keys_encrypt(template: Templates) -> None:
    for stack in STACKS:
        expanded = template("prod-standalone", stack)
        assert not of_type(expanded, "AWS::KMS::Key")
        assert "KmsKey" not in json.dumps(expanded)


def test_a_key_that_exists_is_named_as_it_is(tmp_path: Path) -> None:
    app = cdk.App(analytics_reporting=False, outdir=str(tmp_path))
    environment = replace(PROD, kms_key=ARN)
    data = Data(app, environment, resolve_names("prod", "standalone"))
    added = cdk.Stack(app, "added-later")
    add_resources(added, {"Log": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "log"}}})
    encrypt(environment, app, data)
    app.synth()
    later = json.loads((tmp_path / "added-later.template.json").read_text())
    assert later["Resources"]["Log"]["Properties"]["KmsKeyId"] == ARN
    template = json.loads((tmp_path / "realtime-prod-data.template.json").read_text())
    assert not of_type(template, "AWS::KMS::Key")
    stored = [each for each in template["Resources"].values() if each["Type"] in ENCRYPTED]
    assert len(stored) > 10
    assert {key for each in stored for key in find_keys(each["Properties"])} == {json.dumps(ARN)}
    (role,) = of_type(template, "AWS::IAM::Role").values()
    assert {"Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": [ARN]} in role[
        "Policies"
    ][0]["PolicyDocument"]["Statement"]


@pytest.mark.parametrize("name", LOGICAL_IDS)
def test_a_role_may_use_the_key_as_it_uses_what_the_key_encrypts(name: Any) -> None:
    statements = build_statements(
        name, replace(PROD, kms_key=ARN), resolve_names("prod", "standalone"), "arn:log"
    )
    (statement,) = [each for each in statements if each["Resource"] == [ARN]]
    assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]  # the authorizer writes last uses


def test_who_only_reads_may_only_decrypt() -> None:
    assert list_key_actions(["dynamodb:GetItem", "dynamodb:Query"]) == ("kms:Decrypt",)


def test_the_platforms_keys_are_for_who_uses_its_resources() -> None:
    names = resolve_context("prod", {"platform": "existing", "kms_key": ARN, "postgres_secret": "db"})
    actions = {
        name: [
            each["Action"]
            for each in build_statements(name, PROD, names, "arn:log")
            if each["Resource"] == [ARN]
        ]
        for name in LOGICAL_IDS
    }
    use = [["kms:Decrypt", "kms:GenerateDataKey"]]
    of_the_bucket: list[Any] = [["kms:Decrypt"]]
    others = {"authorizer": of_the_bucket, "webhooks": []}
    assert actions == dict.fromkeys(LOGICAL_IDS, use) | others


def test_both_keys_may_be_there(template: Templates) -> None:
    roles = of_type(template("everything", "service"), "AWS::IAM::Role")
    text = json.dumps(roles["AssignmentRole"])
    assert PLATFORM_KEY in text
    assert "${KmsKey}" in text or '{"Ref": "KmsKey"}' in text


def test_the_pipelines_role_publishes_with_the_key() -> None:
    def find(kms_key: str) -> list[Any]:
        environment, names = everything()
        policy = build_pipeline(replace(environment, kms_key=kms_key), names, "acme/realtime")["Role"]
        statements = policy["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
        return [each for each in statements if "kms:Decrypt" in each["Action"]]

    created, platform = find("create")
    assert created["Condition"]["ForAnyValue:StringEquals"] == {"kms:ResourceAliases": "alias/realtime-prod"}
    assert platform["Resource"] == [PLATFORM_KEY]
    (both,) = find(ARN)
    assert both["Resource"] == [PLATFORM_KEY, ARN]


@pytest.mark.parametrize("value", ["alias/ours", "1a2b3c4d", "arn:aws:kms:eu-west-1:123456789012:alias/ours"])
def test_what_is_no_arn_of_a_key_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="kms_key must be the ARN of a key"):
        replace(PROD, kms_key=value)
    with pytest.raises(ValueError, match="-c kms_key must be the ARN of a key"):
        resolve_context("prod", {"platform": "existing", "kms_key": value})


def test_the_documented_policy_is_what_the_code_gives_its_own_key() -> None:
    text = (ROOT / "docs" / "encryption.md").read_text()
    documented = json.loads(text.split("```json\n")[1].split("```")[0])
    expected = json.dumps(build_service_statements())
    for name, value in {
        "AWS::Partition": "aws",
        "AWS::Region": "REGION",
        "AWS::AccountId": "ACCOUNT",
    }.items():
        expected = expected.replace(f"${{{name}}}", value).replace(f'{{"Ref": "{name}"}}', f'"{value}"')
    assert documented == json.loads(expected, object_hook=lambda each: each.get("Fn::Sub", each))


def test_an_existing_platform_archives_its_stream_itself() -> None:
    def find(**context: str) -> str | None:
        names = resolve_context("prod", context)
        return adapt(PROD, names).settings.get("REALTIME_ARCHIVE")

    assert find() == "firehose"
    assert find(platform="existing") == "none"
    assert find(platform="existing", archive="s3") == "s3"
    with pytest.raises(ValueError, match=r"use -c archive=none\|s3\|firehose"):
        find(platform="existing", archive="twice")


def test_on_an_existing_platform_no_delivery_stream_is_deployed(template: Templates) -> None:
    kind = "AWS::KinesisFirehose::DeliveryStream"
    assert not of_type(template("prod-existing", "data"), kind)
    assert of_type(template("prod-standalone", "data"), kind)
    functions = of_type(template("prod-existing", "service"), "AWS::Lambda::Function")
    settings = functions["EventProcessor"]["Environment"]["Variables"]
    assert settings["REALTIME_ARCHIVE"] == "none"
    roles = of_type(template("prod-existing", "service"), "AWS::IAM::Role")
    assert "firehose:" not in json.dumps(roles)
    assert "/raw/events/" not in json.dumps(roles)
    assert "/quarantine/*" in json.dumps(roles["EventProcessorRole"])
    assert "/raw/events/*" in json.dumps(of_type(template("dev-standalone", "service"), "AWS::IAM::Role"))
