"""Adds the X-Ray trace to log lines: the Lambda runtime writes JSON with the request's id, but no trace."""

import logging
import os

TRACE_VARIABLE = "_X_AMZN_TRACE_ID"
"""Not a setting: the runtime sets it for every invocation."""


def add_trace_ids() -> None:
    """From now on every log record of a traced invocation has ``xray_trace_id``; call it once."""
    make_record = logging.getLogRecordFactory()

    def make_with_trace(*args: object, **kwargs: object) -> logging.LogRecord:
        record: logging.LogRecord = make_record(*args, **kwargs)
        if trace := os.environ.get(TRACE_VARIABLE):
            record.xray_trace_id = trace.partition(";")[0].removeprefix("Root=")
        return record

    logging.setLogRecordFactory(make_with_trace)
