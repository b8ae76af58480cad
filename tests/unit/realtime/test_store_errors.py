"""What a command says of a store that fails."""

import pytest
from botocore.exceptions import EndpointConnectionError, NoRegionError, ReadTimeoutError

from chalicelib.domain.errors import Misconfigured, StorageUnavailable
from realtime.store_errors import describe_store_error


def make_unavailable(cause: Exception | None) -> StorageUnavailable:
    error = StorageUnavailable()
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        ("http://127.0.0.1:49", "Nothing answers at http://127.0.0.1:49; is `make run` up, on this AWS_PORT"),
        ("", "Nothing answers at https://dynamodb.x-1.amazonaws.com/: check AWS_REGION, AWS_ENDPOINT_URL"),
    ],
)  # fmt: skip
def test_where_nothing_answers(monkeypatch: pytest.MonkeyPatch, endpoint: str, message: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    asked = endpoint or "https://dynamodb.x-1.amazonaws.com/"
    for kind in (EndpointConnectionError, ReadTimeoutError):
        cause = kind(endpoint_url=asked)
        for error in (make_unavailable(cause), cause):
            assert describe_store_error(error).startswith(message)


def test_a_mistake_of_configuration_is_told_with_its_remedy() -> None:
    assert describe_store_error(Misconfigured("There is no table 't'.")) == "There is no table 't'."
    assert describe_store_error(NoRegionError()).startswith("You must specify a region: set AWS_REGION")


def test_another_failure_says_who_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert describe_store_error(make_unavailable(None)) == (
        "The store cannot be reached; try again. (Asked: AWS.)"
    )
