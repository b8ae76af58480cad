"""The only reader of the environment. Every setting, its default and its meaning: docs/settings.md."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args


@dataclass(frozen=True, slots=True)
class Settings:
    """Names of resources, limits in bytes, times in seconds."""

    env: Literal["local", "dev", "staging", "prod"] = "local"
    function: str = "local"
    function_version: str = "local"
    handler: str = ""
    initialization: str = ""
    runtime_api: str = ""
    platform: Literal["standalone", "existing"] = "standalone"

    experiments_table: str = ""
    flags_table: str = ""
    segments_table: str = ""
    publications_table: str = ""
    assignments_table: str = ""
    counters_table: str = ""
    keys_table: str = ""
    dedupe_table: str = ""
    overrides_table: str = ""
    contexts_table: str = ""
    assignments_stream: str = "arn:aws:dynamodb:us-east-1:000000000000:table/assignments/stream/local"
    event_stream: str = ""
    archive_bucket: str = ""
    quarantine_queue: str = ""
    webhook_queue: str = ""
    postgres_secret: str = ""
    postgres_url: str = ""

    definitions_ttl: float = 300.0
    definitions_check: float = 5.0
    definitions_max: int = 10_000
    assignment_cache: int = 50_000
    assignment_ttl_days: int = 90
    identity: bool = False
    key_cache_ttl: float = 60.0
    key_max_stale: float = 21_600.0

    event_max_age: float = 7 * 86_400.0
    event_max_future: float = 600.0
    event_clock_tolerance: float = 10.0
    event_types_max: int = 100
    event_dedupe: Literal["memory", "table"] = "memory"
    event_dedupe_ttl: float = 86_400.0
    archive: Literal["s3", "firehose", "none"] = "s3"
    archive_days: int = 400
    quarantine_days: int = 14
    firehose: str = ""

    evaluation_seconds: float = 0.5

    tracking: bool = True
    tracking_buffer: int = 10_000
    tracking_dedupe: float = 600.0
    tracking_linger: float = 0.0

    context_sample: float = 0.0
    context_sample_max: int = 2_000
    context_sample_days: int = 7

    connect_timeout: float = 0.5
    read_timeout: float = 1.0
    max_attempts: int = 3
    metrics_interval: float = 60.0
    answer_budget: float = 0.05
    cors_headers: str = ""
    admin: bool = False
    demo_key: str = ""

    @property
    def failure_queue(self) -> str:
        """Where Lambda puts a batch that it gives up."""
        return f"{self.quarantine_queue}-batches"

    @property
    def undelivered_queue(self) -> str:
        """Where a message ends that no receiver has taken for a day."""
        return f"{self.webhook_queue}-undelivered"

    @staticmethod
    def from_env(environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read ``REALTIME_*`` variables; raises ValueError that names the variable and the fix."""
        env = environ.get("REALTIME_ENV", "") or "local"
        _convert("REALTIME_ENV", env, cast(type, Settings.__dataclass_fields__["env"].type))
        names = {
            "experiments_table": f"experimentation-experiments-{env}",
            "flags_table": f"experimentation-feature-flags-{env}",
            "segments_table": f"experimentation-segments-{env}",
            "publications_table": f"experimentation-publications-{env}",
            "assignments_table": f"experimentation-assignments-{env}",
            "counters_table": f"experimentation-counters-{env}",
            "keys_table": f"experimentation-keys-{env}",
            "dedupe_table": f"experimentation-event-ids-{env}",
            "overrides_table": f"experimentation-overrides-{env}",
            "contexts_table": f"experimentation-contexts-{env}",
            "event_stream": f"experimentation-events-{env}",
            "archive_bucket": f"experimentation-archive-{env}",
            "quarantine_queue": f"experimentation-quarantine-{env}",
            "webhook_queue": f"experimentation-webhooks-{env}",
            "firehose": f"experimentation-archive-{env}",
        }
        values: dict[str, object] = {
            "env": env,
            "function": environ.get("AWS_LAMBDA_FUNCTION_NAME", "local"),
            "function_version": environ.get("AWS_LAMBDA_FUNCTION_VERSION", "local"),
            "handler": environ.get("_HANDLER", ""),
            "initialization": environ.get("AWS_LAMBDA_INITIALIZATION_TYPE", ""),
            "runtime_api": environ.get("AWS_LAMBDA_RUNTIME_API", ""),
        }
        for name, field in Settings.__dataclass_fields__.items():
            variable = f"REALTIME_{name.upper()}"
            text = environ.get(variable, "")
            if name not in values and (text or name in names):
                values[name] = _convert(variable, text or names[name], cast(type, field.type))
        if env == "local":  # it replays purchases of 1997, and its key is public
            endless = float("inf")
            local = {"event_max_age": endless, "metrics_interval": endless, "demo_key": "rt_local_demo"}
            local |= {"identity": True, "admin": True}
            values = local | values
        else:
            values["demo_key"] = ""
        return Settings(**values)  # type: ignore[arg-type]  # each value was converted to its field's type


def _convert(variable: str, text: str, kind: type) -> object:
    allowed = get_args(kind)  # empty unless it is a Literal
    if kind is bool:
        allowed = ("true", "false", "1", "0")
    if allowed and text not in allowed:
        raise ValueError(f"{variable} must be one of {', '.join(allowed)}; it is {text!r}")
    if kind is bool:
        return text in ("true", "1")
    try:
        return kind(text) if kind in (int, float) else text
    except ValueError:
        raise ValueError(f"{variable} must be a number ({kind.__name__}); it is {text!r}") from None
