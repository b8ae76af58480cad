import json
from typing import Any

import pytest
from chalice.app import Response

from chalicelib.api.http import json_view
from chalicelib.domain.errors import (
    InvalidInput,
    NotFound,
    RealtimeError,
    StorageUnavailable,
    Throttled,
    TooLarge,
)
from chalicelib.stores.resilience import OutOfTime


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidInput("invalid_request", "No."), 400),
        (NotFound("flag_not_found", "None."), 404),
        (TooLarge("too_large", "Big."), 413),
        (Throttled(3), 429),
        (StorageUnavailable(), 500),
        (OutOfTime(), 500),
    ],
)
def test_an_error_has_its_status_and_shape(error: RealtimeError, status: int) -> None:
    @json_view
    def view() -> Any:
        raise error

    response: Response = view()
    assert response.status_code == status
    assert json.loads(response.body)["error"]["code"] == error.code
    assert (response.headers.get("Retry-After") == "3") is (status == 429)


def test_an_unexpected_error_is_logged_without_its_message(caplog: pytest.LogCaptureFixture) -> None:
    user = "user-" + str(42)

    @json_view
    def view() -> Any:
        raise RuntimeError(f"{user} has no such thing")

    response: Response = view()
    assert response.status_code == 500
    assert json.loads(response.body)["error"]["code"] == "internal_error"
    assert "RuntimeError" in caplog.text
    assert "user-42" not in caplog.text
