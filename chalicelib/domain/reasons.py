"""Why an answer is what it is: one closed enumeration for assignments and flags (docs/reasons.md)."""

from enum import StrEnum


class Reason(StrEnum):
    # An assignment with a variant:
    ASSIGNED = "ASSIGNED"  # decided now
    STICKY = "STICKY"  # stored before
    REASSIGNED = "REASSIGNED"  # the stored variant no longer exists (or sticky is off and the hash moved)
    # An assignment without a variant:
    DRAFT = "DRAFT"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    NOT_STARTED = "NOT_STARTED"  # before start_at
    ENDED = "ENDED"  # at or after end_at
    HOLDOUT = "HOLDOUT"  # in the holdout of a group of experiments
    NOT_IN_LAYER = "NOT_IN_LAYER"  # another experiment of the layer owns this user
    NOT_IN_TRAFFIC = "NOT_IN_TRAFFIC"
    WINNER = "WINNER"  # a completed experiment that serves one variant to everybody
    # Shared by assignments and flags.
    OVERRIDE = "OVERRIDE"  # named in the definition, for QA
    NOT_TARGETED = "NOT_TARGETED"  # no targeting rule matched
    # A flag:
    DISABLED = "DISABLED"
    PREREQUISITE_FAILED = "PREREQUISITE_FAILED"
    NOT_IN_ROLLOUT = "NOT_IN_ROLLOUT"
    TARGETING_MATCH = "TARGETING_MATCH"
    SPLIT = "SPLIT"  # bucketed, without a rule
    STATIC = "STATIC"  # the same for everyone
    DEFAULT = "DEFAULT"  # no rule decided, or one without a condition
    NO_VALUE = "NO_VALUE"  # the flag leaves the value to the caller


_OPENFEATURE_OF_FLAGS = {
    Reason.ASSIGNED: "SPLIT",
    Reason.STICKY: "SPLIT",
    Reason.REASSIGNED: "SPLIT",
    Reason.OVERRIDE: "TARGETING_MATCH",  # "a rule or specific user-targeting", as OpenFeature defines it
    Reason.WINNER: "TARGETING_MATCH",
    Reason.DISABLED: "DISABLED",
    Reason.NOT_IN_ROLLOUT: "SPLIT",
    Reason.TARGETING_MATCH: "TARGETING_MATCH",
    Reason.SPLIT: "SPLIT",
    Reason.STATIC: "STATIC",
}
OPENFEATURE = {reason: _OPENFEATURE_OF_FLAGS.get(reason, "UNKNOWN") for reason in Reason}
"""A reason as one of the five of OFREP 0.3. A client may cache STATIC for ever."""
