"""Decisions survive DynamoDB: dead, silent, slow, throttled, flapping; from cold and warm; all routes."""

import io
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from chalicelib import deadline
from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.keys import digest
from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients
from chalicelib.stores.definitions import DefinitionStore
from chalicelib.stores.keys import KeyStore
from realtime.commands.keys import revoke_key
from tests.support.experiments import published_flag
from tests.support.outage import FLAGS, KEY, OTHERS, Container, Outage, make_outage
from tests.support.poll import wait_until

FAULTS: dict[str, str | float] = {"dead": "dropped", "throttled": "throttled", "silent": 4.0, "slow": 0.2}
OURS = ("storage_unavailable", "throttled")
SLOW = 0.2
RECOVERY_SECONDS = 5.0

Made = tuple[Outage, Callable[..., Container]]


@pytest.fixture
def made(aws_environment: dict[str, str], aws_settings: Settings, service_clients: Clients) -> Iterator[Made]:
    with make_outage(aws_environment, aws_settings, service_clients) as (outage, start):
        outage.create_key()
        outage.publish()
        yield outage, start


@pytest.mark.parametrize("fault", FAULTS)
def test_a_warm_container_decides_as_before(made: Made, fault: str) -> None:
    outage, start = made
    container = start()
    wait_until(lambda: container.is_on() is True, RECOVERY_SECONDS)
    healthy = container.ask_all(FLAGS)
    assert {status for status, _ in healthy.values()} == {200}
    outage.fault = FAULTS[fault]
    container.idle += 3600.0  # every definition and key has expired
    assert container.ask_all(FLAGS) == healthy
    status, _ = container.ask(*OTHERS["events"])
    assert status == 202
    if fault != "slow":
        assert {"DefinitionsAge", "KeysAge"} <= container.metrics.recorded.keys()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_cold_container_knows_keys_and_decides_from_the_snapshots(made: Made, fault: str) -> None:
    outage, start = made
    container = start()
    wait_until(lambda: container.is_on() is True, RECOVERY_SECONDS)
    healthy = container.ask_all(FLAGS)
    outage.fault = FAULTS[fault]
    container = start()
    # On a busy machine the first requests may lack the time; but no answer is wrong.
    wait_until(lambda: decides(container, healthy), RECOVERY_SECONDS)
    wait_until(lambda: container.ask(*OTHERS["events"])[0] == 202, RECOVERY_SECONDS)
    if fault != "slow":
        recorded = container.metrics.recorded
        assert recorded["SnapshotLoaded"] == recorded["KeySnapshotLoaded"] == [1]
        assert "KeysAge" in recorded
    outage.fault = ""
    container.metrics.recorded.clear()
    wait_until(lambda: decides(container, healthy), RECOVERY_SECONDS)
    wait_until(lambda: reads_keys(container), RECOVERY_SECONDS)


def reads_keys(container: Container) -> bool:
    """Again from the table."""
    container.metrics.recorded.pop("KeysAge", None)
    return container.is_on() is True and "KeysAge" not in container.metrics.recorded


@pytest.mark.parametrize("fault", ["dead", "throttled", "silent"])
def test_a_cold_events_route_takes_an_event_by_the_snapshot_of_keys_alone(made: Made, fault: str) -> None:
    outage, start = made
    outage.fault = FAULTS[fault]
    container = start()
    wait_until(lambda: container.ask(*OTHERS["events"])[0] == 202, RECOVERY_SECONDS)
    outage.fault = ""
    outage.create_key(revoked="2026-02-01T00:00:00Z")
    wait_until(lambda: container.ask(*OTHERS["events"])[0] == 403, RECOVERY_SECONDS)


def decides(container: Container, healthy: dict[str, Any]) -> bool:
    answers = container.ask_all(FLAGS)
    assert {name for name, answer in answers.items() if answer[0] == 200 and answer != healthy[name]} == set()
    assert {status for status, _ in answers.values()} <= {200, 429, 500}
    return answers == healthy


@pytest.mark.parametrize("start_from", ["cold", "warm"])
def test_what_needs_a_table_fails_honestly_and_all_else_works(made: Made, start_from: str) -> None:
    outage, start = made
    container = start()
    if start_from == "warm":
        wait_until(lambda: container.is_on() is True, RECOVERY_SECONDS)
        statuses = {name: status for name, (status, _) in container.ask_all(OTHERS).items()}
        assert statuses == dict.fromkeys(OTHERS, 200) | {"events": 202}
    outage.fault = "dropped"
    container.idle += 3600.0
    if start_from == "cold":
        wait_until(lambda: container.ask(*OTHERS["events"])[0] == 202, RECOVERY_SECONDS)
    answers = container.ask_all(OTHERS)
    assert answers.pop("events")[0] == 202
    for status, answer in answers.values():
        parts = [answer, *answer.get("assignments", {}).values()]
        codes = {part["error"]["code"] for part in parts if "error" in part}
        assert codes <= set(OURS)
        assert status == 200 or (status == 500 and codes)


@pytest.mark.parametrize("fault", ["dead", "silent"])
def test_without_a_snapshot_a_cold_container_fails_honestly_and_recovers(made: Made, fault: str) -> None:
    outage, start = made
    outage.direct.s3.delete_object(Bucket=outage.settings.archive_bucket, Key="definitions/current.json")
    outage.fault = FAULTS[fault]
    container = start(knows_key=True)
    started = time.monotonic()
    assert container.is_on() is None
    assert time.monotonic() - started < 6.0  # promised are 3; a busy machine needs more
    outage.fault = ""
    wait_until(lambda: container.is_on() is True, RECOVERY_SECONDS)


@pytest.mark.parametrize(
    ("fault", "start_from"), [("dead", "warm"), ("throttled", "cold"), ("silent", "cold"), ("silent", "warm")]
)
def test_what_was_published_in_an_outage_is_in_force_soon_after_it(
    made: Made, fault: str, start_from: str
) -> None:
    """The operator reaches the table. So do the snapshots, which tell the container at once."""
    outage, start = made
    container = start(knows_key=True)
    if start_from == "warm":
        wait_until(lambda: container.is_on() is True, RECOVERY_SECONDS)
    outage.fault = FAULTS[fault]
    container.idle += 60.0
    assert container.is_on() is True
    outage.publish(is_on=False)
    outage.fault = ""
    container.idle += 2.0  # since it was asked last
    wait_until(lambda: container.is_on() is False, RECOVERY_SECONDS)
    answers = container.ask_all(FLAGS)
    assert {status for status, _ in answers.values()} == {200}


def test_a_kill_reaches_a_container_that_cannot_reach_the_tables(made: Made) -> None:
    outage, start = made
    container = start()
    wait_until(lambda: container.is_on() is True, RECOVERY_SECONDS)
    outage.fault = "dropped"
    for is_on in (False, True):
        outage.publish(is_on=is_on)
        container.idle += 5.0  # with the five of waiting, the ten that are promised
        wait_until(lambda: container.is_on() is is_on, RECOVERY_SECONDS)  # noqa: B023 - called at once


def test_an_idle_container_with_a_slow_table_obeys_a_kill(made: Made) -> None:
    outage, start = made
    container = start()
    wait_until(lambda: container.is_on() is True, RECOVERY_SECONDS)
    outage.publish(is_on=False)
    outage.fault = SLOW
    container.idle += 25.0
    assert container.is_on() is False


def test_a_definition_that_is_known_to_be_old_is_an_error_and_no_old_answer(made: Made) -> None:
    """The publications can be read, the flags cannot, and there is no snapshot."""
    outage, start = made
    container = start()
    wait_until(lambda: container.is_on() is True, RECOVERY_SECONDS)
    outage.publish(is_on=False)
    outage.direct.s3.delete_object(Bucket=outage.settings.archive_bucket, Key="definitions/current.json")
    table = outage.settings.flags_table.encode()
    outage.proxy.decide = lambda call: "dropped" if table in call.body else ""
    container.idle += 6.0
    assert container.is_on() is True  # for ten seconds
    container.idle += 4.1
    assert container.is_on() is None
    outage.proxy.decide = lambda _: ""
    wait_until(lambda: container.is_on() is False, RECOVERY_SECONDS)


def test_a_flapping_table_gives_no_wrong_answer(made: Made) -> None:
    outage, start = made
    container = start()
    wait_until(lambda: container.is_on() is True, RECOVERY_SECONDS)
    end, killed_at = time.monotonic() + 4.0, 0.0
    while (now := time.monotonic()) < end:
        outage.fault = "" if int(now / 0.3) % 2 else "dropped"
        if not killed_at and now > end - 3.0:
            outage.publish(is_on=False)
            killed_at = time.monotonic() + container.idle
        container.idle += 0.5
        answer = container.is_on()
        since_kill = time.monotonic() + container.idle - killed_at
        assert answer is not True or not killed_at or since_kill < 10.0
        time.sleep(0.02)
    assert killed_at
    outage.fault = ""
    wait_until(lambda: container.is_on() is False, RECOVERY_SECONDS)


def test_a_revoked_key_stays_refused_and_a_good_one_goes_on(made: Made) -> None:
    outage, start = made
    container = start()
    wait_until(lambda: container.is_on() is True, RECOVERY_SECONDS)
    outage.fault = "dropped"
    container.idle += 600.0
    assert container.is_on() is True
    outage.create_key(revoked="2026-02-01T00:00:00Z")
    outage.fault = SLOW  # the table answers again, slowly
    container.idle += 60.0
    status, _ = container.ask(*FLAGS["flag"])
    assert status == 403
    outage.fault = "dropped"
    container.idle += 600.0
    status, _ = container.ask(*FLAGS["flag"])
    assert status == 403


def test_a_load_that_no_request_has_time_for_goes_on_and_has_what_was_published_meanwhile(made: Made) -> None:
    outage, start = made
    variants = [{"key": "a", "allocation": 1, "value": "x" * 350_000}]
    large = [
        published_flag(f"f{number}", type="string", default_variant="a", variants=variants)
        for number in range(8)
    ]
    direct = DefinitionStore(outage.direct, outage.settings)
    direct.publish(large, direct.get_newest_version(), time.time())
    store = start().plane.definitions
    store.get_changes(None)
    per_call, per_request, requests = 0.2, 0.5, 0
    outage.fault = per_call
    loaded = None
    while loaded is None:
        requests += 1
        assert requests < 30  # a busy machine gets less done in one
        if requests == 2:
            direct.publish([replace(published_flag("f0"), text=""), published_flag("f1")], 2, time.time())
            outage.publish(is_on=False)
        end = time.monotonic() + per_request
        with deadline.limit(lambda: end - time.monotonic()), suppress(StorageUnavailable):  # noqa: B023
            loaded = store.get_all("flag")
    assert requests > 2, "the table is too fast for this test"
    assert loaded == direct.get_all("flag")
    assert loaded.keys() == {"on", "targeted", *(f"f{number}" for number in range(1, 8))}


def revoke(outage: Outage) -> tuple[int, str]:
    """As an operator whom the outage hits, too."""
    output = io.StringIO()
    keys = KeyStore(Clients(outage.settings), outage.settings.keys_table)
    status = revoke_key(
        Console(file=output, width=60), keys, digest(KEY)[:12], snapshots=outage.key_snapshots
    )
    return status, " ".join(output.getvalue().split())


@pytest.mark.parametrize("start_from", ["cold", "warm"])
def test_a_revocation_in_an_outage_reaches_containers_by_the_snapshot(made: Made, start_from: str) -> None:
    outage, start = made
    container = start()
    if start_from == "warm":
        wait_until(lambda: container.is_on() is True, RECOVERY_SECONDS)
    outage.fault = "dropped"
    container.idle += 600.0
    wait_until(lambda: container.is_on() is True, RECOVERY_SECONDS)
    status, output = revoke(outage)
    assert status == 1
    assert "in the snapshot only" in output
    container.idle += 10.0
    status, _ = container.ask(*FLAGS["flag"])
    assert status == 403
    outage.fault = ""
    assert outage.keys.get(digest(KEY)).revoked is None  # type: ignore[union-attr]
    status, output = revoke(outage)
    assert (status, outage.keys.get(digest(KEY)).revoked is None) == (0, False)  # type: ignore[union-attr]
    container.idle += 10.0
    assert container.ask(*FLAGS["flag"])[0] == 403


def test_an_old_snapshot_of_keys_opens_nothing_until_it_is_confirmed(made: Made) -> None:
    outage, start = made
    outage.fault = "dropped"
    container = start()
    container.idle += outage.settings.key_max_stale + 60.0
    assert container.ask(*OTHERS["events"])[0] == 500
    container.idle -= 120.0
    wait_until(lambda: container.ask(*OTHERS["events"])[0] == 202, RECOVERY_SECONDS)


def test_a_key_that_the_snapshot_does_not_have_is_an_honest_error(made: Made) -> None:
    """It may have been created since."""
    outage, start = made
    outage.key_snapshots.write(list, time.time())
    outage.fault = "dropped"
    assert start().is_on() is None
