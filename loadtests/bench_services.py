"""Measures what a caller of the flag service waits for: the check of the context, and W1 and W2 through it.

Between the lower bound and the service lie the checks of the user id and the context, the look-up of the
flag, the decision with its reason, and the note for tracking.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from chalicelib.domain.context import check_context
from chalicelib.domain.definitions.model import Evaluation
from loadtests.bench_requests import serve_from_memory
from loadtests.timing import Row, build_row, compute_slowness, measure_fastest, run_reference
from loadtests.workloads import USUAL, LowerBound, add_targeting, build_flag_bound, build_users

ROUNDS = 200
BOUNDS: Mapping[str, LowerBound] = {
    "w1-0": build_flag_bound("w1-0", 0.5),
    "w2-0": add_targeting(build_flag_bound("w2-0", 0.3)),
}
NOW = 1_767_225_600.0


def measure_services() -> Iterator[Row]:
    users = [{**USUAL, **user} for user in build_users(500)]
    reference, *seconds = measure_fastest(run_reference, partial(_check_each, users), rounds=ROUNDS)
    limit = 0.3 * compute_slowness(reference)
    yield build_row("context check, ten attributes", seconds[0] / len(users) * 1e6, "µs", limit)
    plane, _counters, _verdicts = serve_from_memory()
    for key, bound in BOUNDS.items():
        evaluate, name = plane.flag_evaluator.evaluate, key[:2].upper()
        for user in users:
            if (True if evaluate(user["user_id"], key, user, NOW).enabled else None) != bound(user):
                raise AssertionError(f"{name}: the lower bound decides otherwise")
        bound_seconds, checked, unchecked = measure_fastest(
            partial(_bound_each, bound, users),
            partial(_evaluate_checked, evaluate, key, users),
            partial(_evaluate_each, evaluate, key, users),
            rounds=ROUNDS,
        )
        yield build_row(f"{name}: through its service / lower bound", checked / bound_seconds, "×", 4.0)
        yield build_row(f"{name}: the same with context check", unchecked / bound_seconds, "×", 4.0)


def _check_each(contexts: Sequence[dict[str, Any]]) -> None:
    for context in contexts:
        check_context(context)


def _bound_each(bound: LowerBound, users: Sequence[dict[str, Any]]) -> None:
    for user in users:
        bound(user)


def _evaluate_checked(evaluate: Callable[..., Evaluation], key: str, users: Sequence[dict[str, Any]]) -> None:
    for user in users:
        evaluate(user["user_id"], key, user, NOW, is_checked=True)


def _evaluate_each(evaluate: Callable[..., Evaluation], key: str, users: Sequence[dict[str, Any]]) -> None:
    for user in users:
        evaluate(user["user_id"], key, user, NOW)
