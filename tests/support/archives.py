"""Archives in a folder, written by the archive's own code, and what a slow plain reading makes of them."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from chalicelib.domain.definitions.analysis_schema import MetricDocument, read_duration
from chalicelib.domain.stream.archive import ArchiveLine, group_lines
from chalicelib.domain.timestamps import format_timestamp, parse_timestamp
from realtime.analysis.model import Design, Moments, PlannedMetric
from tests.support.analysis_reference import Anchor, Event, build_moments

Line = dict[str, Any]
START = 1_793_491_200.0  # 2026-11-01T00:00:00Z
DAY = 86_400.0


def write_lines(folder: Path, lines: Iterable[Line], shard: str = "events/shardId-0") -> list[Path]:
    """Objects as the processor writes them. Their names count on, so a second call adds objects."""
    written = sum(1 for _ in folder.rglob("*.jsonl.gz"))
    archived = [
        ArchiveLine(0, 0, str(written * 1_000_000 + number), int(_read_time(line) // 3600), 500, line)
        for number, line in enumerate(lines)
    ]
    paths = []
    for each in group_lines(archived, shard):
        path = folder / each.key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(each.compress())
        paths.append(path)
    return paths


def line(
    user: str, event_type: str, at: float, place: str, *, event_id: str | None = None, **fields: Any
) -> Line:
    """``experiments``, ``duplicate`` and ``person`` are put where they belong."""
    text = format_timestamp(at, "microseconds")
    realtime = {
        "place": place,
        "occurred_at": text,
        "arrived_at": at,
        "duplicate": fields.pop("duplicate", False),
        "experiments": fields.pop("experiments", []),
    }
    if "person" in fields:
        realtime["person"] = fields.pop("person")
    return {
        "event_id": event_id or place,
        "event_type": event_type,
        "user_id": user,
        "timestamp": text,
        **fields,
        "realtime": realtime,
    }


def attribution(variant: str, *, id: str = "checkout", iteration: int = 1) -> Line:
    return {"key": "checkout", "id": id, "iteration": iteration, "variant": variant, "rule": "assignment"}


def exposure(user: str, variant: str, at: float, place: str, **fields: Any) -> Line:
    return line(user, "exposure", at, place, experiments=[attribution(variant)], **fields)


def assignment(user: str, variant: str, at: float, place: str, iteration: int | None = 1) -> Line:
    properties: Line = {"experiment_key": "checkout", "experiment_id": "checkout", "variant": variant}
    if iteration is not None:
        properties["iteration"] = iteration
    return line(user, "assignment", at, place, properties=properties)


def design(*metrics: MetricDocument, **fields: Any) -> Design:
    defaults: dict[str, Any] = {
        "experiment_key": "checkout",
        "experiment_id": "checkout",
        "iteration": 1,
        "version": 1,
        "shares": {"control": 0.5, "treatment": 0.5},
        "control": "control",
        "anchor": "exposure",
        "metrics": [PlannedMetric(metric, "primary") for metric in metrics],
    }
    return Design(**(defaults | fields))


class Reading:
    """The lines of an archive as docs/analysis.md reads them, one after the other."""

    def __init__(self, design: Design, lines: Sequence[Line]) -> None:
        self.design = design
        best: dict[str, Line] = {}
        for each in lines:
            place = each["realtime"]["place"]
            if place not in best or _rank(each) > _rank(best[place]):
                best[place] = each
        kept = [each for each in best.values() if not each["realtime"]["duplicate"]]
        self.kept = kept
        kept.sort(key=lambda each: (_read_time(each), each["realtime"]["place"]))
        seen: set[tuple[str, str, str]] = set()
        self.lines: list[Line] = []
        self.late_duplicates = 0
        for each in kept:
            name = each["user_id"], each["event_type"], each["event_id"]
            if name in seen:
                self.late_duplicates += 1
            else:
                seen.add(name)
                self.lines.append(each)
        self.unassigned = 0
        self.left_out: set[str] = set()
        self.moved: set[str] = set()
        self.anchors = self._find_anchors()

    def build(self, metric: MetricDocument) -> Moments:
        events, currencies = self._find_events(metric)
        moments = build_moments(self.design, metric, self.anchors, events)
        return Moments(metric, moments.sums, moments.waiting, moments.cap, moments.pre_cap, currencies)

    def count_attributed(self, metrics: Iterable[MetricDocument]) -> dict[str, dict[str, int]]:
        types = {measure.event for metric in metrics for measure in metric.list_measures()}
        found: dict[str, Counter[str]] = {name: Counter() for name in {*types, self.design.anchor}}
        for each in self.kept:
            if each["event_type"] in found and _read_time(each) < (self.design.until or float("inf")):
                variants = _list_variants(self.design, each)[:1]
                found[each["event_type"]].update(name for name in variants if name in self.design.shares)
        return {name: dict(counts) for name, counts in found.items()}

    def count_before_anchor(self, metrics: Iterable[MetricDocument]) -> int:
        types = {measure.event for metric in metrics for measure in metric.list_measures()}
        at = {anchor.user: anchor.at for anchor in self.anchors}
        return sum(
            each["event_type"] in types and _read_time(each) < at[_unit(each)]
            for each in self.lines
            if _unit(each) in at and self._is_open(each)
        )

    def _find_anchors(self) -> list[Anchor]:
        found: dict[str, list[Line]] = defaultdict(list)
        design = self.design
        for each in self.lines:
            time = _read_time(each)
            is_in_time = (design.since is None or time >= design.since) and (
                design.until is None or time < design.until
            )
            variant = self._find_variant(each)
            if not is_in_time or variant is None:
                continue
            if variant == "$unassigned":
                self.unassigned += 1
                continue
            found[_unit(each)].append(each)
        anchors = []
        for unit, lines in found.items():
            variant = str(self._find_variant(lines[0]))
            if {unit, *(each["user_id"] for each in lines)} & design.left_out:
                self.left_out.add(unit)
                continue
            if any(self._find_variant(each) != variant for each in lines):
                self.moved.add(unit)
            anchors.append(Anchor(unit, variant, _read_time(lines[0])))
        return anchors

    def _find_variant(self, each: Line) -> str | None:
        design = self.design
        if each["event_type"] != design.anchor:
            return None
        if design.anchor == "assignment":
            properties = each["properties"]
            is_mine = properties["experiment_id"] == design.experiment_id
            return (
                properties["variant"]
                if is_mine and properties.get("iteration", 1) == design.iteration
                else None
            )
        mine = _list_variants(design, each)
        return mine[0] if mine else None

    def _is_open(self, each: Line) -> bool:
        return each.get("experiment_key") in {None, self.design.experiment_key}

    def _find_events(self, metric: MetricDocument) -> tuple[list[Event], dict[str, int]]:
        """Amounts of other currencies than the most frequent one are 0 where none is named."""
        open_lines = [each for each in self.lines if self._is_open(each)]
        [measure, *_] = metric.list_measures()
        counts = self._count_currencies(metric, open_lines)
        if measure.aggregate != "sum":
            return [_to_event(each) for each in open_lines], {}
        if measure.currency is not None:
            known = {measure.currency, *measure.rates}
            return [_to_event(each) for each in open_lines], {
                currency: count for currency, count in counts.items() if currency not in known
            }
        main = min(counts, key=lambda currency: (-counts[currency], currency), default="")
        events = [_to_event(each) for each in open_lines]
        events = [
            event if (event.currency or "") == main else event._replace(value=Decimal(0)) for event in events
        ]
        return events, {currency: count for currency, count in counts.items() if currency != main}

    def _count_currencies(self, metric: MetricDocument, lines: Iterable[Line]) -> Counter[str]:
        counts: Counter[str] = Counter()
        at = {anchor.user: anchor.at for anchor in self.anchors}
        window = read_duration(metric.window) if metric.window else float("inf")
        until = self.design.until or float("inf")
        [measure, *_] = metric.list_measures()
        for each in lines:
            user, time = _unit(each), _read_time(each)
            is_counted = each["event_type"] == measure.event and "value" in each and user in at
            if is_counted and at[user] <= time < min(at[user] + window, until) and _has(each, measure.where):
                counts[each.get("currency") or ""] += 1
        return counts


def _list_variants(design: Design, each: Line) -> list[str]:
    return [
        part["variant"]
        for part in each["realtime"]["experiments"]
        if (part["id"], part["iteration"]) == (design.experiment_id, design.iteration)
    ]


def _has(each: Line, where: Any) -> bool:
    fields = {**each.get("properties", {}), "currency": each.get("currency")}
    return all(
        fields.get(name) in (wanted if isinstance(wanted, list) else [wanted])
        for name, wanted in where.items()
    )


def _to_event(each: Line) -> Event:
    return Event(
        _unit(each),
        each["event_type"],
        _read_time(each),
        Decimal(repr(each.get("value", 0))),
        each.get("currency"),
        each.get("properties", {}),
    )


def _unit(each: Line) -> str:
    return str(each["realtime"].get("person") or each["user_id"])


def _read_time(each: Line) -> float:
    return parse_timestamp(each["realtime"]["occurred_at"])


def _rank(each: Line) -> tuple[int, bool]:
    return len(each["realtime"]["experiments"]), each["realtime"]["duplicate"]


def draw_lines(rng: random.Random) -> list[Line]:
    """A small archive with everything that can go wrong in one."""
    lines: list[Line] = []
    users = [f"u{number}" for number in range(rng.randint(0, 14))]
    variants = ["control", "treatment", "$unassigned"]
    for user in users:
        own = rng.choice(variants[:2])
        for _ in range(rng.randint(0, 9)):
            place, at = f"s:{len(lines)}:0", START + rng.randint(0, 40) * DAY / 4
            variant = own if rng.random() < 0.8 else rng.choice(variants)
            fields: Line = {"event_id": f"e{rng.randint(0, 5)}"} if rng.random() < 0.4 else {}
            if rng.random() < 0.15:
                fields["person"] = rng.choice(users)
            if rng.random() < 0.15:
                fields["experiment_key"] = rng.choice(["checkout", "other"])
            kind = rng.random()
            iteration = rng.choice([1, 1, 1, 2])
            parts = [
                attribution(variant, id=rng.choice(["checkout", "checkout", "other"]), iteration=iteration)
            ]
            if kind < 0.3:
                lines.append(line(user, "exposure", at, place, experiments=parts, **fields))
            elif kind < 0.5:
                fields.pop("experiment_key", None)
                each = assignment(user, variant, at, place, rng.choice([None, 1, 1, 2]))
                lines.append(each)
            else:
                fields |= (
                    {"value": rng.choice([0, 1, 2.5, 19.99, 100.00005, -3])} if rng.random() < 0.9 else {}
                )
                fields |= {"currency": rng.choice(["EUR", "EUR", "USD", "GBP"])} if rng.random() < 0.8 else {}
                fields["properties"] = {"country": rng.choice(["DE", "AT"]), "n": rng.randint(0, 2)}
                kind_of_event = rng.choice(["purchase", "purchase", "refund", "other"])
                lines.append(
                    line(user, kind_of_event, at, place, experiments=parts[: rng.randint(0, 1)], **fields)
                )
    repeats = [
        dict(each, realtime=each["realtime"] | _change(rng, each)) for each in lines if rng.random() < 0.2
    ]
    return lines + repeats


def _change(rng: random.Random, each: Line) -> Line:
    """What a retry archives under the same place."""
    if each["realtime"]["experiments"] and rng.random() < 0.5:
        return {"experiments": []}
    return {"duplicate": rng.random() < 0.5}


def draw_two_days() -> list[Line]:
    """Fewer objects, for tests of files."""
    lines = draw_lines(random.Random(8))
    early = [each for each in lines if _read_time(each) < START + 2 * DAY]
    return [*early, exposure("u1", "control", START, "s:x:0")]


def draw_design(rng: random.Random) -> Design:
    metrics = [_draw_metric(rng, number) for number in range(rng.randint(1, 4))]
    since = START + rng.randint(0, 3) * DAY if rng.random() < 0.4 else None
    return design(
        *metrics,
        anchor=rng.choice(["exposure", "exposure", "assignment"]),
        since=since,
        until=START + rng.randint(3, 11) * DAY if rng.random() < 0.7 else None,
        left_out=frozenset(["u1", "u'2"]) if rng.random() < 0.3 else frozenset(),
    )


def _draw_metric(rng: random.Random, number: int) -> MetricDocument:
    fields: Line = {"key": f"m{number}"}
    if rng.random() < 0.7:
        fields["window"] = rng.choice(["6h", "1d", "3d", "90m"])
    if rng.random() < 0.5:
        fields["pre_period"] = rng.choice(["12h", "2d", "9d"])
    if rng.random() < 0.3:
        ratio = {"numerator": _draw_measure(rng, "sum"), "denominator": _draw_measure(rng, "count")}
        return MetricDocument.model_validate(fields | ratio)
    fields |= _draw_measure(rng, rng.choice(["count", "sum", "sum", "conversion"]))
    if fields["aggregate"] != "conversion" and rng.random() < 0.5:
        fields["cap"] = rng.choice([0.5, 0.75, 0.9, 0.99])
    return MetricDocument.model_validate(fields)


def _draw_measure(rng: random.Random, aggregate: str) -> Line:
    fields: Line = {"event": rng.choice(["purchase", "purchase", "refund"]), "aggregate": aggregate}
    if rng.random() < 0.3:
        fields["where"] = rng.choice(
            [{"country": "DE"}, {"n": [1, 2]}, {"currency": "EUR"}, {"country": ["AT", "X"], "n": 0}]
        )
    if aggregate == "sum" and rng.random() < 0.5:
        fields["currency"] = "EUR"
        if rng.random() < 0.6:
            fields["rates"] = {"USD": "0.9213"}
    return fields


def check_equal(found: Moments, expected: Moments) -> None:
    assert found.sums == expected.sums
    assert (found.waiting, found.cap, found.pre_cap) == (expected.waiting, expected.cap, expected.pre_cap)
    assert found.currencies == expected.currencies
