"""Every command of the AWS CLI in the documentation names an operation and options that exist."""

import re
from collections.abc import Iterator
from functools import cache

import pytest
from botocore import xform_name
from botocore.model import OperationModel, ServiceModel
from botocore.session import get_session

from tests.support.paths import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "docs/functions").glob("*.md")])
GLOBAL = {"query", "output", "region", "profile"}
COMMAND = re.compile(r"\baws ([a-z][a-z0-9-]+) ([a-z][a-z-]+)((?:\\\n|'[^']*'|[^`\n|#])*)")
NO_API = {"s3", "configure", "evidently"}
"""Commands of the CLI's own, and a service that was retired."""


def list_commands() -> Iterator[tuple[str, str, str, str]]:
    for page in PAGES:
        for service, operation, rest in COMMAND.findall(page.read_text()):
            if service not in NO_API:
                yield page.name, service, operation, rest


COMMANDS = [*list_commands()]


@cache
def load(service: str) -> tuple[ServiceModel, dict[str, str]]:
    """Its model, and its operations as the CLI names them."""
    model = get_session().get_service_model(service)
    return model, {xform_name(name, "-"): name for name in model.operation_names}


def list_options(operation: OperationModel) -> set[str]:
    shape = operation.input_shape
    options = {xform_name(name, "-") for name in shape.members} if shape else set()
    return options | {f"no-{name}" for name in options} | GLOBAL


@pytest.mark.parametrize(
    ("page", "service", "operation", "rest"), COMMANDS, ids=[" ".join(each[:3]) for each in COMMANDS]
)
def test_it_exists(page: str, service: str, operation: str, rest: str) -> None:
    model, operations = load(service)
    if operation == "wait":
        return
    assert operation in operations, page
    given = set(re.findall(r"(?<!\S)--([a-z][a-z-]+)", re.sub(r"'[^']*'", "", rest)))
    assert given <= list_options(model.operation_model(operations[operation])), page


def test_the_commands_are_found() -> None:
    assert len(COMMANDS) > 20
    role = [
        rest for _, service, operation, rest in COMMANDS if (service, operation) == ("iam", "create-role")
    ]
    assert "--assume-role-policy-document" in role[0]
