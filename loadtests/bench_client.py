"""Measures the client in the caller's process: its own call, and what it adds to OpenFeature's SDK.

The SDK takes about ten microseconds over a provider that does nothing, so that is measured beside it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagResolutionDetails
from openfeature.provider.no_op_provider import NoOpProvider

from loadtests.timing import Row, build_row, compute_slowness, measure_fastest, run_reference
from loadtests.workloads import RULES, USUAL, LowerBound, add_targeting, build_flag_bound, build_users
from realtime.client import Client
from realtime.client.provider import Provider
from realtime.testing.client_connection import MemoryConnection, encode_flags

ROUNDS = 100
BOUNDS: Mapping[str, LowerBound] = {
    "w1": build_flag_bound("w1", 0.5),
    "w2": add_targeting(build_flag_bound("w2", 0.3)),
}
FLAGS: Mapping[str, dict[str, Any]] = {
    "w1": {"key": "w1", "type": "boolean", "rollout_percentage": 50},
    "w2": {"key": "w2", "type": "boolean", "rollout_percentage": 30, "targeting_rules": RULES},
}


class NoOp(NoOpProvider):
    """Makes new details each time, as any provider does; the SDK's own keeps one."""

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        del flag_key, evaluation_context
        metadata: dict[str, str | int] = {"reason": "STATIC", "version": 1}
        return FlagResolutionDetails(default_value, None, None, "STATIC", "on", metadata)


def connect() -> Client:
    """A client that has all flags and starts no thread."""
    client = Client(connection=MemoryConnection(encode_flags(FLAGS)))
    client.load()
    client.close()
    return client


def measure_client() -> Iterator[Row]:
    users = [{**USUAL, **user} for user in build_users(500)]
    client = connect()
    for key, bound in BOUNDS.items():
        name = key.upper()
        for user in users:
            if (True if client.boolean(key, False, user["user_id"], user) else None) != bound(user):
                raise AssertionError(f"{name}: the lower bound decides otherwise")
        reference, own = measure_fastest(
            run_reference, partial(_ask_each, client.boolean, key, users), rounds=ROUNDS
        )
        limit = 1.0 * compute_slowness(reference)
        yield build_row(f"{name}: in the caller's process", own / len(users) * 1e6, "µs", limit)
    api.set_provider_and_wait(Provider(client=client), "bench")
    api.set_provider_and_wait(NoOp(), "bench no-op")
    contexts = [EvaluationContext(user["user_id"], user) for user in users]
    ours, no_op = (partial(_ask_sdk, api.get_client(name), contexts) for name in ("bench", "bench no-op"))
    reference, through, nothing = measure_fastest(run_reference, ours, no_op, rounds=ROUNDS)
    slowness = compute_slowness(reference)
    added = (through - nothing) / len(users) * 1e6
    yield build_row("W1: what the client adds to OpenFeature's SDK", added, "µs", slowness)
    yield build_row(
        "the SDK over a provider that does nothing", nothing / len(users) * 1e6, "µs", 15 * slowness
    )


def _ask_each(ask: Callable[..., bool], key: str, users: Sequence[dict[str, Any]]) -> None:
    for user in users:
        ask(key, False, user["user_id"], user)


def _ask_sdk(client: OpenFeatureClient, contexts: Sequence[EvaluationContext]) -> None:
    for context in contexts:
        client.get_boolean_value("w1", False, context)
