"""Restored tables in place of ours, another region of the same account, and another account."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from infra import environments
from infra.__main__ import resolve_context
from infra.data import build_resources
from infra.functions import build_variables
from infra.monitoring.alarms import list_alarms
from infra.roles import build_statements
from tests.support.synth import STACKS, VARIANTS, Template, Templates, load, of_type

PROD = environments.load("prod")
STREAM = "arn:aws:dynamodb:eu-west-1:123456789012:table/restored/stream/2026-11-26T10:00:00.000"
RESTORED = {
    "assignments_table": "restored",
    "assignments_stream": STREAM,
    "counters_table": "/names/counters",
}
GLOBAL_NAMES: Mapping[str, Callable[[Template], Any]] = {
    "AWS::Budgets::Budget": lambda budget: budget["Budget"]["BudgetName"],
    "AWS::CloudWatch::Dashboard": lambda dashboard: dashboard["DashboardName"],
    "AWS::IAM::ManagedPolicy": lambda policy: policy.get("ManagedPolicyName"),
    "AWS::IAM::Role": lambda role: role.get("RoleName"),
    "AWS::S3::Bucket": lambda bucket: bucket.get("BucketName"),
}
"""Types whose names an account has once for all regions; None: CloudFormation makes a name up."""


def test_restored_tables_are_what_functions_use_and_roles_allow() -> None:
    names = resolve_context("prod", RESTORED)
    variables = build_variables(PROD, names)
    assert variables["REALTIME_ASSIGNMENTS_TABLE"] == "restored"
    assert variables["REALTIME_COUNTERS_TABLE"] == {"Fn::Sub": "${CountersTable}"}
    assert names.parameters["CountersTable"] == "/names/counters"
    for name in ("assignment", "event_processor", "assignment_sync"):
        policy = json.dumps(build_statements(name, PROD, names, "arn:log"))
        assert "table/restored" in policy or name == "assignment_sync"
        assert "experimentation-assignments-prod" not in policy
        assert "experimentation-counters-prod" not in policy
    assert "table/restored/stream/*" in json.dumps(
        build_statements("assignment_sync", PROD, names, "arn:log")
    )
    assert names.get_name("assignments_stream") == STREAM
    assert "assignments-prod" not in json.dumps([repr(alarm) for alarm in list_alarms(PROD, names)])


def test_the_data_stack_makes_no_table_that_is_given_and_all_others() -> None:
    everything = build_resources(PROD, resolve_context("prod", {}))
    rest = build_resources(PROD, resolve_context("prod", RESTORED))
    assert everything.keys() - rest.keys() == {"AssignmentsTable", "AssignmentsStream", "CountersTable"}
    assert rest.keys() <= everything.keys()


def test_stream_and_bucket_may_be_given_too() -> None:
    names = resolve_context("prod", {"event_stream": "old-events", "archive_bucket": "old-archive"})
    rest = build_resources(PROD, names)
    assert not {"EventStream", "ArchiveBucket", "ArchiveBucketPolicy"} & rest.keys()
    assert build_variables(PROD, names)["REALTIME_ARCHIVE_BUCKET"] == "old-archive"
    assert "arn:${AWS::Partition}:s3:::old-archive" in json.dumps(rest["ArchiveDeliveryRole"])


def test_a_restored_table_in_the_whole_template(template: Templates) -> None:
    functions = of_type(template("everything", "service"), "AWS::Lambda::Function")
    assert functions["EventProcessor"]["Environment"]["Variables"]["REALTIME_COUNTERS_TABLE"] == (
        "restored-counters"
    )
    assert "CountersTable" not in template("everything", "data")["Resources"]
    assert "table/restored-counters" in json.dumps(
        of_type(template("everything", "service"), "AWS::IAM::Role")
    )


@pytest.mark.parametrize(
    ("context", "reason"),
    [
        ({"assignments_table": "restored"}, "needs -c assignments_stream=ARN"),
        ({"assignment_table": "restored"}, "-c assignment_table names no resource that may be given"),
        ({"quarantine_queue": "q"}, "-c quarantine_queue names no resource"),
        ({"platform": "existing", "flags_table": "t"}, "-c flags_table names no resource"),
        ({"platform": "existing", "archive_bucket": "b"}, "-c archive_bucket names no resource"),
    ],
)
def test_what_cannot_be_given_is_refused_by_name(context: dict[str, str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        resolve_context("prod", context)


@pytest.mark.parametrize("stack", [*STACKS, "pipeline"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_second_region_of_the_account_takes_no_name_of_the_first(
    synthesised: Path, variant: str, stack: str
) -> None:
    if stack == "pipeline" and variant != "everything":
        return
    found = [
        name
        for kind, get_name in GLOBAL_NAMES.items()
        for properties in of_type(load(synthesised, variant, stack), kind).values()
        if (name := get_name(properties)) is not None
    ]
    assert [name for name in found if not _has_region(name)] == []
    assert found or stack in ("service", "data")


def _has_region(name: Any) -> bool:
    return "${AWS::Region}" in json.dumps(name) or "eu-central-1" in json.dumps(name)


def test_stacks_that_name_their_place_are_bound_to_it(synthesised: Path) -> None:
    """The CDK CLI refuses credentials of another account, and deploys to this region whatever else is set."""
    manifest = json.loads((synthesised / "everything" / "manifest.json").read_text())
    places = {
        artifact["environment"]
        for artifact in manifest["artifacts"].values()
        if artifact["type"] == "aws:cloudformation:stack"
    }
    assert places == {"aws://123456789012/eu-central-1"}
