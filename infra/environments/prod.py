"""Production: sized for the targets in docs/deployment.md, rolled out over half an hour."""

from infra.environments import Environment, Function, Peak, Throttle
from infra.release.steps import Release

ENVIRONMENT = Environment(
    name="prod",
    functions={
        "assignment": Function(p99_ms=50, reserved=1_100, snap_start=True),
        "feature_flags": Function(p99_ms=40, reserved=2_200, snap_start=True),
        "ingest": Function(p99_ms=100, reserved=100),
        "event_processor": Function(p99_ms=100, timeout=60, reserved=100),
        "assignment_sync": Function(p99_ms=2_000, memory=512, timeout=60, reserved=40),
        "authorizer": Function(p99_ms=50, memory=512, timeout=5, reserved=500),
        "webhooks": Function(p99_ms=10_000, memory=512, timeout=150),
    },
    peak=Peak(assigns=10_000, flags=20_000, events_per_hour=1_000_000),
    throttle=Throttle(rate=34_000, burst=17_000),
    release=Release(),
    retain=True,
    shards=None,
    log_days=90,
    budget_usd=1_000,
    reports=False,  # at 100 M requests a month these lines would cost more than the functions' memory
    settings={"REALTIME_ARCHIVE": "firehose"},
    waf=True,
)
