"""The hook that decides whether a new version gets traffic."""

import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.functions import LOGICAL_IDS
from infra.release import pre_traffic
from infra.release.probes import PROBES
from infra.release.rollout import HOOK_SECONDS

EVENT = {"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "e-1"}
VERSION = "arn:aws:lambda:us-east-1:000000000000:function:f:7"


class Aws:
    """Lambda that answers with ``answers`` in turn, and CodeDeploy that remembers the verdict."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []
        self.verdicts: list[dict[str, str]] = []
        self.paused: list[float] = []

    def __call__(self, service: str) -> "Aws":
        return self

    def invoke(self, FunctionName: str, Payload: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        self.asked.append(FunctionName)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}

    def put_lifecycle_event_hook_execution_status(self, **verdict: str) -> None:
        self.verdicts.append(verdict)


def verdict(aws: Aws, monkeypatch: pytest.MonkeyPatch, *expected: Any) -> str:
    monkeypatch.setenv("NEW_VERSION", VERSION)
    monkeypatch.setenv("PROBES", json.dumps([{"event": {}, "expect": answer} for answer in expected]))
    pre_traffic.handler(EVENT, None, aws, aws.paused.append)
    (status,) = aws.verdicts
    assert (status["deploymentId"], status["lifecycleEventHookExecutionId"]) == ("d-1", "e-1")
    return status["status"]


def test_a_version_that_answers_as_expected_gets_traffic(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = Aws({"statusCode": 200, "body": "more"}, {"error": {"code": "flag_not_found", "message": "…"}})
    assert (
        verdict(aws, monkeypatch, {"statusCode": 200}, {"error": {"code": "flag_not_found"}}) == "Succeeded"
    )
    assert aws.asked == [VERSION, VERSION]


@pytest.mark.parametrize("answer", [{"statusCode": 500}, {"errorMessage": "no module"}, None, RuntimeError()])
def test_any_other_answer_ends_the_rollout(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    assert verdict(Aws(answer), monkeypatch, {"statusCode": 200}) == "Failed"


DENIED = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "…"}}, "Invoke")


def test_a_permission_that_is_still_on_its_way_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = Aws(DENIED, DENIED, {"statusCode": 200})
    assert verdict(aws, monkeypatch, {"statusCode": 200}) == "Succeeded"
    assert aws.paused == [1.0, 2.0]


def test_a_permission_that_never_comes_ends_the_rollout_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = Aws(*[DENIED] * 8)
    assert verdict(aws, monkeypatch, *[{"statusCode": 200}] * 3) == "Failed"
    assert sum(aws.paused) < HOOK_SECONDS / 1.5


def test_every_function_has_probes() -> None:
    assert PROBES.keys() == LOGICAL_IDS.keys()
    assert all(PROBES.values())
