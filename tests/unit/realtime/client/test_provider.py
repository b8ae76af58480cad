"""The client as a provider of OpenFeature's own SDK: it answers as the OFREP provider does."""

import logging
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import EventDetails, ProviderEvent
from openfeature.exception import ErrorCode, ProviderNotReadyError
from openfeature.flag_evaluation import Reason
from openfeature.provider import FeatureProvider, ProviderStatus
from openfeature.track import TrackingEventDetails

from chalicelib.domain.errors import StorageUnavailable
from chalicelib.settings import Settings
from realtime.client.provider import Provider
from tests.support.flags import rules, where
from tests.support.openfeature_flags import FLAGS, publish_all
from tests.support.poll import wait_until
from tests.support.service import KEY, Service, serve_service

FRESH = Settings.from_env({"REALTIME_DEFINITIONS_CHECK": "0"})
TIMES = {"rule": where("at", "eq", "2026-01-01T00:00:00+00:00"), "variant": "de"}
OWN_ID = {"rule": where("user_id", "eq", "mine"), "variant": "de"}
TARGETED = {
    "type": "string",
    "default_variant": "en",
    "variants": [
        {"key": "en", "value": "en", "allocation": 1},
        {"key": "de", "value": "de", "allocation": 0},
    ],
}


@pytest.fixture
def served() -> Iterator[tuple[str, Service]]:
    with serve_service(FRESH) as (url, service):
        publish_all(service)
        service.publish_flag("by-time", **TARGETED, targeting_rules=rules(TIMES))
        service.publish_flag("by-own-id", **TARGETED, targeting_rules=rules(OWN_ID))
        rule = {"rule": where("targetingKey", "eq", "u1"), "variant": "de"}
        service.publish_flag("by-key", **TARGETED, targeting_rules=rules(rule))
        service.publish_flag(
            "open", type="string", variants={"a": "x"}, rules=[{"when": False, "serve": "a"}]
        )
        yield url, service


def connect(provider: FeatureProvider) -> OpenFeatureClient:
    domain = uuid.uuid4().hex
    api.set_provider_and_wait(provider, domain)
    return api.get_client(domain)


@pytest.fixture
def local(served: tuple[str, Service]) -> Iterator[OpenFeatureClient]:
    provider = Provider(served[0], KEY, poll_seconds=0.05)
    yield connect(provider)
    provider.shutdown()


@pytest.fixture
def remote(served: tuple[str, Service]) -> OpenFeatureClient:
    headers = {"Authorization": f"Bearer {KEY}"}
    return connect(OFREPProvider(served[0], headers_factory=lambda: headers))


CONTEXTS = [
    None,
    EvaluationContext(),
    EvaluationContext("u1"),
    EvaluationContext("u1", {"country": "DE"}),
    EvaluationContext("u1", {"country": ["DE", {"a": (1, 2)}]}),
    EvaluationContext("u2", {"user_id": "mine", "country": "FR", "account": "a-1"}),
    EvaluationContext(None, {"user_id": "mine", "account": "a-1"}),
]
DEFAULTS: dict[str, Any] = {
    "boolean": True,
    "string": "mine",
    "integer": 7,
    "float": 7.5,
    "object": {"mine": 1},
}
BOOLEANS = ("boolean", "disabled", "half", "by-account")
ASKED = [
    (key, kind)
    for key in [*FLAGS, "by-key", "by-own-id", "open", "nowhere"]
    for kind in DEFAULTS
    if not (key in BOOLEANS and kind in ("integer", "float"))  # for OFREP's provider True is a number
]


@pytest.mark.parametrize("context", CONTEXTS, ids=repr)
def test_it_answers_as_the_provider_that_asks_over_http(
    local: OpenFeatureClient, remote: OpenFeatureClient, context: EvaluationContext | None
) -> None:
    for key, kind in ASKED:
        own, other = (
            getattr(client, f"get_{kind}_details")(key, DEFAULTS[kind], context) for client in (local, remote)
        )
        assert repr(own.value) == repr(other.value), (key, kind)
        assert own.error_code == other.error_code, (key, kind)
        if own.error_code is None:
            assert (own.variant, own.reason, own.flag_metadata) == (
                other.variant,
                other.reason,
                other.flag_metadata,
            ), (key, kind)


def test_a_time_is_compared_as_its_text(local: OpenFeatureClient) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert local.get_string_value("by-time", "", EvaluationContext("u1", {"at": at})) == "de"
    assert local.get_string_value("by-time", "", EvaluationContext("u1", {"at": (at,)})) == "en"


@pytest.mark.parametrize("key", [5, "a\nb", "\ud800"])
def test_a_targeting_key_that_is_no_id_answers_the_default(local: OpenFeatureClient, key: Any) -> None:
    details = local.get_boolean_details("half", True, EvaluationContext(key))
    assert (details.value, details.reason, details.error_code) == (
        True,
        Reason.ERROR,
        ErrorCode.INVALID_CONTEXT,
    )


def test_an_error_writes_no_traceback(local: OpenFeatureClient, caplog: pytest.LogCaptureFixture) -> None:
    local.get_boolean_details("nowhere", True)
    assert [each for each in caplog.records if each.exc_info] == []


def test_events_are_tracked(local: OpenFeatureClient, served: tuple[str, Service]) -> None:
    service = served[1]
    service.stream.records.clear()
    details = TrackingEventDetails(49.9, {"currency": "EUR", "experiment_key": "e", "items": 3})
    local.track("purchase", EvaluationContext("u1"), details)
    local.provider.client.flush()  # type: ignore[attr-defined]
    (event,) = [each for each in service.stream.events if each["event_type"] == "purchase"]
    assert (event["value"], event["currency"], event["experiment_key"]) == (49.9, "EUR", "e")
    assert (event["user_id"], event["properties"]) == ("u1", {"items": 3})


def test_the_sdk_hears_of_changes_and_outages() -> None:
    with serve_service(FRESH) as (url, service):
        publish_all(service)
        provider = Provider(url, KEY, poll_seconds=0.05)
        client = connect(provider)
        heard: list[ProviderEvent] = []
        for event in ProviderEvent:

            def hear(_: EventDetails, event: ProviderEvent = event) -> None:
                heard.append(event)

            client.add_handler(event, hear)
        assert client.get_boolean_value("boolean", False) is True
        service.publish_flag("boolean", type="boolean", enabled=False)
        wait_until(lambda: ProviderEvent.PROVIDER_CONFIGURATION_CHANGED in heard)
        assert client.get_boolean_value("boolean", True) is False
        working = service.plane.client_definitions

        class Broken:
            def get(self) -> Any:
                raise StorageUnavailable

        service.plane.client_definitions = Broken()  # type: ignore[assignment]
        wait_until(lambda: client.get_provider_status() == ProviderStatus.STALE)
        assert client.get_boolean_value("boolean", True) is False
        heard.clear()
        service.plane.client_definitions = working
        wait_until(lambda: client.get_provider_status() == ProviderStatus.READY)
        wait_until(lambda: ProviderEvent.PROVIDER_READY in heard)
        provider.shutdown()


def test_without_definitions_it_is_not_ready_and_becomes_ready_later(
    served: tuple[str, Service], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    url, service = served
    working = service.plane.client_definitions

    class Broken:
        def get(self) -> Any:
            raise StorageUnavailable

    service.plane.client_definitions = Broken()  # type: ignore[assignment]
    provider = Provider(url, KEY, poll_seconds=0.05)
    domain = uuid.uuid4().hex
    try:
        with pytest.raises(ProviderNotReadyError):
            api.set_provider_and_wait(provider, domain)
        client = api.get_client(domain)
        assert client.get_boolean_details("boolean", False).value is False
    finally:
        service.plane.client_definitions = working
    wait_until(lambda: client.get_provider_status() == ProviderStatus.READY)
    assert client.get_boolean_value("boolean", False) is True
    provider.shutdown()
