"""For a developer: small, removed with all its data, and traffic moves at once."""

from infra.environments import Environment, Function, Peak, Throttle
from infra.release.steps import AT_ONCE

ENVIRONMENT = Environment(
    name="dev",
    functions={
        "assignment": Function(p99_ms=50, reserved=20),
        "feature_flags": Function(p99_ms=40, reserved=20),
        "ingest": Function(p99_ms=100, reserved=20),
        "event_processor": Function(p99_ms=100, timeout=60, reserved=10),
        "assignment_sync": Function(p99_ms=2_000, memory=512, timeout=60, reserved=5),
        "authorizer": Function(p99_ms=50, memory=512, timeout=5, reserved=20),
        "webhooks": Function(p99_ms=10_000, memory=512, timeout=150),
        "admin": Function(p99_ms=3_000, timeout=29, reserved=10),
    },
    peak=Peak(assigns=25, flags=50, events_per_hour=10_000),
    throttle=Throttle(rate=100, burst=200),
    release=AT_ONCE,
    retain=False,
    shards=1,
    log_days=7,
    budget_usd=50,
    python=None,
)
