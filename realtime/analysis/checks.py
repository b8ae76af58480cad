"""May we believe the numbers? Each check is a sentence; an alarm stops the verdict."""

from collections.abc import Iterator, Mapping, Sequence

from chalicelib.domain.sample_ratio import ALARM_P_VALUE
from realtime.analysis.completeness import TOLERATED, check_completeness
from realtime.analysis.metric_checks import check_metrics, check_pre_period
from realtime.analysis.model import (
    Census,
    Check,
    CheckStatus,
    Design,
    EventCounts,
    MetricResult,
    Moments,
)
from realtime.analysis.numbers import format_p, format_share
from realtime.analysis.split_periods import check_split_periods, find_split
from realtime.analysis.statistics.split import compare_split
from realtime.analysis.units import describe_unit


def run_checks(
    design: Design,
    census: Census,
    moments: Sequence[Moments],
    results: Sequence[MetricResult],
    counts: EventCounts | None = None,
    changes: Sequence[str] = (),
) -> list[Check]:
    return [
        check_split_periods(design, census) or _check_split(design, census),
        *([check_completeness(design, census, counts)] if counts else []),
        _check_moved(census),
        *check_pre_period(design, moments),
        *check_metrics(design, moments, results),
        *([_check_changes(changes)] if changes else []),
        *_check_nameless(design, census),
        *_list_left_out(census, results),
    ]


def _check_split(design: Design, census: Census) -> Check:
    users = {one.variant: one.users for one in census.users}
    shares = find_split(design, census).shares
    split = compare_split(users, shares)
    counted = {variant: users.get(variant, 0) for variant in shares}
    facts: dict[str, object] = {
        "users": counted,
        "shares": dict(shares),
        "chi_square": split and split.value,
        "p_value": split and split.p_value,
    }
    if split is None:
        return Check("split", "note", "There are too few users to test the split.", facts)
    shown = _describe_split(counted, shares)
    if split.p_value < ALARM_P_VALUE:
        return Check(
            "split",
            "alarm",
            f"Users are not split as planned (p {format_p(split.p_value)}): {shown}. Find out which users "
            "are missing before you believe any number.",
            facts,
        )
    return Check("split", "ok", f"Users are split as planned (p {format_p(split.p_value)}): {shown}.", facts)


def _describe_split(users: Mapping[str, int], shares: Mapping[str, float]) -> str:
    total, whole = sum(users.values()), sum(shares.values())
    return ", ".join(
        f"{variant} {format_share(count / total)} of {format_share(shares[variant] / whole)}"
        for variant, count in users.items()
    )


def _check_moved(census: Census) -> Check:
    moved = {one.variant: one.moved for one in census.users}
    total = sum(moved.values())
    if not total:
        return Check("moved", "ok", "Every user stayed in one variant.", {"moved": moved})
    message = f"{_count(total, 'user was', 'users were')} later in another variant, and counted in the first."
    return Check("moved", "note", message, {"moved": moved})


def _check_changes(changes: Sequence[str]) -> Check:
    message = f"The plan was changed after the first user: {'; '.join(changes)}."
    return Check("changed_after_start", "warning", message, {"changes": list(changes)})


def _check_nameless(design: Design, census: Census) -> Iterator[Check]:
    """Of what divides the experiment, such as accounts."""
    if census.nameless:
        share = census.nameless / max(census.lines, census.nameless)
        message = (
            f"{census.nameless:,} events ({format_share(share)}) do not have the property"
            f" {describe_unit(design.unit)}, by which the experiment divides, and do not count. Send it with"
            " every event."
        )
        yield Check("nameless", "alarm" if share > TOLERATED else "note", message, {"count": census.nameless})


def _list_left_out(census: Census, results: Sequence[MetricResult]) -> Iterator[Check]:
    """What is in the archive and does not count."""
    has_events = any(one.converted for result in results for one in result.variants.values())
    early: CheckStatus = "note" if has_events else "warning"
    rows: list[tuple[str, int, CheckStatus, str]] = [
        (
            "events_before_anchor",
            census.events_before_anchor,
            early,
            "events are older than their user's anchor and do not count"
            + ("." if has_events else ": no other event is there. Try another --anchor."),
        ),
        ("unassigned", census.unassigned, "note", "anchors belong to no variant and are left out."),
        ("left_out", census.left_out, "note", "users with an override are left out."),
        (
            "late_duplicates",
            census.late_duplicates,
            "note",
            "unmarked repeats of events count once.",
        ),
        (
            "unreadable",
            census.unreadable,
            "warning",
            "lines without a readable time do not count.",
        ),
    ]
    for code, count, status, message in rows:
        if count:
            yield Check(code, status, f"{count:,} {message}", {"count": count})


def _count(count: int, singular: str, plural: str) -> str:
    return f"{count:,} {singular if count == 1 else plural}"
