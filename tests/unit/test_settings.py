import pytest

from chalicelib.settings import Settings


def test_names_follow_the_environment() -> None:
    settings = Settings.from_env({"REALTIME_ENV": "staging"})
    assert settings.assignments_table == "experimentation-assignments-staging"
    assert settings.event_stream == "experimentation-events-staging"


def test_a_variable_replaces_a_default() -> None:
    settings = Settings.from_env({"REALTIME_COUNTERS_TABLE": "mine", "REALTIME_DEFINITIONS_CHECK": "2.5"})
    assert (settings.counters_table, settings.definitions_check) == ("mine", 2.5)


def test_the_local_stack_takes_old_events_and_the_demo_key() -> None:
    settings = Settings.from_env({})
    assert settings.event_max_age == float("inf")
    assert settings.demo_key == "rt_local_demo"


@pytest.mark.parametrize("env", ["dev", "staging", "prod"])
def test_no_other_environment_has_a_demo_key(env: str) -> None:
    settings = Settings.from_env({"REALTIME_ENV": env, "REALTIME_DEMO_KEY": "rt_local_demo"})
    assert settings.demo_key == ""
    assert settings.event_max_age == 7 * 86_400


def test_the_management_api_is_off_unless_it_is_turned_on_or_local() -> None:
    assert not Settings.from_env({"REALTIME_ENV": "prod"}).admin
    assert Settings.from_env({"REALTIME_ENV": "prod", "REALTIME_ADMIN": "true"}).admin
    assert Settings.from_env({}).admin
    assert not Settings.from_env({"REALTIME_ADMIN": "false"}).admin


@pytest.mark.parametrize(
    ("variable", "text", "hint"),
    [
        ("REALTIME_MAX_ATTEMPTS", "many", "a number"),
        ("REALTIME_TRACKING", "perhaps", "true, false"),
        ("REALTIME_ENV", "production", "local, dev, staging, prod; it is 'production'"),
        ("REALTIME_ENV", "Prod", "local, dev, staging, prod"),
        ("REALTIME_ARCHIVE", "tape", "s3, firehose"),
    ],
)
def test_a_wrong_value_is_refused_by_name(variable: str, text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=variable) as refused:
        Settings.from_env({variable: text})
    assert hint in str(refused.value)
