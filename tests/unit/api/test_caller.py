"""What a view of the management API knows of the key that sent a request."""

from typing import Any

import pytest
from chalice.app import Request

from chalicelib.api.caller import Caller, read_caller, require_admin
from chalicelib.api.http import Forbidden, make_auth_context
from chalicelib.domain.keys import grant


def send(principal: str, *scopes: str, label: str = "") -> Request:
    """A request as it reaches the view, behind any gateway."""
    access = grant(principal, scopes, label)
    context = {"authorizer": {"principalId": access.principal, **make_auth_context(access)}}
    event: Any = {
        "requestContext": {"httpMethod": "GET", "resourcePath": "/admin", **context},
        "headers": {},
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "body": None,
        "stageVariables": None,
        "isBase64Encoded": False,
    }
    return Request(event, None)


@pytest.mark.parametrize(
    ("request_", "caller", "name"),
    [
        (
            send("1f2e3d4c5b6a", "admin", label="ci"),
            Caller("key 1f2e3d4c5b6a", "ci", True),
            "ci (key 1f2e3d4c5b6a)",
        ),
        (send("1f2e3d4c5b6a", "view"), Caller("key 1f2e3d4c5b6a", "", False), "key 1f2e3d4c5b6a"),
        (send("demo", "admin", "view", label="demo"), Caller("demo", "demo", True), "demo"),
    ],
)
def test_it_knows_the_key(request_: Request, caller: Caller, name: str) -> None:
    assert read_caller(request_) == caller
    assert caller.name == name


def test_a_key_that_only_reads_changes_nothing() -> None:
    assert require_admin(send("a", "admin")).is_admin
    with pytest.raises(Forbidden, match="needs a key of the scope admin") as refused:
        require_admin(send("a", "view", "events"))
    assert refused.value.code == "missing_scope"


def test_decisions_learn_nothing_of_it() -> None:
    assert make_auth_context(grant("a", ("assign", "flags", "events", "results"), "web")) == {}
