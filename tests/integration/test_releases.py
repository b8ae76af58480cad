"""Releases, rollbacks and their accidents, on the emulator with Lambda's documented rules for aliases."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from infra.release.__main__ import main
from infra.release.steps import Release, Step
from tests.support.poll import wait_until
from tests.support.releases import Deployments, make_environment, run_deployments

pytestmark = [pytest.mark.aws, pytest.mark.timeout(180)]
Capture = pytest.CaptureFixture[str]
QUICKLY = ("--no-gates", "--reason", "its steps are not what is tested")


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployments]:
    with run_deployments(tmp_path_factory.mktemp("releases") / "aws.log") as deployments:
        deployments.deploy(1)
        yield deployments


@pytest.fixture
def plane(emulator: Deployments) -> Deployments:
    """Both functions have been released twice, and a new build is deployed."""
    emulator.environment = make_environment()
    emulator.script()
    for _ in range(2):
        if emulator.get_alias()["FunctionVersion"] == "1":
            emulator.deploy(emulator.build + 1)
            assert main(["dev", *QUICKLY], emulator, pause) == 0
    emulator.deploy(emulator.build + 1)
    emulator.script()
    return emulator


def pause(_seconds: float) -> None:
    time.sleep(0.05)  # between two looks


def release(plane: Deployments, capsys: Capture, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit status, and what `--json` prints."""
    capsys.readouterr()
    code = main(["dev", "--json", *arguments], plane, pause)
    return code, json.loads(capsys.readouterr().out)


def live(plane: Deployments, name: str = "assignment") -> str:
    """The version that has all the traffic."""
    alias = plane.get_alias(name)
    assert "RoutingConfig" not in alias
    version: str = alias["FunctionVersion"]
    return version


def lives(plane: Deployments) -> tuple[str, str]:
    return live(plane), live(plane, "feature_flags")


def call(plane: Deployments, name: str = "assignment") -> dict[str, Any]:
    answer = plane.client("lambda").invoke(FunctionName=f"realtime-dev-{name}:live", Payload="{}")
    result: dict[str, Any] = json.loads(answer["Payload"].read())
    return result


def test_the_whole_life(plane: Deployments, capsys: Capture) -> None:
    code, result = release(plane, capsys)
    assert (code, result["status"]) == (0, "SUCCEEDED")
    first, flags = lives(plane)
    assert plane.list_writes() == [f"10 {first}", f"50 {first}", f"100 {first}", f"all {first}"]
    assert call(plane)["build"] == plane.build

    plane.deploy(plane.build + 1)
    assert live(plane) == first  # a deployment moves no traffic
    plane.script(assignment_50="alarm slow")
    code, result = release(plane, capsys)
    failed = str(int(first) + 1)
    assert (code, result["error"]) == (1, "AlarmRang")
    assert f"at 50 %: realtime-dev-assignment-v{failed}-slow in ALARM" in result["cause"]
    assert lives(plane) == (first, flags)
    assert plane.list_writes() == [f"10 {failed}", f"50 {failed}", f"all {first}"]

    plane.deploy(plane.build + 1)
    plane.script()
    assert release(plane, capsys)[0] == 0
    third = live(plane)
    assert int(third) == int(failed) + 1

    code, result = release(plane, capsys, "--rollback")
    assert code == 0
    assert result["output"]["rolled_back"][0] == {"name": "assignment", "version": first, "from": third}
    assert lives(plane) == (first, flags)  # not the version whose release failed

    plane.environment = make_environment(reserved=30)
    plane.deploy(plane.build)  # the template has no other change
    code, result = release(plane, capsys)
    assert (code, result["output"]["released"]) == (0, [])
    assert result["output"]["held"][0] == {"name": "assignment", "version": third, "live": first}
    assert lives(plane) == (first, flags)

    plane.deploy(plane.build + 1)
    assert release(plane, capsys)[0] == 0
    assert int(live(plane)) == int(third) + 1
    assert call(plane)["build"] == plane.build

    plane.environment = make_environment(reserved=40)
    plane.deploy(plane.build)
    assert release(plane, capsys)[1]["output"] == {"released": [], "held": []}


@pytest.mark.parametrize(("step", "kind"), [(10, "failed"), (50, "errors"), (100, "failed")])
def test_an_alarm_at_any_step_returns_all_functions(
    plane: Deployments, capsys: Capture, step: int, kind: str
) -> None:
    before, description = lives(plane), plane.get_alias()["Description"]
    plane.script(**{f"feature_flags_{step}": f"alarm {kind}"})
    code, result = release(plane, capsys)
    assert (code, result["error"]) == (1, "AlarmRang")
    assert result["cause"].startswith(f"at {step} %: ")
    assert lives(plane) == before
    assert plane.get_alias()["Description"] == description
    percents = [write.split()[0] for write in plane.list_writes()]
    assert percents == [*[str(each) for each in (10, 50, 100) if each <= step], "all"]
    alarms = plane.client("cloudwatch").describe_alarms(AlarmNamePrefix="realtime-dev-")["MetricAlarms"]
    assert alarms == []


def test_a_version_that_fails_its_probes_gets_no_traffic(plane: Deployments, capsys: Capture) -> None:
    before = live(plane)
    plane.deploy(plane.build + 1, is_broken=True)
    code, result = release(plane, capsys)
    assert (code, result["error"]) == (1, "ProbeFailed")
    assert 'assignment: a probe expects {"statusCode":400}, not {"statusCode":500}' in result["cause"]
    assert plane.list_writes() == []
    assert live(plane) == before


def test_code_that_was_not_deployed_is_not_published(plane: Deployments, capsys: Capture) -> None:
    plane.client("lambda").update_function_code(
        FunctionName="realtime-dev-assignment", S3Bucket="builds", S3Key="1.zip"
    )
    code, result = release(plane, capsys)
    assert (code, result["error"]) == (1, "NotReady")
    assert "publishing a version of the deployed code failed" in result["cause"]
    assert plane.list_writes() == []
    plane.client("lambda").update_function_code(
        FunctionName="realtime-dev-assignment", S3Bucket="builds", S3Key=f"{plane.build}.zip"
    )


def start_long_release(plane: Deployments) -> tuple[str, str]:
    """A release that stands at 10 % until it is ended; the versions that had all the traffic before."""
    plane.environment = make_environment(Release((Step(10, 600), Step(100, 5)), min_calls=0))
    plane.deploy(plane.build + 1)
    before = lives(plane)
    plane.client("stepfunctions").start_execution(stateMachineArn=MACHINE, input="{}")
    wait_until(lambda: "RoutingConfig" in plane.get_alias("feature_flags"), seconds=20)
    wait_until(lambda: "RoutingConfig" in plane.get_alias(), seconds=20)
    return before


MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:realtime-dev-release"


def test_a_release_under_way_refuses_others_and_is_ended_by_a_rollback(
    plane: Deployments, capsys: Capture
) -> None:
    before = start_long_release(plane)
    assert main(["dev"], plane, pause) == 1
    assert "is under way" in capsys.readouterr().err
    states = plane.client("stepfunctions")
    second = states.start_execution(stateMachineArn=MACHINE, input="{}")["executionArn"]
    wait_until(lambda: states.describe_execution(executionArn=second)["status"] == "FAILED", seconds=20)
    assert states.describe_execution(executionArn=second)["error"] == "Busy"
    code, result = release(plane, capsys, "--rollback")
    assert code == 0, result
    assert lives(plane) == before


def test_a_release_that_was_aborted_leaves_the_traffic_split_until_a_rollback(
    plane: Deployments, capsys: Capture
) -> None:
    before = start_long_release(plane)
    states = plane.client("stepfunctions")
    (running,) = states.list_executions(stateMachineArn=MACHINE, statusFilter="RUNNING")["executions"]
    states.stop_execution(executionArn=running["executionArn"])
    code, result = release(plane, capsys)
    assert (code, result["error"]) == (1, "Busy")
    assert main(["dev", "--status", "--function", "assignment"], plane, pause) == 0
    assert "is between two versions: use --rollback" in " ".join(capsys.readouterr().out.split())
    assert release(plane, capsys, "--rollback")[0] == 0
    assert lives(plane) == before


def test_an_alias_that_somebody_else_moved_stays_there_and_the_others_go_back(
    plane: Deployments, capsys: Capture
) -> None:
    before = lives(plane)
    plane.script(feature_flags_50="move by hand")
    code, result = release(plane, capsys)
    assert (code, result["error"]) == (1, "NotMoved")
    assert "feature_flags: somebody else moved its traffic meanwhile" in result["cause"]
    assert live(plane) == before[0]
    (weight,) = plane.get_alias("feature_flags")["RoutingConfig"]["AdditionalVersionWeights"].values()
    assert weight == 0.3
    assert release(plane, capsys, "--rollback", "--function", "feature_flags")[0] == 0
    assert lives(plane) == before


def test_a_permission_that_is_added_meanwhile_stops_nothing(plane: Deployments, capsys: Capture) -> None:
    before = live(plane)
    plane.script(assignment_50="add a permission")
    assert release(plane, capsys)[0] == 0
    assert int(live(plane)) > int(before)


def test_versions_are_kept_for_rollbacks_and_the_rest_is_deleted(plane: Deployments, capsys: Capture) -> None:
    for _ in range(3):
        assert release(plane, capsys, *QUICKLY)[0] == 0
        plane.deploy(plane.build + 1)
    newest = int(live(plane))
    assert plane.list_versions() == [str(newest - 1), str(newest)]


def test_a_rollback_returns_only_what_the_last_release_moved(plane: Deployments, capsys: Capture) -> None:
    assert release(plane, capsys, *QUICKLY)[0] == 0
    before = lives(plane)
    plane.environment = make_environment(memory=512)
    plane.deploy(plane.build)
    code, result = release(plane, capsys, *QUICKLY)
    assert (code, [move["name"] for move in result["output"]["released"]]) == (0, ["assignment"])
    code, result = release(plane, capsys, "--rollback")
    assert (code, [move["name"] for move in result["output"]["rolled_back"]]) == (0, ["assignment"])
    assert lives(plane) == before


def test_without_gates_all_traffic_moves_at_once_and_the_reason_is_on_record(
    plane: Deployments, capsys: Capture
) -> None:
    code, result = release(plane, capsys, "--no-gates", "--reason", "INC-7: the fix is in")
    assert code == 0
    version = live(plane)
    assert plane.list_writes() == [f"100 {version}", f"all {version}"]
    arn = MACHINE.replace("stateMachine", "execution") + f":{result['execution']}"
    order = json.loads(plane.client("stepfunctions").describe_execution(executionArn=arn)["input"])
    assert (order["gates"], order["reason"]) == (False, "INC-7: the fix is in")
    assert order["by"].startswith("arn:aws:")


@pytest.mark.parametrize(("calls", "status"), [(49, 1), (50, 0)])
def test_a_version_that_hardly_anybody_called_is_watched_longer_and_then_returned(
    plane: Deployments, capsys: Capture, calls: int, status: int
) -> None:
    plane.environment = make_environment(Release((Step(10, 5), Step(100, 5)), min_calls=50, keep=2))
    plane.deploy(plane.build + 1)
    before = lives(plane)
    weights = [f"{name}_{percent}" for name in ("assignment", "feature_flags") for percent in (10, 100)]
    plane.script(**dict.fromkeys(weights, f"calls {calls}"))
    code, result = release(plane, capsys)
    assert code == status, result
    if status:
        assert result["error"] == "TooFewCalls"
        assert f"less than 50 in 15 minutes: assignment {calls}, feature_flags {calls}" in result["cause"]
        assert lives(plane) == before


def test_warm_containers_are_those_of_the_version_that_has_the_traffic(
    plane: Deployments, capsys: Capture
) -> None:
    plane.environment = make_environment(provisioned=5)
    plane.deploy(plane.build + 1)
    assert release(plane, capsys, *QUICKLY)[0] == 0
    first = live(plane)
    assert count_warm(plane, first) == 5
    plane.deploy(plane.build + 1)
    assert release(plane, capsys, *QUICKLY)[0] == 0
    assert (count_warm(plane, live(plane)), count_warm(plane, first)) == (5, 0)
    assert release(plane, capsys, "--rollback")[0] == 0
    assert (live(plane), count_warm(plane, first)) == (first, 5)


def count_warm(plane: Deployments, version: str) -> int:
    lambda_ = plane.client("lambda")
    try:
        found = lambda_.get_provisioned_concurrency_config(
            FunctionName="realtime-dev-assignment", Qualifier=version
        )
    except lambda_.exceptions.ProvisionedConcurrencyConfigNotFoundException:
        return 0
    count: int = found["RequestedProvisionedConcurrentExecutions"]
    return count
