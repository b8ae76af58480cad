"""The client against the whole application over HTTP: answers, updates, outages, what it sends."""

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.errors import InvalidInput, StorageUnavailable
from chalicelib.settings import Settings
from realtime.client import Client, Details, ErrorCode, Status
from realtime.testing.client_connection import MemoryConnection, encode_flags
from tests.support.api_keys import make_key, store_key
from tests.support.experiments import published
from tests.support.flags import rules, where
from tests.support.openfeature_flags import FLAGS, build_flag, publish_all
from tests.support.poll import wait_until
from tests.support.service import KEY, Service, serve_service

FRESH = Settings.from_env({"REALTIME_DEFINITIONS_CHECK": "0"})
BOOLEAN = {"type": "boolean"}
Connect = Callable[..., Client]


@pytest.fixture
def connect() -> Iterator[Connect]:
    clients: list[Client] = []

    def connect(url: str, key: str = KEY, **options: Any) -> Client:
        clients.append(Client(url, key, **{"poll_seconds": 0.05, **options}))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def served() -> Iterator[tuple[str, Service]]:
    with serve_service(FRESH) as (url, service):
        publish_all(service)
        yield url, service


@pytest.fixture
def client(served: tuple[str, Service], connect: Connect) -> Client:
    return connect(served[0])


@pytest.fixture
def service(served: tuple[str, Service]) -> Service:
    return served[1]


def publish(service: Service, kind: Any, key: str, **fields: Any) -> None:
    row = DefinitionRow(kind, key, json.dumps({"key": key, **fields}), "active")
    service.definitions.publish([row], service.definitions.get_changes(None).version, 0.0)


def write_document(path: Path, version: int, **flag: Any) -> Path:
    """With one flag, in a layout that a tool may have made of it."""
    definition = {"kind": "flag", "key": "f", "version": version, "definition": {"key": "f", **flag}}
    document = {"format": "realtime-definitions-1", "version": version, "tracking_window": None}
    path.write_text(json.dumps(document | {"definitions": [definition]}, indent=2))
    return path


def find_closed_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


class TestAnswers:
    def test_each_type_has_its_method(self, client: Client) -> None:
        assert client.boolean("boolean", False, "u1") is True
        assert client.string("string", "", "u1") == "grün"
        assert repr(client.integer("integer", 0, "u1")) == "42"
        assert repr(client.float("float", 0.0, "u1")) == "1.0"
        assert repr(client.float("integer", 0.0, "u1")) == "42"
        assert client.object("object", {}, "u1") == {"limit": 10, "ratio": 1.0, "tags": ["a", None]}

    def test_another_type_is_the_default(self, client: Client) -> None:
        assert client.boolean("string", True, "u1") is True
        assert client.string("integer", "mine", "u1") == "mine"
        assert client.integer("float", 7, "u1") == 7
        assert client.integer("boolean", 7, "u1") == 7
        assert client.float("boolean", 7.5, "u1") == 7.5
        assert client.object("string", None, "u1") is None
        details = client.details("string", True, "u1", types=(bool,))
        assert (details.value, details.error_code) == (True, ErrorCode.TYPE_MISMATCH)

    def test_details_are_those_of_the_service(self, client: Client) -> None:
        assert client.details("greeting", "", "u1", {"country": "DE"}) == Details(
            "de",
            "de",
            "TARGETING_MATCH",
            metadata={"reason": "TARGETING_MATCH", "version": len(FLAGS)},
        )

    def test_without_a_user_what_divides_nobody_is_answered(self, client: Client) -> None:
        assert client.boolean("boolean", False) is True
        details = client.details("half", True)
        assert (details.value, details.error_code) == (True, ErrorCode.TARGETING_KEY_MISSING)

    def test_an_unknown_flag_is_the_default(self, client: Client) -> None:
        details = client.details("nowhere", "mine", "u1")
        assert (details.value, details.error_code, details.reason) == (
            "mine",
            ErrorCode.FLAG_NOT_FOUND,
            "ERROR",
        )

    @pytest.mark.parametrize("context", [None, 5, "x", ["a"]])
    def test_no_context_can_fail_its_caller(self, client: Client, context: Any) -> None:
        for key in ("boolean", "half"):
            client.boolean(key, False, "u1")
            details = client.details(key, "mine", "u1", context)
            assert (details.value, details.error_code) == ("mine", ErrorCode.INVALID_CONTEXT)

    @pytest.mark.parametrize("user_id", ["", "\ud800", "a\nb", 5, "x" * 2_000])
    def test_no_user_id_can_fail_its_caller(self, client: Client, user_id: Any) -> None:
        details = client.details("half", True, user_id)
        assert (details.value, details.error_code) == (True, ErrorCode.INVALID_CONTEXT)

    def test_a_flag_may_be_asked_for_by_its_alias(self, client: Client, service: Service) -> None:
        service.publish_flag("new", type="boolean", alias="grüppe/85")
        wait_until(lambda: client.boolean("grüppe/85", False, "u1"))
        service.publish_flag("new", type="boolean", alias="other")
        wait_until(lambda: client.details("grüppe/85", False, "u1").error_code == ErrorCode.FLAG_NOT_FOUND)
        assert client.boolean("other", False, "u1") is True

    def test_segments_and_prerequisites_are_followed(self, client: Client, service: Service) -> None:
        client.load()
        publish(service, "segment", "testers", include=["ada"])
        needed = [{"flag": "base", "variants": ["on"]}]
        rule = {"when": {"segment": "testers"}, "serve": "on"}
        service.publish_flag("base", type="boolean", rules=[rule], default="off")
        service.publish_flag("above", type="boolean", prerequisites=needed)
        wait_until(lambda: client.boolean("above", False, "ada"))
        assert client.details("above", True, "bob").metadata["reason"] == "PREREQUISITE_FAILED"
        publish(service, "segment", "testers", include=["bob"])
        wait_until(lambda: client.boolean("above", False, "bob"))
        assert client.boolean("above", True, "ada") is False

    def test_a_caller_cannot_change_what_others_get(self, client: Client) -> None:
        mine: Any = client.object("object", {}, "u1")
        mine["limit"] = 99
        mine["tags"].append("b")
        client.details("object", {}, "u1").value["ratio"] = 7
        metadata: Any = client.details("object", {}, "u1").metadata
        metadata["reason"] = "mine"
        assert client.object("object", {}, "u2") == {"limit": 10, "ratio": 1.0, "tags": ["a", None]}
        assert client.details("object", {}, "u1").metadata["reason"] == "STATIC"

    def test_the_context_of_the_caller_stays_as_it_is(self, client: Client) -> None:
        context = {"user_id": "other", "country": "DE"}
        client.string("greeting", "", "u1", context)
        assert context == {"user_id": "other", "country": "DE"}

    def test_the_user_id_is_an_attribute(self, client: Client, service: Service) -> None:
        rule = {"rule": where("user_id", "eq", "ada"), "rollout_percentage": 100}
        service.publish_flag("for-ada", type="boolean", targeting_rules=rules(rule))
        wait_until(lambda: client.boolean("for-ada", False, "ada", {"user_id": "bob"}))
        assert client.boolean("for-ada", True, "bob", {"user_id": "ada"}) is False


class TestUpdates:
    def test_a_kill_is_in_force_within_the_next_poll(self, client: Client, service: Service) -> None:
        assert client.boolean("boolean", False, "u1") is True
        service.publish_flag("boolean", type="boolean", enabled=False)
        wait_until(lambda: client.boolean("boolean", True, "u1") is False)

    def test_what_has_not_changed_is_not_compiled_again(self, client: Client, service: Service) -> None:
        kept = client.evaluate("string", "u1")
        service.publish_flag("boolean", type="boolean", enabled=False)
        wait_until(lambda: client.boolean("boolean", True, "u1") is False)
        assert client.evaluate("string", "u1") is kept

    def test_threads_see_old_or_new_and_nothing_else(self, client: Client, service: Service) -> None:
        stop = threading.Event()

        def ask() -> set[Any]:
            seen = set()
            while not stop.is_set():
                seen.add(client.details("string", "default", "u1").value)
            return seen

        with ThreadPoolExecutor(2) as threads:
            answers = [threads.submit(ask) for _ in range(2)]
            for number in range(3):
                variants = [{"key": "only", "value": f"v{number}"}]
                service.publish_flag("string", type="string", default_variant="only", variants=variants)
                wait_until(lambda value=f"v{number}": client.string("string", "", "u1") == value)  # type: ignore[misc]
            stop.set()
        assert set().union(*(each.result() for each in answers)) <= {
            "grün",
            *(f"v{number}" for number in range(3)),
        }

    def test_the_last_good_definitions_serve_through_an_outage(
        self, client: Client, service: Service, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert client.boolean("boolean", False, "u1") is True
        store = service.plane.client_definitions

        class Broken:
            def get(self) -> Any:
                raise StorageUnavailable

        service.plane.client_definitions = Broken()  # type: ignore[assignment]
        wait_until(lambda: client.status.is_stale)
        assert client.status.error == "status 500"
        assert client.boolean("boolean", False, "u1") is True
        service.plane.client_definitions = store
        service.publish_flag("boolean", type="boolean", enabled=False)
        wait_until(lambda: client.boolean("boolean", True, "u1") is False)
        assert (client.status.is_stale, client.status.error) == (False, "")
        warnings = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
        assert [each for each in warnings if "Definitions" in each] == [
            "Definitions could not be loaded: status 500"
        ]

    def test_a_definition_that_this_client_cannot_read_keeps_its_last_good_version(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """As a later service may have one."""
        flag = {"key": "f", **build_flag("string", "good")}
        connection = MemoryConnection(encode_flags({"f": flag}))
        client = Client(connection=connection)
        client.load()
        client.close()
        assert client.string("f", "", "u1") == "good"
        for version in (2, 3):
            flags = {"f": flag | {"colour": version}, "g": {"key": "g", **BOOLEAN}}
            connection.text = encode_flags(flags, version)
            connection.etag = f"{version}"
            client._updates.poll()
            assert client.string("f", "", "u1") == client.string("f", "", "u2") == "good"
            assert client.boolean("g", False, "u1") is True
        assert [each.getMessage() for each in caplog.records] == [
            "This client cannot read the flag 'f': update it."
        ] * 2

    def test_a_key_that_is_not_accepted_is_tried_again_later(
        self, served: tuple[str, Service], connect: Connect
    ) -> None:
        url, service = served
        seconds = [0.0]
        client = connect(url, make_key("later"), timer=lambda: seconds[0])
        details = client.details("boolean", False, "u1")
        assert (details.value, details.error_code) == (False, ErrorCode.PROVIDER_NOT_READY)
        assert details.error_message is not None
        assert "403" in details.error_message
        assert make_key("later") not in details.error_message
        service.keys.put(store_key("flags", name="later"))
        service.plane.authorizer.__dict__.clear()
        service.plane.__dict__.pop("authorizer")
        seconds[0] += 331.0
        client.flush()  # wakes the thread
        wait_until(lambda: client.boolean("boolean", False, "u1"))


class TestStart:
    def test_without_a_service_a_file_is_enough(
        self, client: Client, connect: Connect, tmp_path: Path
    ) -> None:
        cache = tmp_path / "cache" / "definitions.json"
        first = connect(client._connection._url, cache_file=cache)
        assert first.boolean("boolean", False, "u1") is True
        assert cache.stat().st_mode & 0o777 == 0o600
        nowhere = f"http://127.0.0.1:{find_closed_port()}"
        second = connect(nowhere, cache_file=cache)
        assert second.boolean("boolean", False, "u1") is True
        assert second.status.is_stale
        assert second.status.age is None
        third = connect(nowhere, bootstrap=cache)
        assert third.string("string", "", "u1") == "grün"
        assert [path.name for path in cache.parent.iterdir()] == [cache.name]

    def test_of_two_files_the_newer_one_serves(self, connect: Connect, tmp_path: Path) -> None:
        def write(version: int, value: str) -> Path:
            path = tmp_path / f"{version}.json"
            return write_document(path, version, **build_flag("string", value))

        older, newer = write(3, "older"), write(4, "newer")
        nowhere = f"http://127.0.0.1:{find_closed_port()}"
        assert connect(nowhere, bootstrap=newer, cache_file=older).string("f", "", "u1") == "newer"
        assert connect(nowhere, bootstrap=older, cache_file=newer).string("f", "", "u1") == "newer"

    def test_a_broken_file_is_left_out(
        self, connect: Connect, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = tmp_path / "broken.json"
        path.write_text("{")
        client = connect(f"http://127.0.0.1:{find_closed_port()}", bootstrap=path, cache_file=tmp_path / "no")
        assert client.details("f", 1, "u1").error_code == ErrorCode.PROVIDER_NOT_READY
        assert any("broken.json is left out" in each.getMessage() for each in caplog.records)

    def test_a_definition_of_a_later_service_is_an_error_of_its_own(
        self, connect: Connect, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        later = write_document(tmp_path / "a.json", 1, type="of a later service")
        client = connect(f"http://127.0.0.1:{find_closed_port()}", bootstrap=later)
        for _ in range(2):
            details = client.details("f", 1, "u1")
            assert (details.value, details.error_code) == (1, ErrorCode.PARSE_ERROR)
        assert sum("cannot read" in each.getMessage() for each in caplog.records) == 1

    def test_an_older_answer_never_replaces_a_newer_file(
        self, client: Client, connect: Connect, tmp_path: Path
    ) -> None:
        cache = tmp_path / "definitions.json"
        newer = {"format": "realtime-definitions-1", "version": 999, "tracking_window": None}
        text = json.dumps(newer | {"definitions": []})
        cache.write_text(text)
        assert connect(client._connection._url, cache_file=cache).boolean("boolean", False, "u1") is True
        assert cache.read_text() == text

    def test_something_else_at_the_url_is_an_error_that_says_so(
        self, served: tuple[str, Service], connect: Connect
    ) -> None:
        client = connect(f"{served[0]}/nowhere")
        assert client.details("f", 1, "u1").error_message == "404 not_found: There is no such route."


def drain(service: Service) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = service.stream.events
    return events


class TestSending:
    def test_an_answer_is_sent_once_a_window(self, client: Client, service: Service) -> None:
        for _ in range(3):
            client.boolean("boolean", False, "u1")
            client.boolean("half", False, "u1")
        client.boolean("boolean", False, "u2")
        assert client.flush()
        sent = [(each["event_type"], each["user_id"], each["flag_key"]) for each in drain(service)]
        assert sorted(sent) == [
            ("client_evaluation", "u1", "boolean"),
            ("client_evaluation", "u1", "half"),
            ("client_evaluation", "u2", "boolean"),
        ]
        client.boolean("boolean", False, "u1")
        assert (client.status.waiting, client.status.sent) == (0, 3)

    def test_the_next_window_sends_it_again(self, served: tuple[str, Service], connect: Connect) -> None:
        url, service = served
        now = [service.plane.clock() // 600 * 600 + 1]
        client = connect(url, clock=lambda: now[0])
        client.boolean("boolean", False, "u1")
        now[0] += 598
        client.boolean("boolean", False, "u1")
        assert client.status.waiting + client.status.sent == 1
        now[0] += 2
        client.boolean("boolean", False, "u1")
        client.flush()
        assert len({each["event_id"] for each in drain(service)}) == 2

    def test_a_share_of_the_users_is_recorded_as_the_flag_says(
        self, client: Client, service: Service
    ) -> None:
        service.publish_flag("sampled", type="boolean", tracking_sample=0.25)
        wait_until(lambda: client.boolean("sampled", False, "first"))
        users = [f"user-{number}" for number in range(200)]
        for user in users:
            client.boolean("sampled", False, user)
        client.flush()
        recorded = {each["user_id"] for each in drain(service)} & {*users}
        for user in users:
            service.plane.evaluate(user, "sampled", {})
        service.stream.records.clear()
        service.plane.tracker.flush()
        assert recorded == {each["user_id"] for each in drain(service)} & {*users}
        assert 20 < len(recorded) < 80

    def test_nothing_is_recorded_where_the_service_records_nothing(self, connect: Connect) -> None:
        with serve_service(Settings.from_env({"REALTIME_TRACKING": "false"})) as (url, service):
            publish_all(service)
            client = connect(url)
            assert client.boolean("boolean", False, "u1") is True
            assert client.status.waiting == 0

    def test_events_of_the_caller_are_sent(self, client: Client, service: Service) -> None:
        client.track(
            "purchase", "u1", value=49.9, currency="EUR", experiment_key="e", properties={"country": "DE"}
        )
        client.track("view", "u1")
        assert client.flush()
        purchase, view = drain(service)
        assert (
            purchase.items()
            >= {
                "event_type": "purchase",
                "user_id": "u1",
                "value": 49.9,
                "currency": "EUR",
                "experiment_key": "e",
                "properties": {"country": "DE"},
            }.items()
        )
        assert purchase["event_id"] != view["event_id"]
        assert "value" not in view

    def test_an_exposure_is_sent_once_a_window(self, client: Client, service: Service) -> None:
        for user in ("u1", "u1", "u2"):
            client.expose("checkout", user, {"page": 1})
        client.expose("other", "u1")
        client.flush()
        assert sorted((each["experiment_key"], each["user_id"]) for each in drain(service)) == [
            ("checkout", "u1"),
            ("checkout", "u2"),
            ("other", "u1"),
        ]

    def test_what_can_never_be_an_event_is_said_at_once(self, client: Client) -> None:
        with pytest.raises(InvalidInput):
            client.track("view", "")
        with pytest.raises(TypeError):
            client.track("view", "u1", properties={"a": object()})

    def test_what_the_service_rejects_is_counted_and_logged_once(
        self, client: Client, service: Service, caplog: pytest.LogCaptureFixture
    ) -> None:
        for _ in range(2):
            client.track("a" * 200, "u1")
            client.track("view", "u1")
            client.flush()
        assert (client.status.rejected, client.status.sent, client.status.waiting) == (2, 2, 0)
        warnings = [each.getMessage() for each in caplog.records if "rejected" in each.getMessage()]
        assert warnings == ["/events has rejected 1 items, the first: invalid_field. It is logged once."]

    def test_a_large_batch_is_divided(self, client: Client, service: Service) -> None:
        for number in range(1_200):
            client.track("view", f"u{number}", properties={"text": "x" * 2_000})
            client.boolean("boolean", False, f"u{number}")
        assert client.flush(10.0)
        events = drain(service)
        assert (len(events), len({each["event_id"] for each in events})) == (2_400, 2_400)

    def test_what_cannot_be_sent_waits_and_is_sent_later(
        self, served: tuple[str, Service], connect: Connect
    ) -> None:
        url, service = served
        client = connect(url)
        client.boolean("boolean", False, "u1")
        client.track("view", "u1")
        ingest = service.plane.ingestion

        class Broken:
            def ingest(self, *_: Any, **__: Any) -> Any:
                raise StorageUnavailable

        service.plane.ingestion = Broken()  # type: ignore[assignment]
        assert not client.flush()
        assert client.status.waiting == 2
        service.plane.ingestion = ingest
        assert client.flush()
        assert sorted(each["event_type"] for each in drain(service)) == ["client_evaluation", "view"]

    def test_a_key_without_the_scope_of_events_loses_none_of_the_evaluations(
        self, served: tuple[str, Service], connect: Connect
    ) -> None:
        url, service = served
        service.keys.put(store_key("flags"))
        client = connect(url, make_key("flags"))
        client.track("view", "u1")
        client.boolean("boolean", False, "u1")
        assert not client.flush()
        assert [each["event_type"] for each in drain(service)] == ["client_evaluation"]
        assert client.status.waiting == 1


class TestExperiments:
    """A flag that serves an experiment: the service assigns, stores and counts."""

    @pytest.fixture(autouse=True)
    def _experiment(self, service: Service) -> None:
        split = {key: {"weight": 1, "payload": key.upper()} for key in ("control", "treatment")}
        row = published(variants=split, when={"if": "country", "in": ["DE"]})
        service.definitions.publish([row], service.definitions.get_changes(None).version, 0.0)
        rule = {"serve": {"experiment": "checkout"}}
        service.publish_flag("colour", variants={"plain": "white"}, default="plain", rules=[rule])

    def test_the_answer_is_the_stored_assignment(self, client: Client, service: Service) -> None:
        for number in range(10):
            details = client.details("colour", "", f"u{number}", {"country": "DE"})
            row = service.assignments.rows["checkout", f"u{number}"]
            assert (details.variant, details.value) == (row.variant, row.variant.upper())
            assert details.metadata["reason"] == "ASSIGNED"
        assert client.string("colour", "", "eve", {"country": "FR"}) == "white"
        assert client.details("colour", "mine").error_code == ErrorCode.TARGETING_KEY_MISSING

    def test_it_is_kept_and_counted_by_the_service_alone(self, client: Client, service: Service) -> None:
        for _ in range(5):
            client.string("colour", "", "u1", {"country": "DE"})
        client.flush()
        service.plane.tracker.flush()
        assert sorted(each["event_type"] for each in drain(service)) == [
            "assignment",
            "evaluation",
            "exposure",
        ]

    def test_through_an_outage_the_kept_answer_serves_and_others_get_the_default(
        self, served: tuple[str, Service], connect: Connect
    ) -> None:
        url, service = served
        seconds = [0.0]
        client = connect(url, timer=lambda: seconds[0], poll_seconds=1e6)
        kept = client.string("colour", "", "u1", {"country": "DE"})

        class Broken:
            def evaluate(self, *_: Any, **__: Any) -> Any:
                raise StorageUnavailable

        evaluator = service.plane.flag_evaluator
        service.plane.flag_evaluator = Broken()  # type: ignore[assignment]
        seconds[0] += 20
        assert client.string("colour", "", "u1", {"country": "DE"}) == kept
        details = client.details("colour", "mine", "u2", {"country": "DE"})
        assert (details.value, details.error_code) == ("mine", ErrorCode.GENERAL)
        service.plane.flag_evaluator = evaluator
        seconds[0] += 2
        assert client.details("colour", "mine", "u2", {"country": "DE"}).error_code is None

    @pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}])
    def test_a_context_that_is_no_json_is_the_callers_mistake(self, client: Client, value: Any) -> None:
        details = client.details("colour", "mine", "u1", {"a": value})
        assert (details.value, details.error_code) == ("mine", ErrorCode.INVALID_CONTEXT)

    @pytest.mark.parametrize("value", [2**80, "\ud800", {1: "a key becomes a text"}])
    def test_what_json_has_is_asked_for(self, client: Client, value: Any) -> None:
        context = {"country": "DE", "a": value}
        assert client.details("colour", "mine", "u1", context).variant in ("control", "treatment")


def test_changes_are_announced(served: tuple[str, Service], connect: Connect) -> None:
    url, service = served
    seen: list[Status] = []
    client = connect(url)
    client.listen(seen.append)
    client.load()
    assert [(each.is_ready, each.version) for each in seen] == [(True, len(FLAGS))]
    assert client.boolean("boolean", False, "u1")
    service.publish_flag("boolean", type="boolean", enabled=False)
    wait_until(lambda: seen[-1].version == len(FLAGS) + 1)


def test_a_callback_that_fails_neither_ends_the_thread_nor_fails_an_evaluation(
    served: tuple[str, Service], connect: Connect
) -> None:
    url, service = served

    def fail(_: Status) -> None:
        raise RuntimeError

    client = connect(url)
    client.listen(fail)
    assert client.boolean("boolean", False, "u1") is True
    service.publish_flag("boolean", type="boolean", enabled=False)
    wait_until(lambda: client.boolean("boolean", True, "u1") is False)


def test_a_closed_client_answers_by_what_it_has(client: Client, service: Service) -> None:
    client.boolean("boolean", False, "u1")
    client.close()
    assert [each["event_type"] for each in drain(service)] == ["client_evaluation"]
    assert client.boolean("boolean", False, "u2") is True
    assert "realtime-client" not in [thread.name for thread in threading.enumerate()]
