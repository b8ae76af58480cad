"""Each change of main goes here first: shaped like production, a tenth of its size, rolled out faster."""

from infra.environments import Environment, Function, Peak, Throttle
from infra.release.steps import Release, Step

ENVIRONMENT = Environment(
    name="staging",
    functions={
        "assignment": Function(p99_ms=50, reserved=110, snap_start=True),
        "feature_flags": Function(p99_ms=40, reserved=220, snap_start=True),
        "ingest": Function(p99_ms=100, reserved=20),
        "event_processor": Function(p99_ms=100, timeout=60, reserved=20),
        "assignment_sync": Function(p99_ms=2_000, memory=512, timeout=60, reserved=10),
        "authorizer": Function(p99_ms=50, memory=512, timeout=5, reserved=60),
        "webhooks": Function(p99_ms=10_000, memory=512, timeout=150),
        "admin": Function(p99_ms=3_000, timeout=29, reserved=10),
    },
    peak=Peak(assigns=1_000, flags=2_000, events_per_hour=100_000),
    throttle=Throttle(rate=3_400, burst=3_400),
    release=Release(steps=(Step(10, 5), Step(50, 5), Step(100, 5)), min_calls=0),  # few call it
    retain=True,
    shards=4,
    log_days=30,
    budget_usd=200,
)
