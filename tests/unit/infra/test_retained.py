"""What teardown deletes and adoption imports is what the templates retain, and nothing is forgotten."""

from pathlib import Path
from typing import Any

import pytest

from infra import adopt, environments
from infra.leaving.buckets import NotEmptied, empty
from infra.leaving.retained import NAME_PROPERTIES, list_retained
from infra.leaving.stacks import StackFailed, list_stacks, wait
from infra.resource_names import resolve_names
from infra.target import Target
from infra.teardown import main
from tests.support.synth import STACKS, everything, load

TARGET = Target("123456789012", "eu-central-1")
CASES = {
    "prod-standalone": (environments.load("prod"), resolve_names("prod", "standalone")),
    "staging-standalone": (environments.load("staging"), resolve_names("staging", "standalone")),
    "prod-existing": (environments.load("prod"), resolve_names("prod", "existing")),
    "dev-standalone": (environments.load("dev"), resolve_names("dev", "standalone")),
    "everything": everything(),
}


@pytest.mark.parametrize("variant", CASES)
def test_the_list_is_what_the_templates_retain(synthesised: Path, variant: str) -> None:
    environment, names = CASES[variant]
    listed = {(each.stack, each.logical_id) for each in list_retained(environment, names, TARGET)}
    retained = {
        (stack, logical_id): resource["Type"]
        for stack in STACKS
        for logical_id, resource in load(synthesised, variant, stack)["Resources"].items()
        if resource.get("DeletionPolicy", "Delete").startswith("Retain")
        and resource["Type"] not in ("AWS::Lambda::Version", "AWS::KMS::Key")  # go with function and alias
    }
    assert listed == retained.keys()
    assert set(retained.values()) <= NAME_PROPERTIES.keys() <= adopt.IDENTIFIERS.keys()
    assert listed if environment.retain else not listed


def test_names_are_of_the_account_and_region() -> None:
    names = {each.name for each in list_retained(*CASES["prod-standalone"], TARGET)}
    assert "experimentation-archive-prod-123456789012-eu-central-1" in names
    assert not any("${" in name for name in names)


def test_what_was_given_and_what_is_the_platforms_is_never_listed() -> None:
    given = resolve_names("prod", "standalone", given={"counters_table": "restored"})
    assert "CountersTable" not in {
        each.logical_id for each in list_retained(environments.load("prod"), given, TARGET)
    }
    platform = {each.logical_id for each in list_retained(*CASES["prod-existing"], TARGET)}
    assert not {"AssignmentsTable", "EventStream", "ArchiveBucket"} & platform
    assert "CountersTable" in platform


class Formation:
    """CloudFormation with stacks in these states, newest last; each question takes one."""

    def __init__(self, *stacks: dict[str, Any]) -> None:
        self._stacks = list(stacks)

    def get_paginator(self, _: str) -> Any:
        return self

    def paginate(self) -> list[dict[str, Any]]:
        return [{"Stacks": self._stacks}]

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        return {"Stacks": [self._stacks.pop(0)]}

    def describe_stack_events(self, StackName: str) -> dict[str, Any]:  # noqa: N803 - as above
        failed = {"ResourceStatus": "DELETE_FAILED", "LogicalResourceId": "ArchiveBucket"}
        return {"StackEvents": [failed | {"ResourceStatusReason": "not empty"}]}


def stack(name: str, status: str = "CREATE_COMPLETE") -> dict[str, Any]:
    return {"StackName": name, "StackStatus": status}


def test_stacks_go_before_what_they_use_and_those_of_other_environments_stay() -> None:
    words = ("data", "pipeline", "service", "monitoring", "other")
    formation = Formation(
        *(stack(f"realtime-prod-{word}") for word in words), stack("realtime-production-data")
    )
    order = [each.name for each in list_stacks(formation, environments.load("prod"))]
    assert order == [
        f"realtime-prod-{word}" for word in ("monitoring", "other", "service", "data", "pipeline")
    ]


def test_a_stack_that_fails_says_why() -> None:
    formation = Formation(stack("s", "DELETE_IN_PROGRESS"), stack("s", "DELETE_FAILED"))
    with pytest.raises(StackFailed, match="s is DELETE_FAILED: ArchiveBucket: not empty"):
        wait(formation, "s", {"DELETE_COMPLETE"}, lambda _: None)


class Bucket:
    """S3 with so many versions of one object, that deletes those whose number is even."""

    def __init__(self, versions: int) -> None:
        self.versions = versions

    def list_object_versions(self, **_: str) -> dict[str, Any]:
        found = [{"Key": "a", "VersionId": str(number)} for number in range(self.versions)]
        return {"Versions": found} if found else {}

    def delete_objects(self, **call: Any) -> dict[str, Any]:
        self.versions = 0
        refused = [each for each in call["Delete"]["Objects"] if int(each["VersionId"]) % 2]
        return {"Errors": [{"Key": each["Key"], "Code": "AccessDenied", "Message": "no"} for each in refused]}


def test_versions_that_s3_refuses_to_delete_are_not_swallowed() -> None:
    assert empty(Bucket(1), "b", print) == 1
    with pytest.raises(NotEmptied, match="b: 2 versions stay, such as a: AccessDenied no"):
        empty(Bucket(4), "b", print)


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (main, adopt.main):
        with pytest.raises(SystemExit):
            command(["--help"])
        assert "Example: python -m infra." in capsys.readouterr().out
