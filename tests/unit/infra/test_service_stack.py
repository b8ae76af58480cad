"""Functions, event sources and rollout after SAM's expansion."""

from typing import Any

import pytest

from chalicelib.settings import Settings
from infra import environments, functions
from infra.environments import Function
from infra.front_doors.rest import API_FUNCTIONS
from infra.functions import LOGICAL_IDS, get_function_name, supports_snap_start
from infra.release.rollout import build_preference
from realtime.resources import describe
from tests.support.synth import COMBINATIONS, Template, Templates, of_type

FUNCTIONS = tuple(LOGICAL_IDS)
SOURCES = {
    "event_processor": "EventProcessorEventProcessorKinesisEventSource",
    "assignment_sync": "AssignmentSyncAssignmentSyncDynamodbEventSource",
}


def service(template: Templates, variant: str = "prod-standalone") -> Template:
    return template(variant, "service")


@pytest.mark.parametrize("variant", COMBINATIONS)
def test_functions_are_sized_traced_logged_and_built_for_arm(template: Templates, variant: str) -> None:
    environment = environments.load(variant.partition("-")[0])
    deployed = of_type(service(template, variant), "AWS::Lambda::Function")
    for name, logical_id in LOGICAL_IDS.items():
        function, expected = deployed[logical_id], environment.functions[name]
        assert function["FunctionName"] == f"realtime-{environment.name}-{name}"
        assert (function["MemorySize"], function["Timeout"]) == (expected.memory, expected.timeout)
        assert 512 <= function["MemorySize"] <= 1024
        assert function["Architectures"] == ["arm64"]
        assert function["TracingConfig"] == {"Mode": "Active"}
        assert function["ReservedConcurrentExecutions"] == expected.reserved
        assert function["LoggingConfig"]["LogFormat"] == "JSON"
        assert function["LoggingConfig"]["SystemLogLevel"] == ("INFO" if environment.reports else "WARN")


def policy(template: Template, role: str) -> dict[str, list[Any]]:
    """Resources by action."""
    (inline,) = of_type(template, "AWS::IAM::Role")[role]["Policies"]
    statements = inline["PolicyDocument"]["Statement"]
    return {action: statement["Resource"] for statement in statements for action in statement["Action"]}


@pytest.mark.parametrize("variant", COMBINATIONS)
def test_the_sync_may_do_all_that_lambda_needs_to_read_a_tables_stream(
    template: Templates, variant: str
) -> None:
    resources = policy(service(template, variant), "AssignmentSyncRole")
    for action in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"):
        (resource,) = resources[f"dynamodb:{action}"]
        assert resource["Fn::Sub"].endswith("/stream/*")


def test_the_sync_may_do_all_that_lambda_needs_in_a_network(template: Templates) -> None:
    """As AWS's own policy for it, AWSLambdaVPCAccessExecutionRole."""
    actions = policy(service(template, "everything"), "AssignmentSyncRole")
    assert {action for action in actions if action.startswith("ec2:")} == {
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
    }


@pytest.mark.parametrize("variant", COMBINATIONS)
def test_logs_are_kept_as_long_as_the_environment_says(template: Templates, variant: str) -> None:
    days = environments.load(variant.partition("-")[0]).log_days
    groups = of_type(service(template, variant), "AWS::Logs::LogGroup").values()
    assert {group["RetentionInDays"] for group in groups} == {days}
    assert len(groups) == 2 * len(FUNCTIONS) + 1  # each function, its hook, and the API's access log


def test_every_function_is_called_by_its_alias_only(template: Templates) -> None:
    expanded = service(template)
    aliases = of_type(expanded, "AWS::Lambda::Alias")
    assert {name for name, alias in aliases.items() if alias["Name"] == "live"} == {
        f"{logical_id}Aliaslive" for logical_id in LOGICAL_IDS.values()
    }
    for permission in of_type(expanded, "AWS::Lambda::Permission").values():
        assert permission["FunctionName"]["Ref"] in aliases
        assert permission["Principal"] == "apigateway.amazonaws.com"
        assert "${RestAPI}/*" in permission["SourceArn"]["Fn::Sub"]
    for mapping in of_type(expanded, "AWS::Lambda::EventSourceMapping").values():
        assert mapping["FunctionName"]["Ref"] in aliases


@pytest.mark.parametrize("variant", COMBINATIONS)
@pytest.mark.parametrize("name", SOURCES)
def test_streams_are_read_so_that_nothing_is_lost_or_counted_twice(
    template: Templates, variant: str, name: str
) -> None:
    mapping = of_type(service(template, variant), "AWS::Lambda::EventSourceMapping")[SOURCES[name]]
    settings = Settings.from_env({"REALTIME_ENV": "prod"})
    kept_hours = {"event_processor": 24 if variant.endswith("existing") else 168, "assignment_sync": 24}[name]
    (described,) = [source for source in describe(settings).event_sources if source.function == name]
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["BatchSize"] == described.batch_size == 500
    assert mapping["MaximumBatchingWindowInSeconds"] == described.window == 1
    assert mapping.get("TumblingWindowInSeconds", 0) == described.tumbling_window
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["MaximumRetryAttempts"] == -1  # until the record expires: poison is in quarantine by then
    # Lambda reports a record that it gives up only while the stream still holds it
    assert 0.95 * kept_hours * 3600 < mapping["MaximumRecordAgeInSeconds"] < kept_hours * 3600
    assert mapping["ParallelizationFactor"] == 1
    assert "quarantine" in str(mapping["DestinationConfig"]["OnFailure"]["Destination"])


def test_an_existing_platforms_stream_and_tables_come_from_its_parameters(template: Templates) -> None:
    expanded = service(template, "prod-existing")
    paths = {
        name: parameter["Default"]
        for name, parameter in expanded["Parameters"].items()
        if "SSM" in parameter["Type"]
    }
    paths.pop("BootstrapVersion")
    assert paths == {
        "AssignmentsTable": "/experimentation/prod/dynamodb/assignments-table",
        "ExperimentsTable": "/experimentation/prod/dynamodb/experiments-table",
        "FlagsTable": "/experimentation/prod/dynamodb/feature-flags-table",
        "OverridesTable": "/experimentation/prod/dynamodb/overrides-table",
        "EventStream": "/experimentation/prod/kinesis/events-stream",
        "ArchiveBucket": "/experimentation/prod/s3/data-lake-bucket",
        "AssignmentsStream": "/experimentation/prod/dynamodb/assignments-stream",
    }
    variables = of_type(expanded, "AWS::Lambda::Function")["Assignment"]["Environment"]["Variables"]
    assert variables["REALTIME_PLATFORM"] == "existing"
    assert variables["REALTIME_ASSIGNMENTS_TABLE"] == {"Fn::Sub": "${AssignmentsTable}"}
    mapping = of_type(expanded, "AWS::Lambda::EventSourceMapping")[SOURCES["event_processor"]]
    assert mapping["EventSourceArn"]["Fn::Sub"].endswith(":stream/${EventStream}")


def test_only_the_sync_enters_the_platforms_network(template: Templates) -> None:
    functions = of_type(service(template, "everything"), "AWS::Lambda::Function")
    inside = {name for name, function in functions.items() if "VpcConfig" in function}
    assert inside == {"AssignmentSync"}
    assert functions["AssignmentSync"]["VpcConfig"]["SubnetIds"] == ["subnet-0a1b2c3d", "subnet-1a1b2c3d"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_variable_is_a_setting(template: Templates, name: str) -> None:
    function = of_type(service(template), "AWS::Lambda::Function")[LOGICAL_IDS[name]]  # type: ignore[index]
    settings = {f"REALTIME_{field.upper()}" for field in Settings.__dataclass_fields__}
    assert function["Environment"]["Variables"].keys() <= settings


@pytest.mark.parametrize("name", FUNCTIONS)
def test_traffic_moves_stepwise_after_probes_and_back_on_alarms(template: Templates, name: str) -> None:
    expanded, logical_id = service(template), LOGICAL_IDS[name]  # type: ignore[index]
    group = of_type(expanded, "AWS::CodeDeploy::DeploymentGroup")[f"{logical_id}DeploymentGroup"]
    assert group["DeploymentConfigName"]["Fn::Sub"][1] == {"ConfigName": "Linear10PercentEvery3Minutes"}
    behind_the_api = {"ApiNewErrors"} if name in API_FUNCTIONS else set()
    assert {alarm["Name"]["Ref"] for alarm in group["AlarmConfiguration"]["Alarms"]} == {
        f"{logical_id}NewErrors",
        f"{logical_id}NewLatency",
        *behind_the_api,
    }
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    update = expanded["Resources"][f"{logical_id}Aliaslive"]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
    assert update["BeforeAllowTrafficHook"] == {"Ref": f"{logical_id}PreTraffic"}
    hook = of_type(expanded, "AWS::Lambda::Function")[f"{logical_id}PreTraffic"]
    assert hook["FunctionName"].startswith("CodeDeployHook_")  # CodeDeploy may call no others
    assert hook["Environment"]["Variables"]["NEW_VERSION"]["Ref"].startswith(f"{logical_id}Version")
    assert len(hook["Code"]["ZipFile"]) <= 4096


def test_the_rollouts_alarms_watch_the_new_version_alone(template: Templates) -> None:
    alarms = of_type(service(template), "AWS::CloudWatch::Alarm")
    errors, latency = alarms["AssignmentNewErrors"], alarms["AssignmentNewLatency"]
    assert errors["Threshold"] == 1
    assert latency["Threshold"] == environments.load("prod").functions["assignment"].p99_ms
    assert "AlarmActions" not in errors  # it ends a rollout, and calls nobody
    queries = [*errors["Metrics"], *latency["Metrics"]]
    for metric in [query["MetricStat"]["Metric"] for query in queries if "MetricStat" in query]:
        dimensions = {pair["Name"]: pair["Value"] for pair in metric["Dimensions"]}
        assert dimensions["ExecutedVersion"]["Fn::GetAtt"][0].startswith("AssignmentVersion")


def test_a_percentile_of_a_handful_of_calls_ends_no_rollout(template: Templates) -> None:
    alarm = of_type(service(template), "AWS::CloudWatch::Alarm")["AssignmentNewLatency"]
    (expression,) = [query["Expression"] for query in alarm["Metrics"] if "Expression" in query]
    assert expression == "IF(called > 100, p99)"


def test_each_environment_has_its_own_pace() -> None:
    paces = {env: environments.load(env).rollout for env in environments.NAMES}
    assert paces == {
        "dev": "AllAtOnce",
        "staging": "Linear10PercentEvery1Minute",
        "prod": "Linear10PercentEvery3Minutes",
    }
    assert build_preference("ingest", environments.load("staging"))["Type"] == paces["staging"]


def test_provisioned_containers_scale_and_exclude_snapshots(template: Templates) -> None:
    expanded = service(template, "everything")
    (target,) = of_type(expanded, "AWS::ApplicationAutoScaling::ScalableTarget").values()
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 10)
    assert target["ResourceId"] == "function:realtime-prod-assignment:live"
    alias = expanded["Resources"]["AssignmentAliaslive"]["Properties"]
    assert int(alias["ProvisionedConcurrencyConfig"]["ProvisionedConcurrentExecutions"]) == 2
    assert not of_type(service(template), "AWS::ApplicationAutoScaling::ScalableTarget")


@pytest.mark.parametrize(("runtime", "allowed"), [("python3.11", False), ("python3.12", True)])
def test_snapshots_are_taken_where_the_runtime_allows_it(runtime: str, allowed: bool) -> None:
    assert supports_snap_start(runtime) is allowed
    assert ("SnapStart" in functions.build_concurrency(Function(p99_ms=1), runtime)) is allowed


def test_a_function_that_would_not_fit_is_refused_where_it_is_written() -> None:
    with pytest.raises(ValueError, match="memory must be 512 to 1024 MB, got 128"):
        Function(p99_ms=1, memory=128)
    with pytest.raises(ValueError, match="exceeds the reserved"):
        Function(p99_ms=1, reserved=1, provisioned=(1, 2))
    with pytest.raises(ValueError, match=r"use -c env=dev\|staging\|prod"):
        environments.load("production")


def test_names_of_functions_say_their_environment() -> None:
    assert (
        get_function_name("feature_flags", environments.load("staging")) == "realtime-staging-feature_flags"
    )
