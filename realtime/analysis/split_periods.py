"""The test of a split that was changed during the run: each period against its own split. Pure.

`results` does the same by hours, from the counters (`chalicelib/domain/sample_ratio.py`).
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date

from chalicelib.domain.definitions.analysis_schema import ASSIGNMENT_ANCHOR
from chalicelib.domain.sample_ratio import ALARM_P_VALUE, PUBLISH_SECONDS, chi_square_p_value
from realtime.analysis.model import Census, Check, Design, SplitPeriod
from realtime.analysis.numbers import format_p
from realtime.analysis.statistics.split import compare_split

_DAY = 86_400.0


def check_split_periods(design: Design, census: Census) -> Check | None:
    """None unless users came in more than one split.

    A day in which the split changed is left out. With another anchor than the assignment it cannot be
    tested, because users of an earlier split come later.
    """
    periods = _list_with_users(design.periods, census)
    if len(periods) < 2:
        return None
    facts: dict[str, object] = {
        "periods": [{"start": period.start, "shares": dict(period.shares)} for period in periods]
    }
    changed = f"The split changed {len(periods) - 1} times while users came"
    if design.anchor != ASSIGNMENT_ANCHOR:
        message = (
            f"{changed}, so it cannot be tested by {design.anchor}: `results` tests the assignments of each "
            "period. The effect of a time of day or season may look like one of the variant; a new iteration "
            "starts over."
        )
        return Check("split", "warning", message, facts)
    tested = [compare_split(_count(period, end, census), period.shares) for period, end in _pair(periods)]
    values = [
        (result.value, sum(share > 0 for share in period.shares.values()) - 1)
        for result, period in zip(tested, periods, strict=True)
        if result is not None
    ]
    if not values:
        return Check("split", "note", f"{changed}, with too few users in each to test it.", facts)
    chi_square, degrees = sum(value for value, _ in values), sum(degree for _, degree in values)
    p_value = chi_square_p_value(chi_square, degrees)
    facts |= {"chi_square": chi_square, "degrees": degrees, "p_value": p_value}
    if p_value < ALARM_P_VALUE:
        message = (
            f"{changed}, and users are not split as planned in each period (p {format_p(p_value)}). Find out "
            "which users are missing before you believe any number."
        )
        return Check("split", "alarm", message, facts)
    message = (
        f"{changed}. In each period users are split as planned (p {format_p(p_value)}), but the effect of a "
        "season may look like one of the variant; a new iteration starts over."
    )
    return Check("split", "warning", message, facts)


def find_split(design: Design, census: Census) -> SplitPeriod:
    """The split of the only period in which users came, or the one in force."""
    periods = _list_with_users(design.periods, census)
    return periods[-1] if len(periods) == 1 else SplitPeriod(None, design.shares)


def _list_with_users(periods: Sequence[SplitPeriod], census: Census) -> list[SplitPeriod]:
    if not periods or census.first_anchor is None or census.last_anchor is None:
        return []
    ends = [period.start for period in periods[1:]]
    return [
        period
        for period, end in zip(periods, [*ends, None], strict=True)
        if (period.start is None or period.start <= census.last_anchor)
        and (end is None or end > census.first_anchor)
    ]


def _pair(periods: Sequence[SplitPeriod]) -> list[tuple[SplitPeriod, float | None]]:
    return list(zip(periods, [*(period.start for period in periods[1:]), None], strict=True))


def _count(period: SplitPeriod, end: float | None, census: Census) -> Counter[str]:
    """Users by variant on the days that are in the period as a whole."""
    counts: Counter[str] = Counter()
    for one in census.users:
        for day, users in one.by_day.items():
            begin = (date.fromisoformat(day) - date(1970, 1, 1)).days * _DAY
            is_after = period.start is None or begin >= period.start + PUBLISH_SECONDS
            if is_after and (end is None or begin + _DAY <= end - PUBLISH_SECONDS):
                counts[one.variant] += users
    return counts
