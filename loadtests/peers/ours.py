"""This project in the same comparison: the decision alone, and the service that the routes call."""

import json
from typing import Any

from chalicelib.domain.definitions.compiler import compile_flag, parse_flag
from chalicelib.domain.definitions.model import DefinitionRow, Flag
from chalicelib.domain.evaluation import evaluate
from chalicelib.services.definitions.catalog import Catalog
from chalicelib.services.evaluate import FlagEvaluator
from chalicelib.services.events.evaluation_buffer import EvaluationBuffer
from loadtests.peers.model import Client
from loadtests.workloads import RULES
from realtime.client import Client as LocalClient
from realtime.testing.client_connection import MemoryConnection, encode_flags
from realtime.testing.stores import MemoryDefinitions, MemoryMetrics

NOW = 1_767_225_600.0
DOCUMENTS: dict[str, dict[str, Any]] = {
    "w1": {"key": "w1", "type": "boolean", "rollout_percentage": 50},
    "w2": {"key": "w2", "type": "boolean", "rollout_percentage": 30, "targeting_rules": RULES},
}


def connect_decision() -> Client:
    flags = {key: compile_flag(parse_flag(document)) for key, document in DOCUMENTS.items()}

    def find(key: str) -> Flag | None:
        return flags.get(key)

    def decide(key: str, user: dict[str, Any]) -> bool:
        return evaluate(flags[key], user["user_id"], user, NOW, find).enabled

    return Client(dict, decide)


def connect_service() -> Client:
    """As a route calls it, which has checked the context while it read the request."""
    evaluator = _build_evaluator()

    def decide(key: str, user: dict[str, Any]) -> bool:
        return evaluator.evaluate(user["user_id"], key, user, NOW, is_checked=True).enabled

    return Client(dict, decide)


def connect_checking_service() -> Client:
    evaluator = _build_evaluator()

    def decide(key: str, user: dict[str, Any]) -> bool:
        return evaluator.evaluate(user["user_id"], key, user, NOW).enabled

    return Client(dict, decide)


def connect_client() -> Client:
    """In the caller's process. It notes each answer, as the service does."""
    local = LocalClient(connection=MemoryConnection(encode_flags(DOCUMENTS)))
    local.load()
    local.close()  # without its thread

    def decide(key: str, user: dict[str, Any]) -> bool:
        return local.boolean(key, False, user["user_id"], user)

    return Client(dict, decide)


def _build_evaluator() -> FlagEvaluator:
    definitions = MemoryDefinitions()
    rows = [DefinitionRow("flag", key, json.dumps(document), "active") for key, document in DOCUMENTS.items()]
    definitions.publish(rows, 0, 0.0)
    catalog = Catalog(definitions, MemoryMetrics())
    return FlagEvaluator(catalog.flags, catalog.segments, EvaluationBuffer(10_000))
