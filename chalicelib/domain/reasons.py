"""Why an answer is what it is: one closed enumeration for assignments and flags (docs/reasons.md)."""

from enum import StrEnum


class Reason(StrEnum):
    # An assignment has a variant because …
    ASSIGNED = "ASSIGNED"  # decided now
    STICKY = "STICKY"  # decided before and stored
    REASSIGNED = "REASSIGNED"  # the stored variant no longer exists (or sticky is off and the hash moved)
    # … or has none because …
    DRAFT = "DRAFT"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    NOT_STARTED = "NOT_STARTED"  # before start_at
    ENDED = "ENDED"  # at or after end_at
    HOLDOUT = "HOLDOUT"  # kept out of a group of experiments
    NOT_IN_LAYER = "NOT_IN_LAYER"  # another experiment of the layer owns this user
    NOT_IN_TRAFFIC = "NOT_IN_TRAFFIC"
    # Shared by assignments and flags.
    OVERRIDE = "OVERRIDE"  # named in the definition, for QA
    NOT_TARGETED = "NOT_TARGETED"  # no targeting rule matched
    # A flag's variant is what it is because …
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
"""A flag's reason as one of the five that OFREP 0.3 knows; STATIC may be cached for ever by a client."""
