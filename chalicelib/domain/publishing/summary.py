"""A definition in one short line, for lists."""

from collections.abc import Sequence
from typing import NamedTuple

from chalicelib.domain.definitions.flag_form import get_rollout_percentage
from chalicelib.domain.definitions.schema import ExperimentDocument, FlagDocument
from chalicelib.domain.general_form.shards import Ramp, find_ramp_limit
from chalicelib.domain.publishing.documents import Document

MAX_SHARES = 4
"""Variants whose shares are named in a summary."""


class Share(NamedTuple):
    """``share`` is 0 to 1."""

    variant: str
    share: float


def list_split(document: Document) -> Sequence[Share] | None:
    """Of those who are inside; None where rules say who gets what, and for segments."""
    if isinstance(document, ExperimentDocument):
        return [Share(*item) for item in document.compute_allocations().items()]
    if isinstance(document, FlagDocument) and document.rules is None:
        return [Share(*item) for item in document.compute_allocations().items()]
    return None


def get_rollout(document: Document, now: float) -> float | None:
    """Percent of the targeted users, at ``now`` in epoch seconds; None where rules say it."""
    if not isinstance(document, FlagDocument) or document.rules is not None:
        return None
    ramp = document.rollout_ramp
    if ramp is None:
        return get_rollout_percentage(document, now)
    start, end = ramp.start.timestamp(), ramp.end.timestamp()
    return find_ramp_limit(Ramp(start, end, ramp.from_, ramp.to), now)


def summarize(document: Document, now: float) -> str:
    if isinstance(document, ExperimentDocument):
        traffic = document.traffic_allocation
        inside = "" if traffic == 1 else f" of {_percent(traffic * 100)}"
        return f"{_join(list_split(document) or ())}{inside}"
    if isinstance(document, FlagDocument):
        return _summarize_flag(document, now)
    parts = [_count(len(document.include), "user") + " included"] if document.include else []
    if document.when is not False:
        conditions = document.when if isinstance(document.when, list) else [document.when]
        parts.append(_count(len(conditions), "condition"))
    return ", ".join(parts) or "empty"


def _summarize_flag(flag: FlagDocument, now: float) -> str:
    if not flag.enabled:
        return "off"
    if flag.rules is not None:
        return _count(len(flag.rules), "rule")
    rules = (flag.targeting_rules or {}).get("rules", ())
    rollout = get_rollout(flag, now) or 0
    shares = [share for share in list_split(flag) or () if share.share > 0]
    served = shares[0].variant if len(shares) == 1 else _join(shares)
    share = "" if rollout == 100 else f" for {_percent(rollout)}"
    if rules:
        has_own = all("variant" in rule or "allocation" in rule for rule in rules)
        return f"{_count(len(rules), 'rule')}{share if has_own else f': {served}{share}'}"
    return f"{served}{share or ' for everybody'}"


def _join(shares: Sequence[Share]) -> str:
    named = [f"{_percent(share.share * 100)} {share.variant}" for share in shares[:MAX_SHARES]]
    more = f" and {len(shares) - MAX_SHARES} more" if len(shares) > MAX_SHARES else ""
    return ", ".join(named) + more


def _percent(number: float) -> str:
    return f"{number:.4g} %"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
