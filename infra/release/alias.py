"""Alias `live` of a function, and the version at which it starts.

CloudFormation creates both once. Their properties never change, so it never calls Lambda for them again, and
the release (docs/release.md) is the only owner of the traffic.
"""

from typing import Any

ALIAS = "live"


def get_alias_id(logical_id: str) -> str:
    """The logical id of the alias of a function. SAM would generate the same one."""
    return f"{logical_id}Alias{ALIAS}"


def refer_to_alias(logical_id: str) -> dict[str, str]:
    """The alias's ARN, as permissions, integrations and event sources name it."""
    return {"Ref": get_alias_id(logical_id)}


def build_resources(logical_id: str) -> dict[str, dict[str, Any]]:
    """Add nothing to these properties: CloudFormation would send all traffic back to the first version.

    Once the release has pruned that version, an alias that is created again needs a version resource with
    a new logical id (docs/release.md).
    """
    version_id = f"{logical_id}Version"
    version = {
        "Type": "AWS::Lambda::Version",
        # The release deletes versions that are no longer needed, this one too.
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {"FunctionName": {"Ref": logical_id}},
    }
    alias = {
        "Type": "AWS::Lambda::Alias",
        "Properties": {
            "FunctionName": {"Ref": logical_id},
            "FunctionVersion": {"Fn::GetAtt": [version_id, "Version"]},
            "Name": ALIAS,
        },
    }
    return {version_id: version, get_alias_id(logical_id): alias}
