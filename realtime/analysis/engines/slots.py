"""What a statement adds up for each user: slots, which become columns, and the measures in them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from chalicelib.domain.definitions.analysis_schema import MeasureDocument, MetricDocument, read_duration
from realtime.analysis.engines.literals import MICROSECONDS
from realtime.analysis.model import Design

DAY = 86_400 * MICROSECONDS
AMOUNT_SCALE = 10_000
"""Amounts are added up in ten-thousandths of the currency."""


@dataclass(frozen=True, slots=True)
class Slot:
    """The numbers y, d, x and z of a metric for each user. All times in microseconds.

    y and d are of the events from ``start`` to ``end`` after the user's anchor and before ``until``; x and z
    of those up to ``before`` before the anchor. Users take part for whom ``complete_after`` is over at
    ``until``.
    """

    metric: MetricDocument
    start: int = 0
    end: int | None = None
    before: int | None = None
    until: int | None = None
    complete_after: int | None = None

    @property
    def measures(self) -> tuple[MeasureDocument, ...]:
        return self.metric.list_measures()

    @property
    def cap(self) -> float | None:
        return self.metric.cap

    def list_numbers(self) -> list[tuple[str, MeasureDocument, bool]]:
        """Name, measure, and whether it is of the pre-period."""
        numbers = [(name, measure, False) for name, measure in zip("yd", self.measures, strict=False)]
        if self.before is not None:
            numbers += [(name, measure, True) for name, measure in zip("xz", self.measures, strict=False)]
        return numbers

    def get_scale(self, name: str) -> int:
        if name in "dz" and not self.metric.is_ratio:
            return 1
        measure = self.measures[0 if name in "yx" else 1]
        return AMOUNT_SCALE if measure.aggregate == "sum" else 1

    def scale(self, name: str, total: int) -> Fraction:
        """A total of ``name`` such as ``y``, or of a product such as ``yx``, in its own unit."""
        divisor = 1
        for part in name:
            divisor *= self.get_scale(part)
        return Fraction(total, divisor)


def create_slot(design: Design, metric: MetricDocument) -> Slot:
    window = _read(metric.window)
    until = None if design.until is None else round(design.until * MICROSECONDS)
    return Slot(metric, end=window, before=_read(metric.pre_period), until=until, complete_after=window)


def create_looks(design: Design, metric: MetricDocument, times: Iterable[float]) -> list[Slot]:
    slot = create_slot(design, metric)
    return [replace(slot, until=round(time * MICROSECONDS)) for time in times]


def create_days(design: Design, metric: MetricDocument, days: int) -> list[Slot]:
    """Days since the anchor within the metric's window. A day has no cap: that is of a user's whole sum."""
    plain = metric.model_copy(update={"cap": None})
    slot = replace(create_slot(design, plain), before=None)
    slots = []
    for start in range(0, days * DAY, DAY):
        end = start + DAY
        if slot.end is not None and start >= slot.end:
            break
        end = end if slot.end is None else min(end, slot.end)
        slots.append(replace(slot, start=start, end=end, complete_after=end))
    return slots


def list_event_types(metrics: Iterable[MetricDocument]) -> list[str]:
    return sorted({measure.event for metric in metrics for measure in metric.list_measures()})


@dataclass(frozen=True, slots=True)
class Money:
    """Amounts of one number (``y`` or ``d``) of a metric: the currencies among them are counted."""

    slot: Slot
    name: str
    measure: MeasureDocument

    @property
    def has_main_currency(self) -> bool:
        """No currency is named, so only amounts of the most frequent one are added up."""
        return self.measure.currency is None


def list_money(slots: Sequence[Slot]) -> list[Money]:
    """Each metric once. Of the looks at it the one over all days counts, which is the latest."""
    latest: dict[str, Slot] = {}
    for slot in slots:
        latest[slot.metric.key] = _cover(latest.get(slot.metric.key), slot)
    return [
        Money(slot, name, measure)
        for slot in latest.values()
        for name, measure, is_before in slot.list_numbers()
        if measure.aggregate == "sum" and not is_before
    ]


def _cover(before: Slot | None, slot: Slot) -> Slot:
    if before is None:
        return slot
    return replace(
        slot,
        start=min(before.start, slot.start),
        end=None if before.end is None or slot.end is None else max(before.end, slot.end),
        until=None if before.until is None or slot.until is None else max(before.until, slot.until),
    )


def find_longest_pre_period(metrics: Iterable[MetricDocument]) -> int:
    return max((_read(metric.pre_period) or 0 for metric in metrics), default=0)


def _read(duration: str | None) -> int | None:
    return None if duration is None else read_duration(duration) * MICROSECONDS
