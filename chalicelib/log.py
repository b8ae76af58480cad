"""Log lines that lead to their trace: the Lambda runtime writes JSON with the request's id, and no trace."""

import logging
import os

TRACE = "_X_AMZN_TRACE_ID"
"""Set by the runtime, anew for every invocation; no setting."""


def with_trace_ids() -> None:
    """Every record made from now on has ``xray_trace_id``, where there is a trace; call it once."""
    make = logging.getLogRecordFactory()

    def traced(*args: object, **kwargs: object) -> logging.LogRecord:
        record: logging.LogRecord = make(*args, **kwargs)
        if trace := os.environ.get(TRACE):
            record.xray_trace_id = trace.partition(";")[0].removeprefix("Root=")
        return record

    logging.setLogRecordFactory(traced)
