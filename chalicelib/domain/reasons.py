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


OPENFEATURE = {
    Reason.OVERRIDE: "TARGETING_MATCH",  # "a rule or specific user-targeting", as OpenFeature defines it
    Reason.NOT_TARGETED: "UNKNOWN",
    Reason.DISABLED: "DISABLED",
    Reason.PREREQUISITE_FAILED: "UNKNOWN",
    Reason.NOT_IN_ROLLOUT: "SPLIT",
    Reason.TARGETING_MATCH: "TARGETING_MATCH",
    Reason.SPLIT: "SPLIT",
    Reason.STATIC: "STATIC",
}
"""A flag's reason as one of the five of OFREP 0.3. A client may cache STATIC for ever."""
