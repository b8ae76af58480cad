"""Alias and version: CloudFormation makes them once, and everything calls the alias."""

import json
from typing import Any

import pytest

from infra.functions import LOGICAL_IDS
from infra.release.alias import get_alias_id
from tests.support.synth import REST_VARIANTS, VARIANTS, Template, Templates
from tests.unit.infra.test_references import mentions


@pytest.mark.parametrize("logical_id", LOGICAL_IDS.values())
def test_they_have_exactly_the_properties_that_never_change(template: Templates, logical_id: str) -> None:
    """A new property, even a description, would send all traffic back to the first version."""
    resources = template("staging-standalone", "service")["Resources"]
    assert resources[f"{logical_id}Aliaslive"] == {
        "Type": "AWS::Lambda::Alias",
        "Properties": {
            "FunctionName": {"Ref": logical_id},
            "FunctionVersion": {"Fn::GetAtt": [f"{logical_id}Version", "Version"]},
            "Name": "live",
        },
    }
    assert resources[f"{logical_id}Version"] == {
        "Type": "AWS::Lambda::Version",
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {"FunctionName": {"Ref": logical_id}},
    }


def select(template: Template, *types: str) -> str:
    """Without those of `admin`, which not every environment has."""
    resources = template["Resources"].items()
    return json.dumps(
        {
            name: resource
            for name, resource in resources
            if resource["Type"] in types and not name.startswith("Admin")
        }
    )


def test_they_are_the_same_whatever_is_deployed(template: Templates) -> None:
    """The variants differ in code, settings, memory, concurrency and platform."""
    kept = {
        select(template(variant, "service"), "AWS::Lambda::Alias", "AWS::Lambda::Version")
        for variant in VARIANTS
    }
    changed = {select(template(variant, "service"), "AWS::Lambda::Function") for variant in REST_VARIANTS}
    assert (len(kept), len(changed)) == (1, len(REST_VARIANTS))


@pytest.mark.parametrize("variant", VARIANTS)
def test_nothing_calls_a_function_but_by_its_alias(template: Templates, variant: str) -> None:
    callers: Any = {
        name: resource
        for name, resource in template(variant, "service")["Resources"].items()
        if resource["Type"] not in ("AWS::Lambda::Alias", "AWS::Lambda::Version")
        and name != "ReleaseMachine"  # it prunes versions, and leaves out $LATEST
    }
    assert "$LATEST" not in json.dumps(callers)
    named = set(mentions({"resources": callers}))
    assert not named & set(LOGICAL_IDS.values())
    unused = set() if variant in REST_VARIANTS else {"authorizer"}  # the other front doors decide themselves
    unused |= {"admin"} if variant.startswith("prod") else set()
    assert named >= {get_alias_id(LOGICAL_IDS[name]) for name in LOGICAL_IDS.keys() - unused}


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_other_owner_of_the_traffic_is_left(template: Templates, variant: str) -> None:
    expanded = template(variant, "service")
    types = {resource["Type"].split("::")[1] for resource in expanded["Resources"].values()}
    assert not types & {"CodeDeploy", "ApplicationAutoScaling"}
    assert not [name for name, resource in expanded["Resources"].items() if "UpdatePolicy" in resource]
