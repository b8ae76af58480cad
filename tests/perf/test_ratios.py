"""Hot paths against the least that they could cost, in one run: `make bench` has the strict limits.

The limits here are twice what was measured, or more, so that a busy machine passes, and what is slower by
a factor does not.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

import app as service
from chalicelib.domain.context import check_context, walk_context
from loadtests.bench import build_decisions
from loadtests.bench_requests import CONTEXT, build_batch, build_empty_app, build_request, serve_from_memory
from loadtests.bench_services import BOUNDS
from loadtests.imported_flags import LIMITS, prepare
from loadtests.timing import run_reference
from loadtests.workloads import USUAL, build_lower_bounds, build_users
from tests.support.timing import assert_ratio_below

USERS = [{**USUAL, **user} for user in build_users(300)]
NOW = 1_767_225_600.0


@pytest.fixture
def plane() -> Iterator[Any]:
    before = vars(service)["plane"]
    plane, _counters, _verdicts = serve_from_memory()
    plane.catalog.flags.get_all()
    yield plane
    vars(service)["plane"] = before


def call_each(function: Any) -> None:
    for user in USERS:
        function(user)


def call_often(handler: Any, event: dict[str, Any], calls: int = 100) -> None:
    for _ in range(calls):
        handler(event, None)


@pytest.mark.parametrize("workload", ["W1", "W2", "W3", "W4"])
def test_a_decision(workload: str) -> None:
    decide, _simplify = build_decisions()[workload]
    assert_ratio_below(6, partial(call_each, decide), partial(call_each, build_lower_bounds()[workload]))


@pytest.mark.parametrize(("vendor", "limit"), LIMITS.items())
def test_an_imported_flag(vendor: str, limit: float) -> None:
    native, _simplify = build_decisions()["W2"]
    assert_ratio_below(2 * limit, prepare(vendor, USERS), partial(call_each, native))


@pytest.mark.parametrize(("is_checked", "limit"), [(True, 8), (False, 16)])
@pytest.mark.parametrize("key", ["w1-0", "w2-0"])
def test_a_flag_through_its_service(plane: Any, key: str, is_checked: bool, limit: float) -> None:
    def evaluate(user: dict[str, Any]) -> None:
        plane.flag_evaluator.evaluate(user["user_id"], key, user, NOW, is_checked=is_checked)

    assert_ratio_below(limit, partial(call_each, evaluate), partial(call_each, BOUNDS[key]))


def test_the_check_of_a_usual_context() -> None:
    walk = partial(walk_context, field="context")
    assert_ratio_below(0.6, partial(call_each, check_context), partial(call_each, walk))


def test_a_flag_request(plane: Any) -> None:
    body = {"user_id": "user-1", "flag_key": "w1-0", "context": CONTEXT}
    flag, empty = build_request("/flags/evaluate", body), build_request("/empty", body)
    assert_ratio_below(
        2.5, partial(call_often, service.app, flag), partial(call_often, build_empty_app(), empty)
    )


def test_100_flags_in_one_request(plane: Any) -> None:
    """By name, against all of them; and all against one."""
    body: dict[str, Any] = {"user_id": "user-1", "context": CONTEXT}
    keys = [*plane.catalog.flags.get_all()]
    every = partial(call_often, service.app, build_request("/flags/evaluate/batch", body), 10)
    named = build_request("/flags/evaluate/batch", {**body, "flag_keys": keys})
    one = build_request("/flags/evaluate", {**body, "flag_key": "w1-0"})
    assert_ratio_below(2, partial(call_often, service.app, named, 10), every)
    assert_ratio_below(10, every, partial(call_often, service.app, one, 10))


def test_500_events(plane: Any) -> None:
    """Against 500 hashes. Its tenth part would be a call of a store for each event."""
    plane.clock = lambda: NOW + 2
    numbers = iter(range(10**6))

    def process() -> None:
        assert service.event_processor(batches[next(numbers) % len(batches)], None) == {
            "batchItemFailures": []
        }

    batches = [build_batch(number) for number in range(10)]
    assert_ratio_below(250, process, run_reference)
