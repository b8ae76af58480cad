"""What browsers may send from pages of other origins."""

import re

from chalicelib.api.application import Cors

TRACING_HEADERS = (
    "Baggage",
    "Sentry-Trace",
    "Traceparent",
    "Tracestate",
    "X-Request-ID",
    "X-Requested-With",
)
"""Tracing libraries add them to every request of a page."""
_is_header = re.compile(r"[A-Za-z0-9!#$%&*+.^_`|~-]+").fullmatch


def make_cors(more_headers: str) -> Cors:
    """``more_headers``, separated by commas, are those of REALTIME_CORS_HEADERS."""
    more = [name.strip() for name in more_headers.split(",") if name.strip()]
    for name in more:
        if not _is_header(name):
            raise ValueError(f"REALTIME_CORS_HEADERS must have names of headers; it has {name!r}")
    return Cors(
        allow_origin="*",
        # Chalice adds Authorization, Content-Type and X-Api-Key.
        allow_headers=["If-None-Match", "Content-Encoding", *TRACING_HEADERS, *more],
        expose_headers=["ETag", "Retry-After"],
        max_age=600,
    )
