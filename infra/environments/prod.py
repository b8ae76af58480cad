"""Production: sized for the targets in docs/deployment.md, rolled out over half an hour."""

from infra.environments import Environment, Function, Throttle
from infra.release.steps import Release

ENVIRONMENT = Environment(
    name="prod",
    functions={
        "assignment": Function(p99_ms=50, reserved=500, snap_start=True),
        "feature_flags": Function(p99_ms=40, reserved=500, snap_start=True),
        "ingest": Function(p99_ms=100, reserved=200),
        "event_processor": Function(p99_ms=100, timeout=60, reserved=50),
        "assignment_sync": Function(p99_ms=2_000, memory=512, timeout=60, reserved=20),
        "authorizer": Function(p99_ms=50, memory=512, timeout=5, reserved=200),
    },
    throttle=Throttle(rate=20_000, burst=10_000),
    release=Release(),
    retain=True,
    shards=None,
    log_days=90,
    budget_usd=1_000,
    reports=False,  # at 100 M requests a month these lines would cost more than the functions' memory
    settings={"REALTIME_ARCHIVE": "firehose"},
    waf=True,
)
