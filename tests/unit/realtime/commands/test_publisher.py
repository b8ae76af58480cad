"""Whose name stands in the history."""

import pytest
from botocore.exceptions import EndpointConnectionError

from realtime.commands.publisher import format_identity, identify_publisher


@pytest.mark.parametrize(
    ("arn", "name"),
    [
        ("arn:aws:iam::123456789012:user/grace", "grace"),
        ("arn:aws:iam::123456789012:user/division/grace", "division/grace"),
        ("arn:aws:sts::123456789012:assumed-role/Deployer/grace@example.com", "Deployer/grace@example.com"),
        ("arn:aws-us-gov:sts::123456789012:federated-user/grace", "grace"),
        ("arn:aws:iam::123456789012:root", "root"),
    ],
)
def test_an_identity_is_what_its_arn_names(arn: str, name: str) -> None:
    assert format_identity(arn) == name


def test_on_aws_a_declared_name_is_a_note_beside_the_identity() -> None:
    def get_arn() -> str:
        return "arn:aws:iam::123456789012:user/ada"

    assert identify_publisher("grace", get_arn)[:2] == ("ada", "--by grace")
    assert identify_publisher("", get_arn)[:2] == ("ada", "")


def test_a_name_that_aws_does_not_confirm_is_marked() -> None:
    def fail() -> str:
        raise EndpointConnectionError(endpoint_url="https://sts")

    assert identify_publisher("grace", fail) == ("grace", "not confirmed by AWS", "")  # no identity


def test_the_local_stack_believes_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "linus")
    assert identify_publisher("grace", None)[:2] == ("grace", "")
    assert identify_publisher("", None)[:2] == ("linus", "")
