"""Functions, event sources and rollout after SAM's expansion."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.settings import Settings
from infra import environments, functions
from infra.bundle import LAMBDA_TARGET
from infra.environments import Function
from infra.functions import LOGICAL_IDS, get_function_name, supports_snap_start
from infra.release.steps import Release, Step
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
    for name, expected in environment.functions.items():
        function = deployed[LOGICAL_IDS[name]]
        assert function["FunctionName"] == f"realtime-{environment.name}-{name}"
        assert (function["MemorySize"], function["Timeout"]) == (expected.memory, expected.timeout)
        assert 512 <= function["MemorySize"] <= 1024
        assert function["Architectures"] == ["arm64"]
        assert function["TracingConfig"] == {"Mode": "Active"}
        assert function.get("ReservedConcurrentExecutions") == expected.reserved
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
    assert len(groups) == len(FUNCTIONS) + 2  # each function's, the API's access log, the release's


def test_every_function_is_called_by_its_alias_only(template: Templates) -> None:
    expanded = service(template)
    aliases = of_type(expanded, "AWS::Lambda::Alias")
    assert {name for name, alias in aliases.items() if alias["Name"] == "live"} == {
        f"{LOGICAL_IDS[name]}Aliaslive" for name in environments.load("prod").functions
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


@pytest.mark.parametrize("variant", COMBINATIONS)
def test_a_message_to_a_webhook_is_gone_only_when_it_was_delivered(template: Templates, variant: str) -> None:
    expanded = service(template, variant)
    mapping = of_type(expanded, "AWS::Lambda::EventSourceMapping")["WebhooksWebhooksSqsEventSource"]
    env = variant.partition("-")[0]
    assert mapping["EventSourceArn"]["Fn::Sub"].endswith(f":experimentation-webhooks-{env}")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BatchSize"] == 10
    # Throttled by reserved concurrency, its poller would count receives that were none.
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}
    function = of_type(expanded, "AWS::Lambda::Function")["Webhooks"]
    assert "ReservedConcurrentExecutions" not in function
    queue = of_type(template(variant, "data"), "AWS::SQS::Queue")["Webhooks"]
    assert function["Timeout"] < queue["VisibilityTimeout"]  # else it is delivered again beside itself
    assert "VpcConfig" not in function


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
    function = of_type(service(template, "everything"), "AWS::Lambda::Function")[LOGICAL_IDS[name]]  # type: ignore[index]
    settings = {f"REALTIME_{field.upper()}" for field in Settings.__dataclass_fields__}
    assert function["Environment"]["Variables"].keys() <= settings


def test_each_environment_has_its_own_pace() -> None:
    paces = {env: environments.load(env).release.steps for env in environments.NAMES}
    assert paces == {
        "dev": ((100, 0),),
        "staging": ((10, 5), (50, 5), (100, 5)),
        "prod": ((10, 10), (50, 10), (100, 10)),
    }


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"steps": ()}, "steps must grow"),
        ({"steps": (Step(50, 5), Step(10, 5), Step(100, 5))}, "steps must grow"),
        ({"steps": (Step(10, 5), Step(50, 5))}, "to 100 per cent"),
        ({"steps": (Step(10, 1), Step(100, 5))}, "at least 5 minutes"),
        ({"steps": (Step(10, 801), Step(100, 5))}, "within 40 hours"),
        ({"keep": 0}, "keep 1 to 20"),
        ({"min_calls": -1}, "min_calls must be at least 0"),
    ],
)
def test_a_pace_that_cannot_be_is_refused_where_it_is_written(settings: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Release(**settings)


@pytest.mark.parametrize("combination", COMBINATIONS)
def test_only_functions_that_are_primed_have_snapshots_where_the_runtime_allows_it(
    template: Templates, combination: str
) -> None:
    functions_ = of_type(service(template, combination), "AWS::Lambda::Function")
    has_snapshots = {
        name: each["SnapStart"]["ApplyOn"] == "PublishedVersions" for name, each in functions_.items()
    }
    env = combination.partition("-")[0]
    expected = supports_snap_start(LAMBDA_TARGET.runtime) and env != "dev"
    assert has_snapshots == {
        LOGICAL_IDS[name]: expected and name in environments.PRIMED
        for name in environments.load(env).functions
    }


@pytest.mark.parametrize(
    ("runtime", "expected"), [("python3.11", "None"), ("python3.12", "PublishedVersions")]
)
def test_snapshots_are_taken_where_the_runtime_allows_it(runtime: str, expected: str) -> None:
    concurrency = functions.build_concurrency(Function(p99_ms=1, snap_start=True), runtime)
    assert concurrency["SnapStart"] == {"ApplyOn": expected}
    without = functions.build_concurrency(Function(p99_ms=1), runtime)
    assert without["SnapStart"] == {"ApplyOn": "None"}  # said, since leaving it out would keep what was


def test_snapshots_exclude_warm_containers_and_functions_that_are_not_primed() -> None:
    with pytest.raises(ValueError, match="provisioned excludes snap_start: set one of them"):
        Function(p99_ms=1, provisioned=2, snap_start=True)
    prod = environments.load("prod")
    sync = replace(prod.functions["assignment_sync"], snap_start=True)
    with pytest.raises(ValueError, match="assignment_sync: snap_start is only for assignment and feature"):
        replace(prod, functions={**prod.functions, "assignment_sync": sync})


def test_a_function_that_would_not_fit_is_refused_where_it_is_written() -> None:
    with pytest.raises(ValueError, match="memory must be 512 to 1024 MB, got 128"):
        Function(p99_ms=1, memory=128)
    with pytest.raises(ValueError, match="exceeds half of the reserved"):
        Function(p99_ms=1, reserved=3, provisioned=2)
    with pytest.raises(ValueError, match=r"use -c env=dev\|staging\|prod"):
        environments.load("production")


def test_the_management_api_is_nowhere_unless_an_environment_names_its_function(template: Templates) -> None:
    """Not in production: no code that may change definitions runs there, and no path leads to any."""
    for variant, is_there in (("prod-standalone", False), ("staging-standalone", True), ("everything", True)):
        resources = service(template, variant)["Resources"]
        assert ("Admin" in resources) is is_there, variant
        assert ("AdminRole" in resources) is is_there, variant
        assert "AdminLogGroup" in resources  # one that was retained would be in the way
        monitoring = template(variant, "monitoring")["Resources"]
        assert ("AdminErrors" in monitoring) is is_there, variant


def test_only_its_function_knows_that_it_is_on(template: Templates) -> None:
    functions_ = of_type(service(template, "everything"), "AWS::Lambda::Function")
    variables = {name: each["Environment"]["Variables"] for name, each in functions_.items()}
    assert {name for name, each in variables.items() if "REALTIME_ADMIN" in each} == {"Admin"}
    assert variables["Admin"]["REALTIME_ADMIN"] == "true"


def test_an_environment_says_by_its_functions_whether_it_is_on() -> None:
    prod = environments.load("prod")
    with pytest.raises(ValueError, match="REALTIME_ADMIN follows functions; name the function admin"):
        replace(prod, settings={"REALTIME_ADMIN": "true"})
    functions = {**prod.functions}
    del functions["ingest"]
    smaller = replace(prod, functions=functions)
    with pytest.raises(ValueError, match="functions: ingest must be there"):
        environments.check_functions(smaller)


def test_names_of_functions_say_their_environment() -> None:
    assert (
        get_function_name("feature_flags", environments.load("staging")) == "realtime-staging-feature_flags"
    )
