import base64
import re
import secrets
from dataclasses import replace
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.keys import BEARER_PATTERN, SCOPES, digest, parse_bearer
from chalicelib.domain.timestamps import format_timestamp
from realtime.commands.keys import create_key
from tests.support.api_keys import make_key
from tests.support.authorizer import HEADER, NOW, WEB, Container, CountingKeys, bearer, make_authorizer


def test_a_key_opens_the_routes_of_its_scopes_only() -> None:
    access = make_authorizer(CountingKeys(WEB)).authorize(HEADER)
    assert access.principal == WEB.id[:12]
    assert "/flags/evaluate" in access.routes
    assert "/assign" not in access.routes
    assert (access.is_client, access.is_admin) == (False, False)


@pytest.mark.parametrize(
    ("scopes", "is_client"),
    [(("flags:client",), True), (("flags:client", "events"), True), (("flags:client", "flags"), False)],
)
def test_a_public_key_sees_only_what_clients_may_see(scopes: tuple[str, ...], is_client: bool) -> None:
    access = make_authorizer(CountingKeys(replace(WEB, scopes=scopes))).authorize(HEADER)
    assert "/flags/evaluate" in access.routes
    assert access.is_client is is_client


def test_a_public_key_for_events_opens_only_their_routes() -> None:
    keys = CountingKeys(replace(WEB, scopes=("events:client",)))
    routes = make_authorizer(keys).authorize(HEADER).routes
    assert routes == ("/events", "/evidently/events/projects/{project}")


def test_an_admin_may_send_events_and_backfill_them() -> None:
    access = make_authorizer(CountingKeys(replace(WEB, scopes=("admin",)))).authorize(HEADER)
    assert (access.opens("/events"), access.is_admin) == (True, True)
    assert not access.opens("/evidently/events/projects/{project}")


@pytest.mark.parametrize("scope", ["admin", "view"])
def test_the_management_api_is_open_to_who_changes_and_to_who_only_reads(scope: str) -> None:
    access = make_authorizer(CountingKeys(replace(WEB, scopes=(scope,)))).authorize(HEADER)
    assert (access.is_admin, access.label) == (scope == "admin", "web")
    assert all(access.opens(route) for route in ("/admin", "/admin/keys", "/admin/definitions/{kind}/{key}"))
    assert not any(access.opens(route) for route in ("/administration", "/assign", "/flags/admin/x"))


def test_no_other_scope_opens_the_management_api() -> None:
    others = tuple({*SCOPES} - {"admin", "view"})
    access = make_authorizer(CountingKeys(replace(WEB, scopes=others))).authorize(HEADER)
    assert not access.opens("/admin")
    assert not access.opens("/admin/keys")


@pytest.mark.parametrize(
    "header", ["", make_key("web"), f"Basic {make_key('web')}", "Bearer ", bearer("other"), "Bearer \ud800"]
)
def test_anything_else_opens_nothing(header: str) -> None:
    assert make_authorizer(CountingKeys(WEB)).authorize(header).routes == ()


def test_a_revoked_key_opens_nothing() -> None:
    revoked = replace(WEB, revoked="2026-02-01T00:00:00Z")
    assert make_authorizer(CountingKeys(revoked)).authorize(HEADER).routes == ()


def test_an_unknown_key_is_read_once() -> None:
    keys = CountingKeys(WEB)
    authorizer = make_authorizer(keys)
    for _ in range(100):
        authorizer.authorize(bearer("guess"))
    assert len(keys.reads) == 1


def test_a_failed_look_up_is_not_remembered() -> None:
    keys = CountingKeys(WEB)
    authorizer = make_authorizer(keys)
    keys.break_down()
    with pytest.raises(StorageUnavailable):
        authorizer.authorize(HEADER)
    keys.mend()
    assert authorizer.authorize(HEADER).routes


def test_the_demo_key_opens_everything_where_there_is_one() -> None:
    keys = CountingKeys()
    assert (
        "/events" in make_authorizer(keys, demo_key="rt_local_demo").authorize("Bearer rt_local_demo").routes
    )
    assert make_authorizer(keys).authorize("Bearer rt_local_demo").routes == ()


def test_the_scheme_is_read_in_any_case() -> None:
    assert parse_bearer("bearer  rt_x ") == "rt_x"


@given(st.binary(min_size=32, max_size=64), st.sampled_from(["Bearer ", "bearer  ", "BEARER "]))
def test_the_gateway_lets_every_key_through_that_keys_create_makes(token: bytes, scheme: str) -> None:
    keys = CountingKeys()
    made = base64.urlsafe_b64encode(token).rstrip(b"=").decode()
    key = create_key(Console(file=StringIO()), keys, "flags", "web", generate_token=lambda: made)
    assert re.search(BEARER_PATTERN, scheme + key)


def test_a_token_of_today_passes_the_gateway() -> None:
    assert re.search(BEARER_PATTERN, f"Bearer rt_{secrets.token_urlsafe()}")


@pytest.mark.parametrize("header", ["", "rt_web", "Basic x", "Bearer ", "Bearer x", "Bearer eyJhb.e30."])
def test_garbage_does_not(header: str) -> None:
    assert not re.search(BEARER_PATTERN, header)


WRONG_FORMS = (
    *("rt_", "web", "rt_web", f"rt_{'x' * 31}", f"rt_{'x' * 129}", "x" * 100_000, "\ud800" * 40, "\0" * 43),
    *(f"rt_{'x' * 42}{odd}" for odd in "ü .=+/%\n\u0660"),
    *(f"RT_{'x' * 43}", f"Bearer rt_{'x' * 43}", digest(make_key("web")), f"rt_{'x' * 43} rt_{'x' * 43}"),
)


@pytest.mark.parametrize("key", WRONG_FORMS, ids=lambda key: repr(key[:16]))
def test_a_key_of_the_wrong_form_costs_no_read(key: str) -> None:
    keys = CountingKeys(WEB)
    authorizer = make_authorizer(keys)
    assert authorizer.authorize_key(key).routes == ()
    if key == key.strip():  # the gateways remove spaces around a header
        assert authorizer.authorize(f"Bearer {key}").routes == ()
    assert (keys.reads, keys.lists) == ([], 0)


@pytest.mark.parametrize("is_cached", [True, False])
def test_a_key_expires_to_the_second(is_cached: bool) -> None:
    container = Container(CountingKeys(replace(WEB, expires=format_timestamp(NOW + 10, "seconds"))))
    if is_cached:
        assert container.authorize(HEADER).routes
    container.now = NOW + 9.9
    assert container.authorize(HEADER).routes
    container.now = NOW + 10
    access = container.authorize(HEADER)
    assert (access.principal, access.routes) == (WEB.id[:12], ())
