"""Is all in the archive that was counted? What is missing must at least be missing alike in every variant."""

from collections.abc import Mapping

from chalicelib.domain.definitions.analysis_schema import ASSIGNMENT_ANCHOR
from chalicelib.domain.event_types import ASSIGNED
from chalicelib.domain.sample_ratio import ALARM_P_VALUE, MIN_EXPECTED, chi_square_p_value
from realtime.analysis.model import Census, Check, Design, EventCounts

TOLERATED = 0.01
"""The share of a type's events, up to which a difference that is the same in every variant is only noted."""


def check_completeness(design: Design, census: Census, counts: EventCounts) -> Check:
    """Compares the types that both sides have."""
    archive = dict(counts.archive)
    if ASSIGNED not in archive and _has_all_assigned(design) and not design.unit:
        archive[ASSIGNED] = {one.variant: one.users for one in census.users}
    slack = census.left_out + sum(one.moved for one in census.users)
    differences = {
        event_type: _subtract(design, counts.counters[event_type], archive[event_type])
        for event_type in counts.counters
        if event_type in archive
    }
    uneven: list[str] = []
    missing: dict[str, int] = {}
    largest = 0.0
    for event_type, by_variant in differences.items():
        counted = {variant: counts.counters[event_type].get(variant, 0) for variant in by_variant}
        gap = sum(abs(count) for count in by_variant.values())
        if event_type == ASSIGNED and gap <= 2 * slack:
            continue  # counters have users where they moved to
        if gap:
            missing[event_type] = gap
            largest = max(largest, gap / max(1, sum(counted.values())))
        if _is_uneven(by_variant, counted):
            uneven.append(event_type)
    facts = {"differences": differences, "uneven": uneven}
    if uneven:
        message = (
            f"Counters and archive differ more in one variant than in another: {', '.join(uneven)}. Compare "
            "them with `recount` before you believe any number."
        )
        return Check("archive_complete", "alarm", message, facts)
    if not missing:
        return Check("archive_complete", "ok", "The archive has what was counted.", facts)
    named = ", ".join(f"{event_type} by {gap:,}" for event_type, gap in missing.items())
    message = f"Counters and archive differ, about alike in every variant: {named}."
    return Check("archive_complete", "warning" if largest > TOLERATED else "note", message, facts)


def _has_all_assigned(design: Design) -> bool:
    return design.anchor == ASSIGNMENT_ANCHOR and design.since is None and design.until is None


def _subtract(design: Design, counters: Mapping[str, int], archive: Mapping[str, int]) -> dict[str, int]:
    return {variant: counters.get(variant, 0) - archive.get(variant, 0) for variant in design.shares}


def _is_uneven(differences: Mapping[str, int], counted: Mapping[str, int]) -> bool:
    """χ² of homogeneity: is the share that differs the same in every variant?"""
    sizes = {variant: max(counted[variant], abs(gap)) for variant, gap in differences.items()}
    sizes = {variant: size for variant, size in sizes.items() if size}
    gaps = {variant: abs(differences[variant]) for variant in sizes}
    total, gap = sum(sizes.values()), sum(gaps.values())
    if len(sizes) < 2 or gap == 0:
        return False
    share = gap / total
    if share == 1 or min(size * min(share, 1 - share) for size in sizes.values()) < MIN_EXPECTED:
        return False
    value = sum(
        (gaps[variant] - size * share) ** 2 / (size * share * (1 - share)) for variant, size in sizes.items()
    )
    return chi_square_p_value(value, len(sizes) - 1) < ALARM_P_VALUE
