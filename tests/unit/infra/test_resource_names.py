"""Resource names by the CDK context agree with the settings."""

import pytest

from chalicelib.settings import Settings
from infra.__main__ import main, resolve_context
from infra.resource_names import resolve_names
from tests.support.synth import Templates, of_type


def test_a_stand_alone_deployment_has_the_names_of_the_settings() -> None:
    settings = Settings.from_env({"REALTIME_ENV": "staging"})
    names = resolve_names("staging", "standalone").by_setting
    assert names["assignments_table"] == settings.assignments_table
    assert names["quarantine_queue"] == settings.quarantine_queue
    assert names["archive_bucket"].startswith(settings.archive_bucket)  # made unique among all accounts


def test_names_of_the_platform_may_be_given_instead_of_parameters() -> None:
    context = {"platform": "existing", "stream": "events-x7f3", "bucket": "/our/own/parameter"}
    names = resolve_context("prod", context)
    assert names.get_name("event_stream") == "events-x7f3"
    assert names.get_name("archive_bucket") == {"Fn::Sub": "${ArchiveBucket}"}
    assert names.parameters["ArchiveBucket"] == "/our/own/parameter"
    assert "EventStream" not in names.parameters


def test_how_long_the_platforms_stream_keeps_a_record_decides_when_one_is_given_up() -> None:
    def age(**context: str) -> int:
        (seconds,) = [
            source.max_record_age
            for source in resolve_context("prod", {"platform": "existing", **context}).resources.event_sources
            if source.function == "event_processor"
        ]
        return seconds

    assert age() == 23 * 3600
    assert age(stream_hours="48") == 46 * 3600
    assert age(stream_hours="8760") == 7 * 86_400  # more is not allowed


def test_a_network_is_given_as_lists() -> None:
    names = resolve_context(
        "prod", {"platform": "existing", "subnets": "subnet-a,subnet-b", "security_groups": "sg-a"}
    )
    assert names.platform_resources
    assert names.platform_resources.subnets == ("subnet-a", "subnet-b")
    assert names.platform_resources.security_groups == ("sg-a",)


@pytest.mark.parametrize(
    ("context", "reason"),
    [
        ("env=production", "there is no environment 'production'; use -c env=dev|staging|prod"),
        ("platform=other", "there is no platform 'other'; use -c platform=standalone|existing"),
    ],
)
def test_a_wrong_context_is_one_line(context: str, reason: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["-c", context])
    assert str(ended.value) == f"infra: {reason}"


def test_a_secret_is_known_to_the_sync_alone(template: Templates) -> None:
    functions = of_type(template("everything", "service"), "AWS::Lambda::Function")
    names = {
        name
        for name, function in functions.items()
        if "REALTIME_POSTGRES_SECRET" in function.get("Environment", {}).get("Variables", {})
    }
    assert names == {"AssignmentSync"}
    role = of_type(template("everything", "service"), "AWS::IAM::Role")["AssignmentSyncRole"]
    assert "secret:platform-postgres-??????" in str(role)
