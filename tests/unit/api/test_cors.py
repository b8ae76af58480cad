import pytest

from chalicelib.api.cors import make_cors


def list_allowed(more: str) -> set[str]:
    allowed = make_cors(more).get_access_control_headers()["Access-Control-Allow-Headers"]
    return {name.lower() for name in allowed.split(",")}


def test_browsers_may_send_what_tracing_libraries_add() -> None:
    tracing = {"traceparent", "tracestate", "baggage", "sentry-trace", "x-requested-with", "x-request-id"}
    assert tracing | {"content-encoding", "content-type", "authorization", "if-none-match"} <= list_allowed(
        ""
    )


def test_a_setting_adds_more() -> None:
    assert list_allowed(" X-Tenant, x-b3-traceid ,") - list_allowed("") == {"x-tenant", "x-b3-traceid"}


@pytest.mark.parametrize("more", ["X Tenant", "x:y", "'", "ü", "x\n"])
def test_what_is_no_name_of_a_header_is_refused_by_name(more: str) -> None:
    with pytest.raises(ValueError, match="REALTIME_CORS_HEADERS must have names of headers; it has"):
        make_cors(f"X-Good, {more}a")
