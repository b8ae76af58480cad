"""Evidently's wire API: a client of botocore against the whole application, and what it cannot send."""

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.errors import EvaluationTooLong, StorageUnavailable, Throttled
from chalicelib.domain.stream.outgoing import OutgoingRecord
from realtime.local.front import FRONTS, Front
from realtime.testing.event_stores import MemoryEventStream
from tests.support.api_keys import make_key, store_key
from tests.support.evidently_client import make_client
from tests.support.experiments import published
from tests.support.service import KEY, Service, serve_service

PROJECT = "arn:aws:evidently:eu-west-1:123456789012:project/shop"
USER = "ada"


class Evidently:
    def __init__(self, client: Any, service: Service) -> None:
        self.client, self.service = client, service

    def forget(self) -> "Evidently":
        """What was sent."""
        self.service.plane.tracker.flush()
        self.service.stream.records.clear()
        return self

    def evaluate(self, feature: str, user: str = USER, **context: Any) -> dict[str, Any]:
        answer = self.client.evaluate_feature(
            project="shop", feature=feature, entityId=user, evaluationContext=json.dumps(context)
        )
        return {name: value for name, value in answer.items() if name != "ResponseMetadata"}

    def put(self, *data: Any, kind: str = "custom", timestamp: float | None = None) -> dict[str, Any]:
        now = self.service.plane.clock() if timestamp is None else timestamp
        events = [
            {"timestamp": now, "type": f"aws.evidently.{kind}", "data": json.dumps(each)} for each in data
        ]
        answer: dict[str, Any] = self.client.put_project_events(project="shop", events=events)
        return answer

    def sent(self) -> list[dict[str, Any]]:
        return [json.loads(record.data) for record in self.service.stream.records]


def publish(service: Service) -> None:
    service.publish_flag(
        "launched",
        type="boolean",
        overrides={"qa": "on"},
        rules=[{"id": "launch", "when": {"if": "country", "eq": "DE"}, "serve": "on"}],
        default="off",
    )
    values: dict[str, Any] = {"long": 50, "double": 2.0, "string": "s", "object": {"a": [1]}}
    for name, value in values.items():
        given = [{"key": name, "value": value}]
        service.publish_flag(f"a-{name}", type="any", variants=given, rules=[], default=name)
    service.publish_flag("none", type="boolean", rules=[], default="none")
    arms = [{"key": "on", "allocation": 1.0, "payload": True}, {"key": "off", "allocation": 0.0}]
    experiment = published("test", variants=arms)
    service.definitions.publish([experiment], service.definitions.get_changes(None).version, 0.0)
    service.publish_flag("tested", type="any", rules=[{"id": "x", "serve": {"experiment": "test"}}])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each front door is started once: tests of `one` run behind a REST API only."""
    if "running" in metafunc.fixturenames:
        fronts = ["rest"] if "one" in metafunc.fixturenames else FRONTS
        metafunc.parametrize("running", fronts, indirect=True, scope="module")


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evidently]:
    front: Front = request.param
    with serve_service(front=front) as (url, service):
        publish(service)
        client = make_client(tmp_path_factory.mktemp("client"), f"{url}/evidently", KEY)
        yield Evidently(client, service)


@pytest.fixture
def evidently(running: Evidently) -> Evidently:
    return running.forget()


@pytest.fixture
def one(running: Evidently) -> Evidently:
    return running.forget()


def test_a_feature_is_evaluated(evidently: Evidently) -> None:
    answer = {"variation": "off", "value": {"boolValue": False}, "reason": "DEFAULT", "details": "{}"}
    assert evidently.evaluate("launched", country="AT") == answer
    launched = answer | {"variation": "on", "value": {"boolValue": True}}
    assert evidently.evaluate("launched", country="DE") == launched | {"reason": "LAUNCH_RULE_MATCH"}
    assert evidently.evaluate("launched", "qa") == launched | {"reason": "ENTITY_OVERRIDES_MATCH"}
    assert evidently.evaluate("tested")["reason"] == "EXPERIMENT_RULE_MATCH"
    assert evidently.evaluate("tested")["variation"] == "on"


def test_a_project_may_be_named_by_its_arn(one: Evidently) -> None:
    """Not behind an HTTP API, which takes the slash for one of the path."""
    answer = one.client.evaluate_feature(project=PROJECT, feature="launched", entityId=USER)
    assert answer["variation"] == "off"


def test_each_type_has_its_field(one: Evidently) -> None:
    assert [one.evaluate(f"a-{name}")["value"] for name in ("long", "double", "string", "object")] == [
        {"longValue": 50},
        {"doubleValue": 2.0},
        {"stringValue": "s"},
        {"stringValue": '{"a":[1]}'},
    ]


def test_many_are_evaluated(evidently: Evidently) -> None:
    requests = [
        {"entityId": user, "feature": "launched", "evaluationContext": json.dumps({"country": "DE"})}
        for user in ("u1", "qa")
    ]
    results = evidently.client.batch_evaluate_feature(project="shop", requests=requests)["results"]
    assert [(each["entityId"], each["variation"], each["reason"]) for each in results] == [
        ("u1", "on", "LAUNCH_RULE_MATCH"),
        ("qa", "on", "ENTITY_OVERRIDES_MATCH"),
    ]
    assert {(each["project"], each["feature"]) for each in results} == {("shop", "launched")}


def test_evaluations_are_tracked_and_experiments_count_exposures(one: Evidently) -> None:
    one.evaluate("launched", "tracked")
    one.evaluate("tested", "tracked")
    one.service.plane.tracker.flush()
    sent = {
        (event["event_type"], event.get("flag_key") or event.get("experiment_key")) for event in one.sent()
    }
    assert sent >= {("evaluation", "launched"), ("evaluation", "tested"), ("exposure", "test")}


@pytest.mark.parametrize(
    ("feature", "user", "context", "status", "error"),
    [
        ("nowhere", USER, "{}", 404, "ResourceNotFoundException"),
        ("none", USER, "{}", 404, "ResourceNotFoundException"),
        ("launched", "u\n", "{}", 400, "ValidationException"),
        ("launched", USER, "[1]", 400, "ValidationException"),
        ("launched", USER, "{", 400, "ValidationException"),
    ],
)
def test_errors_are_those_of_its_clients(
    one: Evidently, feature: str, user: str, context: str, status: int, error: str
) -> None:
    client = one.client
    with pytest.raises(getattr(client.exceptions, error)) as raised:
        client.evaluate_feature(project="p", feature=feature, entityId=user, evaluationContext=context)
    answer = raised.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == status
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-errortype"] == error
    assert answer["Error"]["Message"]


def test_one_feature_that_does_not_exist_fails_the_batch(one: Evidently) -> None:
    requests = [{"entityId": USER, "feature": name} for name in ("launched", "nowhere")]
    with pytest.raises(one.client.exceptions.ResourceNotFoundException, match="'nowhere'"):
        one.client.batch_evaluate_feature(project="p", requests=requests)


@pytest.mark.parametrize("count", [0, 21])
def test_a_batch_has_1_to_20_requests(one: Evidently, count: int) -> None:
    requests = [{"entityId": USER, "feature": "launched"}] * count
    with pytest.raises(one.client.exceptions.ValidationException, match="requests"):
        one.client.batch_evaluate_feature(project="p", requests=requests)


class FailingStream(MemoryEventStream):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def put(self, records: Sequence[OutgoingRecord]) -> list[str | None]:
        raise self._error


@pytest.mark.parametrize(
    ("failure", "status", "error", "retry_after"),
    [
        (Throttled(), 429, "ThrottlingException", "1"),
        (StorageUnavailable(), 500, "InternalServerException", None),
    ],
)
def test_a_store_that_fails_is_an_error_that_clients_repeat(
    tmp_path: Path, failure: Exception, status: int, error: str, retry_after: str | None
) -> None:
    with serve_service(stream=FailingStream(failure)) as (url, service):
        evidently = Evidently(make_client(tmp_path, f"{url}/evidently", KEY), service)
        with pytest.raises(evidently.client.exceptions.ClientError) as raised:
            evidently.put({"userDetails": {"userId": USER}, "details": {"clicks": 1}})
    answer = raised.value.response
    assert answer["Error"]["Code"] == error
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == status
    assert answer["ResponseMetadata"]["HTTPHeaders"].get("retry-after") == retry_after


def test_a_key_needs_the_scope_and_flags_client_sees_what_is_for_clients(tmp_path: Path) -> None:
    with serve_service() as (url, service):
        publish(service)
        service.publish_flag("hidden", type="boolean", rules=[], default="on", client_visible=False)
        for scope in ("flags:client", "assign"):
            service.keys.put(store_key(scope))
        web = make_client(tmp_path / "web", f"{url}/evidently", make_key("flags:client"))
        assert web.evaluate_feature(project="p", feature="launched", entityId=USER)["variation"] == "off"
        with pytest.raises(web.exceptions.ResourceNotFoundException):
            web.evaluate_feature(project="p", feature="hidden", entityId=USER)
        for key in (make_key("assign"), "rt_wrong"):
            other = make_client(tmp_path / key, f"{url}/evidently", key)
            with pytest.raises(other.exceptions.ClientError) as raised:
                other.evaluate_feature(project="p", feature="launched", entityId=USER)
            assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] in (401, 403)


def test_custom_events_are_events_named_by_their_numbers(evidently: Evidently) -> None:
    details = {"purchase": 12.5, "cart": {"items": 2}, "country": "DE", "is_new": True}
    answer = evidently.put(
        {"userDetails": {"userId": USER}, "details": details}, {"entityId": "u2", "details": {}}
    )
    assert answer["failedEventCount"] == 0
    sent = evidently.sent()
    assert [(each["event_type"], each.get("value"), each["user_id"]) for each in sent] == [
        ("purchase", 12.5, USER),
        ("cart.items", 2, USER),
        ("aws.evidently.custom", None, "u2"),
    ]
    assert sent[0]["properties"] == details
    assert [result["eventId"] for result in answer["eventResults"]] == [
        sent[0]["event_id"],
        sent[2]["event_id"],
    ]
    assert len({each["event_id"] for each in sent}) == 3


def test_one_event_has_a_limited_effect(one: Evidently) -> None:
    def count(number: int) -> dict[str, Any]:
        return {"entityId": USER, "details": {"a": {f"n{each}": each for each in range(number)}}}

    deep = '{"a":' * 1_000 + "1" + "}" * 1_000
    data = [json.dumps(each) for each in (count(20), count(21), count(3_000))]
    data.append(f'{{"entityId": "{USER}", "details": {deep}}}')
    now = one.service.plane.clock()
    events = [{"timestamp": now, "type": "aws.evidently.custom", "data": each} for each in data]
    answer = one.client.put_project_events(project="shop", events=events)
    codes = [result.get("errorCode") for result in answer["eventResults"]]
    assert codes[:3] == [None, "too_many_numbers", "too_many_numbers"]
    assert codes[3] in ("too_deep", "invalid_json")  # the latter where Python itself reads no more levels
    assert len(one.sent()) == 20


class Spent:
    """Of a request that has no time left."""

    def check(self) -> None:
        raise EvaluationTooLong

    def exclude(self) -> AbstractContextManager[None]:
        return nullcontext()


def test_a_batch_has_the_time_of_one_request(tmp_path: Path) -> None:
    with serve_service() as (url, service):
        tests = [{"when": {"if": "text", "contains": f"{number}"}, "serve": "on"} for number in range(100)]
        service.publish_flag("slow", type="boolean", rules=tests, default="off")
        client = make_client(tmp_path, f"{url}/evidently", KEY)
        item = {"feature": "slow", "entityId": USER, "evaluationContext": json.dumps({"text": "x" * 9_000})}
        assert client.batch_evaluate_feature(project="p", requests=[item] * 3)["results"]
        service.plane.__dict__["new_evaluation_time"] = Spent
        assert client.evaluate_feature(project="p", **item)["variation"] == "off"  # has its own
        with pytest.raises(client.exceptions.ClientError, match="more time"):
            client.batch_evaluate_feature(project="p", requests=[item])


def test_evaluation_events_keep_their_name(one: Evidently) -> None:
    data = {"entityId": USER, "feature": "launched", "variation": "on", "entityAttributes": {"a": 1}}
    assert one.put(data, kind="evaluation")["failedEventCount"] == 0
    (event,) = one.sent()
    assert (event["event_type"], event["user_id"], event["flag_key"]) == (
        "aws.evidently.evaluation",
        USER,
        "launched",
    )
    assert event["properties"] == {"variation": "on", "entityAttributes": {"a": 1}}


def test_each_event_has_its_own_verdict(one: Evidently) -> None:
    good = {"userDetails": {"sessionId": "s"}, "details": {"clicks": 1}}
    answer = one.put(
        good, {"details": {"clicks": 1}}, {"entityId": USER}, [1], {**good, "details": {"x": 1e300}}
    )
    codes = [result.get("errorCode") for result in answer["eventResults"]]
    assert codes == [None, "missing_field", "missing_field", "invalid_json", "invalid_field"]
    assert answer["failedEventCount"] == 4
    assert [event["user_id"] for event in one.sent()] == ["s"]
    early = one.put(good, timestamp=4_000_000_000)
    assert early["eventResults"][0]["errorCode"] == "in_the_future"


def test_a_retry_has_the_ids_of_the_first_attempt_and_another_call_has_others(one: Evidently) -> None:
    sent_ids: list[str] = []

    def repeat(request: Any, **_: Any) -> None:
        request.headers["amz-sdk-invocation-id"] = "one"

    for is_retry in (False, False, True, True):
        if is_retry:
            one.client.meta.events.register("before-send.evidently", repeat)
        data = {"entityId": USER, "details": {"clicks": 1}}
        sent_ids.append(one.put(data)["eventResults"][0]["eventId"])
    one.client.meta.events.unregister("before-send.evidently", repeat)
    assert len(set(sent_ids)) == 3
    assert sent_ids[2] == sent_ids[3]


def test_more_than_50_events_are_refused(one: Evidently) -> None:
    with pytest.raises(one.client.exceptions.ValidationException, match="events"):
        one.put(*[{"entityId": USER, "details": {}}] * 51)
    assert one.put()["eventResults"] == []
