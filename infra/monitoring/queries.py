"""Saved Logs Insights queries, under `realtime-ENV/` in CloudWatch."""

from collections.abc import Mapping

ERRORS = """fields @timestamp, level, message, type, record.status, record.errorType, @logStream,
        coalesce(requestId, record.requestId) as request, xray_trace_id
| filter level in ["ERROR", "CRITICAL"] or record.status in ["error", "failure", "timeout"]
| sort @timestamp desc
| limit 100"""
"""Errors that the code logs, and those that only Lambda logs: timeouts, out of memory, failed starts."""
ONE_REQUEST = """fields @timestamp, @log, route, status, error, functionRequestId, traceId,
        level, message, type, record.status
| filter @message like "PASTE-AN-ID"
| sort @timestamp asc"""
"""The gateway's request id is in the access log only, the ids of function and trace are in both logs."""
COLD_STARTS = """filter type = "platform.report" or type = "platform.initReport"
| stats count(record.metrics.initDurationMs) as starts,
        pct(record.metrics.initDurationMs, 99) as start_p99_ms,
        count(record.metrics.restoreDurationMs) as restores,
        pct(record.metrics.restoreDurationMs, 99) as restore_p99_ms,
        pct(record.metrics.durationMs, 99) as p99_ms,
        max(record.metrics.maxMemoryUsedMB) as memory_mb by bin(5m), @log"""
SLOW_ROUTES = """stats count(*) as requests, pct(latency, 50) as p50_ms, pct(latency, 99) as p99_ms,
        sum(status >= 500) as failed by route, method
| sort p99_ms desc"""
REFUSED = """filter status >= 400
| stats count(*) as requests by status, error, route
| sort requests desc"""
TRACKING = """filter ispresent(TrackingSent) or ispresent(TrackingDropped)
| fields @timestamp, Function, TrackingSent, TrackingDropped
| sort @timestamp desc
| limit 100"""

FUNCTIONS: Mapping[str, str] = {"errors": ERRORS, "cold-starts": COLD_STARTS, "tracking": TRACKING}
"""On the logs of all functions."""
ACCESS: Mapping[str, str] = {"slow-routes": SLOW_ROUTES, "refused-requests": REFUSED}
"""On the access log."""
EVERYWHERE: Mapping[str, str] = {"one-request": ONE_REQUEST}
"""On both."""
