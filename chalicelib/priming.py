"""Make a container ready before its first event.

On demand, somebody waits for all of it: it loads what its function always needs and nothing else, here,
where Lambda gives it more CPU than later. Where nobody waits (before the snapshot of SnapStart, and while
provisioned containers start) it is primed: it decides once by each route, and keeps no data.
docs/adr/027-primed-snapshots.md says what survives a restore, and why.
"""

import json
import logging
import random
import time
from collections.abc import Callable, Mapping
from math import inf
from typing import Any

from chalicelib.admin.routes import load_views
from chalicelib.metrics import Metrics
from chalicelib.stores.rehearsal import rehearse
from chalicelib.wiring import clients, plane, settings

Handler = Callable[[Any, Any], Any]
SNAP_START, PROVISIONED = "snap-start", "provisioned-concurrency"
"""Values of AWS_LAMBDA_INITIALIZATION_TYPE."""
NEEDS = {
    "app.api_key": ("authorizer",),
    "app.app": ("authorizer", "ingestion"),
    "app.assignment": ("assigner",),
    "app.feature_flags": ("flag_evaluator",),
    "app.admin": ("definitions",),
    "app.event_processor": ("event_processor", "counter_folder"),
    "app.assignment_sync": ("assignment_sync",),
    "app.webhooks": ("webhooks",),
}
"""Handler → the services of `Plane` without which it answers nothing."""
VIEWLESS = frozenset(("app.api_key", "app.event_processor", "app.assignment_sync", "app.webhooks"))
"""Handlers that answer no request, so they load no view."""
KEY = "realtime.priming"
_API_KEY = f"rt_{KEY:0<43}".replace(".", "_")
_log = logging.getLogger("realtime")
_SPLIT: list[dict[str, Any]] = [{"key": "a", "allocation": 0.5}, {"key": "b", "allocation": 0.5}]
_VARIANTS = [variant | {"value": number} for number, variant in enumerate(_SPLIT)]
_CONDITIONS = [
    {"attribute": "platform", "operator": "match_regex", "value": "^web.*[0-9]$"},
    {"attribute": "version", "operator": "semantic_version", "value": "1.2", "additional_value": "gte"},
]
_RULES: dict[str, Any] = {
    "version": "2.0",
    "rules": [{"id": "r", "rule": {"operator": "and", "conditions": _CONDITIONS}}],
}
_FLAG: dict[str, Any] = {"key": KEY, "type": "integer", "variants": _VARIANTS, "default_variant": "a"}
_FLAG |= {"targeting_rules": _RULES}
_EXPERIMENT: dict[str, Any] = {"key": KEY, "status": "active", "variants": _SPLIT, "targeting_rules": _RULES}
_CONTEXT = {"platform": "web 7", "version": "1.3.0", "account": {"plan": "x"}}


def prepare(handlers: Mapping[str, Handler]) -> None:
    """Load what this container needs, or prime it if it runs one of ``handlers``; call it at import."""
    handler = handlers.get(settings().handler)
    if handler is None or settings().initialization not in (PROVISIONED, SNAP_START):
        load()
    elif settings().initialization == PROVISIONED:
        prime(handler)
    else:
        try:
            from snapshot_restore_py import register_after_restore, register_before_snapshot
        except ImportError:
            _log.error("SnapStart without snapshot_restore_py: nothing is primed, random state is shared")
        else:
            register_before_snapshot(prime, handler)
            register_after_restore(random.seed)


def load() -> None:
    """Import and make what `NEEDS` names, and the client of DynamoDB. It calls nobody.

    What fails here fails in the first event, too, where it is answered and logged.
    """
    needs = NEEDS.get(settings().handler)
    if needs is None:  # locally
        return
    try:
        if settings().handler == "app.admin":
            load_views()
        elif settings().handler not in VIEWLESS:
            from chalicelib import views  # noqa: F401
        for name in needs:
            getattr(plane(), name)
        clients().dynamodb  # noqa: B018 - a property that makes it
    except Exception as error:  # noqa: BLE001 - see above
        _log.error("not loaded: %s: %s", type(error).__name__, error)


def prime(handler: Handler) -> None:
    """Decide once by each route, on prepared answers, and forget all of it but code and clients.

    What fails here would have been slower in the first request, too; the container starts nevertheless.
    """
    started = time.monotonic()
    try:
        _decide(handler)
        plane().definitions.get_changes(None)
        plane().clients.s3  # noqa: B018 - made for outages, when there is no time for it
    except Exception as error:  # noqa: BLE001 - see above
        _log.error("not primed: %s: %s", type(error).__name__, error)
    else:
        _log.info("primed in %.0f ms", 1000 * (time.monotonic() - started))
    finally:
        plane.cache_clear()
        clients().close()


def _decide(handler: Handler) -> None:
    configured = settings()
    definitions = {configured.flags_table: [_FLAG], configured.experiments_table: [_EXPERIMENT]}
    plane.cache_clear()
    with rehearse(clients(), definitions):
        plane().metrics = Metrics(configured.env, configured.function, inf, time.time, print)
        for event in _list_requests():
            answer = handler(event, None)
            if answer.get("statusCode", 200) != 200 or "error" in answer:
                raise RuntimeError(f"the answer to {event} is {answer}")
        plane().authorize(f"Bearer {_API_KEY}")  # behind some front doors the key is checked in this process
        plane().after_response(1.0)


def _list_requests() -> list[dict[str, Any]]:
    user = {"user_id": KEY, "context": _CONTEXT}
    flag, experiment = {"flag_key": KEY}, {"experiment_key": KEY}
    openfeature = {"context": {"targetingKey": KEY, **_CONTEXT}}
    direct = experiment if settings().handler == "app.assignment" else flag
    return [
        user | direct,
        _build_gateway_event("/flags/evaluate", user | flag),
        _build_gateway_event("/flags/evaluate/batch", user),
        _build_gateway_event("/ofrep/v1/evaluate/flags", openfeature),
        _build_gateway_event("/ofrep/v1/evaluate/flags/{key}", openfeature),
        _build_gateway_event("/assign", user | experiment),
        _build_gateway_event("/assign/batch", user),
    ]


def _build_gateway_event(path: str, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "requestContext": {"resourcePath": path, "httpMethod": "POST"},
        "path": path,
        "headers": {"content-type": "application/json"},
        "pathParameters": {"key": KEY},
        "multiValueQueryStringParameters": None,
        "stageVariables": None,
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }
