"""What a load needs: concurrency by both rules, shards, units."""

from dataclasses import replace

import pytest

import app as service
from chalicelib.settings import Settings
from realtime.capacity import costs, sizing, work
from realtime.capacity.load import MONTH_SECONDS, Load, round_up
from realtime.capacity.quotas import list_quotas
from realtime.capacity.sizing import compute_size
from realtime.capacity.work import list_work
from realtime.resources import describe

PROMISE = Load(10_000, 20_000, users=10_000_000, events_per_hour=1_000_000)


def test_short_requests_need_a_unit_for_ten_a_second() -> None:
    functions = compute_size(PROMISE).functions
    assert functions["assignment"].units == functions["assignment"].by_rate == 1_100  # 10 % headroom
    assert functions["feature_flags"].units == 2_200


def test_long_requests_need_as_many_environments_as_are_busy_at_once() -> None:
    sync = compute_size(PROMISE).functions["assignment_sync"]
    assert sync.units == sync.by_duration > sync.by_rate


def test_only_the_rest_api_asks_the_authorizer() -> None:
    assert "authorizer" in compute_size(PROMISE).functions
    for front in ("http", "alb"):
        assert "authorizer" not in compute_size(replace(PROMISE, front=front)).functions


def test_the_authorizer_is_sized_for_the_moment_when_a_busy_keys_answer_expires() -> None:
    authorizer = compute_size(PROMISE).functions["authorizer"]
    in_flight = PROMISE.decisions * authorizer.milliseconds / 1000
    assert authorizer.units >= in_flight
    assert authorizer.rate < in_flight / 30  # it happens once a minute


def test_a_million_events_an_hour_fit_into_one_shard() -> None:
    """278 a second of the 1,000 that a shard takes; a batch is done before the next is full."""
    size = compute_size(Load(0, 0, events_per_hour=1_000_000))
    assert size.shards == 1
    assert size.batch_ms < 100
    assert 500 / size.batch_ms * 1000 > 4 * 278


def test_what_decisions_send_needs_shards_too() -> None:
    assert compute_size(PROMISE).shards == round_up((20_000 + 10_000 + 1_000_000 / 3600) * 1.1 / 1000)
    assert compute_size(replace(PROMISE, tracked=0)).shards == 12


def test_assignments_in_memory_are_not_read() -> None:
    assert compute_size(replace(PROMISE, assignment_hits=1.0, events_per_hour=0)).assignments.reads == 0
    assert compute_size(replace(PROMISE, events_per_hour=0)).assignments.reads == 5_000  # half a unit each


def test_the_shares_of_each_functions_requests_add_up() -> None:
    for load in (PROMISE, replace(PROMISE, assignment_hits=0.9, tracked=0.3), Load(1, 1, users=10**9)):
        for shares in list_work(load).values():
            assert sum(share for share, _ in shares) == pytest.approx(1)


def test_nothing_needs_nothing_but_the_readers_of_its_streams() -> None:
    size = compute_size(Load(0, 0))
    assert {name: function.units for name, function in size.functions.items() if function.units} == {
        "event_processor": 4,
        "assignment_sync": 4,
        "authorizer": 1,
    }


def test_quotas_grow_with_the_load_and_only_those_below_their_need_are_raised() -> None:
    def list_raised(load: Load) -> set[str]:
        return {quota.name for quota in list_quotas(load, compute_size(load)) if quota.has_to_be_raised}

    assert list_raised(Load(10, 20)) == set()
    assert {"Lambda: concurrent executions", "API Gateway: requests a second"} <= list_raised(PROMISE)
    assert "WAF: requests a second of a web ACL" not in list_raised(replace(PROMISE, front="http"))
    assert not any("API Gateway" in name for name in list_raised(replace(PROMISE, front="alb")))
    assert list_raised(PROMISE) <= list_raised(Load(33_000, 66_000, events_per_hour=1_000_000))


def test_the_model_has_the_values_of_the_settings_and_event_sources() -> None:
    """A shard has one batch at a time, so a unit for each shard is enough."""
    settings = Settings.from_env({"REALTIME_ENV": "prod"})
    assert (
        settings.definitions_check,
        settings.definitions_ttl,
    ) == (sizing.CHECK_SECONDS, sizing.DEFINITIONS_SECONDS)
    assert settings.metrics_interval == costs.METRICS_SECONDS
    for source in describe(settings).event_sources:
        assert (source.batch_size, source.window) == (work.BATCH_SIZE, work.BATCH_SECONDS)
        assert source.parallelization == 1


def test_a_key_is_asked_for_as_often_as_the_gateway_forgets_it() -> None:
    assert service.api_key.config.ttl_seconds == Load(1, 1).key_seconds


def test_a_month_is_the_peaks_share_of_it() -> None:
    load = Load(10, 20, share=0.5)
    assert load.count_in_month(load.decisions) == 15 * MONTH_SECONDS


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"events_per_request": 0}, "--events-per-request"),
        ({"assignment_hits": 1.5}, "--assignment-hits"),
        ({"share": 2.0}, "--requests"),
    ],
)
def test_a_mistake_names_its_option(values: dict[str, float], name: str) -> None:
    with pytest.raises(ValueError, match=name):
        replace(PROMISE, **values)  # type: ignore[arg-type]
