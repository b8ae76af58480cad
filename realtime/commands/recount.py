"""`recount`: rebuild every counter from the archive, compare, and correct what differs if asked to."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console

from chalicelib.domain import heartbeat
from chalicelib.domain.definitions.model import DefinitionRow, Definitions
from chalicelib.domain.stream.amounts import SCALE
from chalicelib.domain.stream.attribution import NO_VARIANT
from chalicelib.domain.stream.counters import (
    CountedScope,
    Counters,
    Sums,
    experiment_scope,
    flag_scope,
    format_day,
)
from realtime.recount.archive_lines import RawArchive, read_groups
from realtime.recount.differences import Comparison, Difference, compare, make_corrections, sum_items
from realtime.recount.expected import Expected, Flags, Reader


def recount(
    console: Console,
    definitions: Definitions,
    counters: Counters,
    archive: RawArchive,
    now: float,
    *,
    experiment: str | None = None,
    flag: str | None = None,
    metric: str | None = None,
    repair: bool = False,
    as_json: bool = False,
) -> int:
    """Returns the exit status: 1 if they differ, and stay so. Raises ValueError or ArchiveError."""
    versions = definitions.get_versions()
    scopes = list_scopes(versions, experiment, flag)
    if metric is not None and metric not in list_named_types(versions):
        raise ValueError(f"--metric: no definition counts {metric}: add it to an experiment's metrics first")
    counted = _read_counters(counters, scopes)  # before the archive, which has each event first
    reader = Reader(counted.positions, scopes, list_flag_variants(versions), now)
    for lines in read_groups(archive):
        reader.add_lines(lines)
    expected = reader.expected
    comparison = compare(sum_items(counted.items), expected)
    repaired: list[Difference] = []
    if metric is not None and comparison.differences:
        raise ValueError("--metric: counters and archive differ already; look at `recount`, then --repair")
    if metric is not None:
        repaired = compare(sum_items(counted.items), expected, {metric}).differences
    elif repair:
        repaired = comparison.differences
    failed = _correct(counters, repaired, counted)
    _show(console, archive.name, comparison, expected, repaired, failed, as_json=as_json)
    is_open = bool(comparison.differences) and not repaired
    return int(is_open or bool(expected.late) or bool(failed))


def list_scopes(versions: Sequence[DefinitionRow], experiment: str | None, flag: str | None) -> set[str]:
    """Of every iteration that was ever published. Raises ValueError for a key that never was."""
    scopes = set()
    for row in versions:
        if (row.kind == "experiment" and (experiment or row.key) == row.key and not flag) or (
            row.kind == "flag" and (flag or row.key) == row.key and not experiment
        ):
            scopes |= set(_list_scopes_of(row))
    if not scopes and (experiment or flag):
        kind, key = ("experiment", experiment) if experiment else ("flag", flag)
        raise ValueError(f"no {kind} {key!r} was ever published")
    return scopes


def list_named_types(versions: Sequence[DefinitionRow]) -> set[str]:
    """Types of events that any version counts."""
    rows = (json.loads(row.text) for row in versions if row.kind == "experiment" and row.text)
    return {event_type for data in rows for event_type in data.get("metrics", ())}


def list_flag_variants(versions: Sequence[DefinitionRow]) -> Flags:
    """Of all versions of each flag. None: written rules may serve the variant of any definition."""
    variants: dict[str, set[str] | None] = {}
    for row in versions:
        if row.kind != "flag" or not row.text or row.key == heartbeat.FLAG:
            continue
        data = json.loads(row.text)
        known = variants.setdefault(row.key, set())
        if known is None or data.get("rules") is not None:
            variants[row.key] = None
            continue
        written = data.get("variants") or ["on", "off"]
        keys = [each["key"] if isinstance(each, dict) else each for each in written]
        variants[row.key] = known | {*keys, NO_VARIANT}
    return variants


def _list_scopes_of(row: DefinitionRow) -> Iterator[str]:
    if row.kind == "flag":
        yield flag_scope(row.key)
    elif row.text:
        data = json.loads(row.text)
        changed = (change["set"].get("iteration") for change in data.get("changes", ()))
        for iteration in (data.get("iteration", 1), *filter(None, changed)):
            yield experiment_scope(data.get("id") or row.key, iteration)


def _read_counters(counters: Counters, scopes: set[str]) -> CountedScope:
    counted = CountedScope([], {})
    for scope in sorted(scopes):
        items, positions = counters.read_positions(scope)
        counted.items.extend(items)
        counted.positions.update(positions)
    return counted


def _correct(counters: Counters, differences: Sequence[Difference], counted: CountedScope) -> list[str]:
    """The places that somebody else corrected at the same time."""
    return [
        _describe_place(difference)
        for difference, (correction, position) in zip(
            differences, make_corrections(differences, counted.positions), strict=True
        )
        if counters.add(correction, position) is not None
    ]


def _show(
    console: Console,
    archive: str,
    comparison: Comparison,
    expected: Expected,
    repaired: Sequence[Difference],
    failed: Sequence[str],
    *,
    as_json: bool,
) -> None:
    if as_json:
        print(json.dumps(_write(archive, comparison, expected, repaired, failed)))
        return
    for line in _describe(archive, comparison, expected, repaired, failed):
        console.print(line, highlight=False, markup=False)


def _describe(
    archive: str,
    comparison: Comparison,
    expected: Expected,
    repaired: Sequence[Difference],
    failed: Sequence[str],
) -> Iterator[str]:
    for difference in comparison.differences or repaired:
        counted, archived = _format_sums(difference.counted), _format_sums(difference.archived)
        yield f"{_describe_place(difference)}: counted {counted}, archived {archived}"
    for scope, events in sorted(expected.late.items()):
        yield (
            f"{scope}: {events:,} archived events are not counted yet. Look at `status` and "
            "`quarantine batches`; they are not corrected, because they may still be counted."
        )
    for event_type, counted_as, events in comparison.could_move:
        yield (
            f"{events:,} events of {event_type} counted as {counted_as}. Once a definition counts the type, "
            f"`recount --metric` counts them back."
        )
    if comparison.not_archived:
        first, last = (format_day(comparison.not_archived[index]) for index in (0, -1))
        count = len(comparison.not_archived)
        yield f"Not compared: {count:,} days from {first} to {last}, of which the archive has no line."
    for place in failed:
        yield f"{place}: somebody else corrects it just now; run recount again."
    verdict = f"{len(comparison.differences):,} differ." if comparison.differences else "All agree."
    if repaired:
        verdict += f" {len(repaired) - len(failed):,} are corrected, each by an entry of its own."
    yield f"{comparison.places:,} counters compared with {expected.lines:,} events of {archive}. {verdict}"


def _describe_place(difference: Difference) -> str:
    scope, variant, event_type, currency, day = difference.place
    return " ".join(filter(None, (scope, variant, event_type, currency, format_day(day))))


def _format_sums(sums: Sums) -> str:
    return f"{sums.count:,} ({sums.total / SCALE:,.2f})" if sums.squares else f"{sums.count:,}"


def _write(
    archive: str,
    comparison: Comparison,
    expected: Expected,
    repaired: Sequence[Difference],
    failed: Sequence[str],
) -> Mapping[str, Any]:
    return {
        "archive": archive,
        "events": expected.lines,
        "counters": comparison.places,
        "differences": [_write_difference(each) for each in comparison.differences],
        "late": expected.late,
        "could_count_back": [each._asdict() for each in comparison.could_move],
        "days_not_archived": [format_day(day) for day in comparison.not_archived],
        "corrected": len(repaired) - len(failed),
        "not_corrected": list(failed),
    }


def _write_difference(difference: Difference) -> Mapping[str, Any]:
    place = difference.place._asdict() | {"day": format_day(difference.place.day)}
    sides = {"counted": difference.counted, "archived": difference.archived}
    return place | {
        name: {"count": sums.count, "sum": sums.total / SCALE, "sum_squares": sums.squares / SCALE**2}
        for name, sums in sides.items()
    }
