import base64
import re
import secrets
import threading
from dataclasses import replace
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.keys import BEARER_PATTERN, ApiKey, digest, parse_bearer
from chalicelib.services.authorize import MAX_KEYS, RETRY_SECONDS, Authorizer
from realtime.commands.keys import create_key
from realtime.testing.stores import MemoryKeys, MemoryMetrics

WEB = ApiKey(digest("rt_web"), "web", ("flags",), "2026-01-01T00:00:00Z")


class CountingKeys(MemoryKeys):
    def __init__(self, *keys: ApiKey) -> None:
        super().__init__()
        for key in keys:
            self.put(key)
        self.reads = 0
        self.is_broken = False
        self.may_answer = threading.Event()
        self.may_answer.set()

    def get(self, key_id: str) -> ApiKey | None:
        self.reads += 1
        assert self.may_answer.wait(10)
        if self.is_broken:
            raise StorageUnavailable
        return super().get(key_id)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


TTL, MAX_STALE = 60.0, 3600.0


def make_authorizer(
    keys: CountingKeys, demo_key: str = "", clock: Clock | None = None, metrics: MemoryMetrics | None = None
) -> Authorizer:
    timer, recorder = clock or Clock(), metrics or MemoryMetrics()
    return Authorizer(keys, demo_key, recorder, ttl=TTL, max_stale=MAX_STALE, timer=timer)


def test_a_key_opens_the_routes_of_its_scopes_only() -> None:
    access = make_authorizer(CountingKeys(WEB)).authorize("Bearer rt_web")
    assert access.principal == WEB.id[:12]
    assert "/flags/evaluate" in access.routes
    assert "/assign" not in access.routes
    assert (access.is_client, access.is_admin) == (False, False)


@pytest.mark.parametrize(
    ("scopes", "is_client"),
    [(("flags:client",), True), (("flags:client", "events"), True), (("flags:client", "flags"), False)],
)
def test_a_public_key_sees_only_what_clients_may_see(scopes: tuple[str, ...], is_client: bool) -> None:
    access = make_authorizer(CountingKeys(replace(WEB, scopes=scopes))).authorize("Bearer rt_web")
    assert "/flags/evaluate" in access.routes
    assert access.is_client is is_client


def test_a_public_key_for_events_opens_only_their_route() -> None:
    keys = CountingKeys(replace(WEB, scopes=("events:client",)))
    assert make_authorizer(keys).authorize("Bearer rt_web").routes == ("/events",)


def test_an_admin_may_send_events_and_backfill_them() -> None:
    access = make_authorizer(CountingKeys(replace(WEB, scopes=("admin",)))).authorize("Bearer rt_web")
    assert (access.routes, access.is_admin) == (("/events",), True)


@pytest.mark.parametrize(
    "header", ["", "rt_web", "Basic rt_web", "Bearer ", "Bearer rt_other", "Bearer \ud800"]
)
def test_anything_else_opens_nothing(header: str) -> None:
    assert make_authorizer(CountingKeys(WEB)).authorize(header).routes == ()


def test_a_revoked_key_opens_nothing() -> None:
    revoked = replace(WEB, revoked="2026-02-01T00:00:00Z")
    assert make_authorizer(CountingKeys(revoked)).authorize("Bearer rt_web").routes == ()


def test_an_unknown_key_is_read_once() -> None:
    keys = CountingKeys(WEB)
    authorizer = make_authorizer(keys)
    for _ in range(100):
        authorizer.authorize("Bearer rt_guess")
    assert keys.reads == 1


def test_a_failed_look_up_is_not_remembered() -> None:
    keys = CountingKeys(WEB)
    authorizer = make_authorizer(keys)
    keys.is_broken = True
    with pytest.raises(StorageUnavailable):
        authorizer.authorize("Bearer rt_web")
    keys.is_broken = False
    assert authorizer.authorize("Bearer rt_web").routes


def open_routes(authorizer: Authorizer, key: str = "rt_web") -> bool:
    return bool(authorizer.authorize(f"Bearer {key}").routes)


def test_a_good_key_goes_on_to_open_while_the_table_is_away_and_its_age_is_recorded() -> None:
    keys, clock, metrics = CountingKeys(WEB), Clock(), MemoryMetrics()
    authorizer = make_authorizer(keys, clock=clock, metrics=metrics)
    before = authorizer.authorize("Bearer rt_web")
    keys.is_broken = True
    for clock.now in (TTL, 600.0, MAX_STALE - 1):
        assert authorizer.authorize("Bearer rt_web") == before
    assert metrics.recorded == {"KeysAge": [TTL, 600.0, MAX_STALE - 1]}


def test_it_does_so_up_to_the_bound_and_then_fails_honestly() -> None:
    keys, clock = CountingKeys(WEB), Clock()
    authorizer = make_authorizer(keys, clock=clock)
    assert open_routes(authorizer)
    keys.is_broken = True
    clock.now = MAX_STALE
    with pytest.raises(StorageUnavailable):
        authorizer.authorize("Bearer rt_web")
    keys.is_broken = False
    assert open_routes(authorizer)


def test_a_revoked_key_stays_refused_while_the_table_is_away() -> None:
    keys, clock = CountingKeys(replace(WEB, revoked="2026-02-01T00:00:00Z")), Clock()
    authorizer = make_authorizer(keys, clock=clock)
    assert not open_routes(authorizer)
    keys.is_broken = True
    clock.now = 600.0
    assert not open_routes(authorizer)


def test_an_unknown_key_is_no_verdict_while_the_table_is_away() -> None:
    """It may have been created since."""
    keys, clock = CountingKeys(WEB), Clock()
    authorizer = make_authorizer(keys, clock=clock)
    assert not open_routes(authorizer, "rt_new")
    keys.is_broken = True
    clock.now = TTL
    with pytest.raises(StorageUnavailable):
        authorizer.authorize("Bearer rt_new")


def test_a_dead_table_is_asked_for_a_key_once_a_second() -> None:
    keys, clock = CountingKeys(WEB), Clock()
    authorizer = make_authorizer(keys, clock=clock)
    assert open_routes(authorizer)
    keys.is_broken = True
    clock.now = TTL
    for _ in range(100):
        assert open_routes(authorizer)
    assert keys.reads == 2
    clock.now += RETRY_SECONDS
    assert open_routes(authorizer)
    assert keys.reads == 3


def test_a_revocation_is_in_force_with_the_first_answer_after_the_outage() -> None:
    keys, clock = CountingKeys(WEB), Clock()
    authorizer = make_authorizer(keys, clock=clock)
    assert open_routes(authorizer)
    keys.is_broken = True
    clock.now = 300.0
    assert open_routes(authorizer)
    keys.put(replace(WEB, revoked="2026-02-01T00:00:00Z"))
    keys.is_broken = False
    clock.now += RETRY_SECONDS
    assert not open_routes(authorizer)


def test_a_revocation_that_a_slow_table_tells_late_is_in_force_when_it_comes() -> None:
    """The first request waits for it, and the others, after a failure, a quarter of a second."""
    keys, clock = CountingKeys(WEB), Clock()
    authorizer = make_authorizer(keys, clock=clock)
    assert open_routes(authorizer)
    keys.put(replace(WEB, revoked="2026-02-01T00:00:00Z"))
    clock.now = TTL
    keys.may_answer.clear()
    threading.Timer(0.5, keys.may_answer.set).start()
    assert not open_routes(authorizer)


def test_made_up_keys_push_out_no_key_that_exists() -> None:
    keys = CountingKeys(WEB)
    authorizer = make_authorizer(keys)
    assert open_routes(authorizer)
    for number in range(MAX_KEYS + 1):
        assert not open_routes(authorizer, f"rt_{number}")
    keys.reads = 0
    assert open_routes(authorizer)
    assert keys.reads == 0


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
    key = create_key(Console(file=StringIO()), keys, "flags", "web", lambda: made)
    assert re.search(BEARER_PATTERN, scheme + key)


def test_a_token_of_today_passes_the_gateway() -> None:
    assert re.search(BEARER_PATTERN, f"Bearer rt_{secrets.token_urlsafe()}")


@pytest.mark.parametrize("header", ["", "rt_web", "Basic x", "Bearer ", "Bearer x", "Bearer eyJhb.e30."])
def test_garbage_does_not(header: str) -> None:
    assert not re.search(BEARER_PATTERN, header)
