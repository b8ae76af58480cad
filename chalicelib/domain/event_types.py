"""The names of events: as their senders know them, such as ``Order Completed`` or ``$pageview``."""

import re

EVENT_TYPE_PATTERN = r"[^\x00-\x1f\x7f-\x9f]{1,128}"
"""1 to 128 characters, none of them a control character."""
EVENT_TYPE_RULE = "must have 1 to 128 characters, without control characters"

ASSIGNED = "$assigned"
"""Stands in place of an event type: each stored assignment counts one."""
OTHER = "$other"
"""Stands in place of the event types that are too many to be counted apart."""
RESERVED = frozenset({ASSIGNED, OTHER})

EVALUATION = "evaluation"
ASSIGNMENT = "assignment"
EXPOSURE = "exposure"
"""Clients send exposures too: they know when a treatment was seen."""
CLIENT_EVALUATION = "client_evaluation"
"""An evaluation in a caller's process, as `POST /evaluations` took it: the client's word."""
OWN = frozenset({EVALUATION, ASSIGNMENT, CLIENT_EVALUATION})
"""Written by the service alone: counts of evaluations would be worth nothing if anybody could send them."""
OF_FLAGS = frozenset({EVALUATION, CLIENT_EVALUATION})
"""They count for the flag that they name, each under its own type."""

_matches = re.compile(EVENT_TYPE_PATTERN).fullmatch


def find_event_type_problem(event_type: str) -> str | None:
    """None for a valid event type, else the rule that it breaks."""
    if not _matches(event_type):
        return EVENT_TYPE_RULE
    if event_type in RESERVED:
        return f"must not be {event_type}, which the service counts under itself"
    return None
