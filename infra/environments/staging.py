"""Each change of main goes here first: shaped like production, a tenth of its size, rolled out faster."""

from infra.environments import Environment, Function, Throttle
from infra.release.steps import Release, Step

ENVIRONMENT = Environment(
    name="staging",
    functions={
        "assignment": Function(p99_ms=50, reserved=100, snap_start=True),
        "feature_flags": Function(p99_ms=40, reserved=100, snap_start=True),
        "ingest": Function(p99_ms=100, reserved=50),
        "event_processor": Function(p99_ms=100, timeout=60, reserved=20),
        "assignment_sync": Function(p99_ms=2_000, memory=512, timeout=60, reserved=10),
        "authorizer": Function(p99_ms=50, memory=512, timeout=5, reserved=50),
    },
    throttle=Throttle(rate=2_000, burst=4_000),
    release=Release(steps=(Step(10, 5), Step(50, 5), Step(100, 5)), min_calls=0),  # few call it
    retain=True,
    shards=2,
    log_days=30,
    budget_usd=200,
)
