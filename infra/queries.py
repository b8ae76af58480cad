"""Saved Logs Insights queries, under `realtime-ENV/` in CloudWatch."""

from collections.abc import Mapping

ERRORS = """fields @timestamp, level, message, requestId, xray_trace_id, @logStream
| filter level in ["ERROR", "CRITICAL"]
| sort @timestamp desc
| limit 100"""
ONE_REQUEST = """fields @timestamp, @log, level, message
| filter requestId = "PASTE-A-REQUEST-ID" or xray_trace_id like "PASTE-A-TRACE-ID"
| sort @timestamp asc"""
COLD_STARTS = """filter type = "platform.report" or type = "platform.initReport"
| stats count(record.metrics.initDurationMs) as starts,
        pct(record.metrics.initDurationMs, 99) as start_p99_ms,
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

FUNCTIONS: Mapping[str, str] = {
    "errors": ERRORS,
    "one-request": ONE_REQUEST,
    "cold-starts": COLD_STARTS,
    "tracking": TRACKING,
}
"""Over the logs of all functions."""
ACCESS: Mapping[str, str] = {"slow-routes": SLOW_ROUTES, "refused-requests": REFUSED}
"""Over the access log."""
