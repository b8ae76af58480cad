"""What is wrong between definitions that are each right by themselves; `publish` refuses the set for it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from graphlib import CycleError, TopologicalSorter

from chalicelib.domain.bucketing import BUCKETS, share_to_buckets
from chalicelib.domain.definitions.model import DefinitionKind
from chalicelib.domain.definitions.schema import ExperimentDocument, FlagDocument
from chalicelib.domain.errors import Problem

MOST_LEVELS, MOST_PREREQUISITES = 20, 100
"""Of prerequisites of prerequisites, and of all of them together: whoever asks for a flag waits for them."""
Misfit = tuple[tuple[DefinitionKind, str], Problem]
"""Kind and key of a definition, and a problem with a path inside of it."""


def check(experiments: Sequence[ExperimentDocument], flags: Sequence[FlagDocument]) -> list[Misfit]:
    """``experiments`` and ``flags`` are all that will be in force, each key once."""
    owners = [one for one in experiments if one.status != "completed"]
    return [
        *_same_ids(experiments),
        *_overlaps(owners),
        *_holdouts(owners),
        *_prerequisites({flag.key: flag for flag in flags}),
    ]


def unclear(document: ExperimentDocument | FlagDocument) -> list[Problem]:
    """What would not be done as it is written. Whatever was published before this was refused goes on."""
    if not isinstance(document, FlagDocument):
        return []
    percentages = {"rollout_percentage": document.rollout_percentage} | {
        f"rollout_schedule[{index}].percentage": step.percentage
        for index, step in enumerate(document.rollout_schedule)
    }
    rules = document.targeting_rules or {}
    named = {f"rules[{index}]": rule for index, rule in enumerate(rules.get("rules") or ())}
    if rules.get("default_rule"):
        named["default_rule"] = rules["default_rule"]
    return [
        *(
            Problem(
                path, f"must be a multiple of {100 / BUCKETS}: users are divided into {BUCKETS:,} buckets"
            )
            for path, percentage in percentages.items()
            if Decimal(str(percentage)) * BUCKETS % 100
        ),
        *(
            Problem(f"targeting_rules.{path}", "must have a variant or an allocation, not both")
            for path, rule in named.items()
            if {"variant", "allocation"} <= rule.keys()
        ),
    ]


def _same_ids(experiments: Iterable[ExperimentDocument]) -> Iterator[Misfit]:
    """Rows are kept by id: two experiments of one id would share their users' assignments."""
    seen: dict[str, str] = {}
    for one in experiments:
        first = seen.setdefault(one.id or one.key, one.key)
        if first != one.key:
            yield _misfit(one, "id", f"{one.id or one.key!r} is the id of experiment {first!r} already")


def _overlaps(experiments: Iterable[ExperimentDocument]) -> Iterator[Misfit]:
    layers: dict[str, list[tuple[int, int, ExperimentDocument]]] = defaultdict(list)
    for one in experiments:
        if one.layer is not None:
            start, end = share_to_buckets(one.layer.start), share_to_buckets(one.layer.end)
            layers[one.layer.key].append((start, end, one))
    for key, ranges in layers.items():
        ranges.sort(key=lambda each: each[:2])
        widest = ranges[0]
        for each in ranges[1:]:
            if each[0] < widest[1] and widest[2].layer is not None:
                theirs = f"[{widest[2].layer.start}, {widest[2].layer.end}) of {key!r}"
                message = f"overlaps experiment {widest[2].key!r}, which owns {theirs}"
                yield _misfit(each[2], "layer", message)
            widest = max(widest, each, key=lambda one: one[1])


def _holdouts(experiments: Sequence[ExperimentDocument]) -> Iterator[Misfit]:
    shares: dict[str, tuple[float, str]] = {}
    of_all: dict[str, str] = {}
    for one in experiments:
        if one.holdout is None:
            continue
        share, first = shares.setdefault(one.holdout.key, (one.holdout.share, one.key))
        if share != one.holdout.share:
            message = f"must be {share}, the share of holdout {one.holdout.key!r} in experiment {first!r}"
            yield _misfit(one, "holdout.share", message)
        if one.holdout.of_all:
            of_all.setdefault(one.holdout.key, one.key)
    for key, first in of_all.items():
        for one in experiments:
            if one.holdout is None or one.holdout.key != key:
                message = (
                    f"must name holdout {key!r}, which experiment {first!r} says is one of all experiments"
                )
                yield _misfit(one, "holdout", message)


def _prerequisites(flags: Mapping[str, FlagDocument]) -> Iterator[Misfit]:
    graph: dict[str, list[str]] = {}
    for flag in flags.values():
        graph[flag.key] = [item.flag for item in flag.prerequisites]
        for index, item in enumerate(flag.prerequisites):
            path = f"prerequisites[{index}]"
            other = flags.get(item.flag)
            if other is None:
                yield _misfit(flag, f"{path}.flag", f"there is no flag {item.flag!r}")
                continue
            known = [variant.key for variant in other.variants]
            for variant in item.variants:
                if variant not in known:
                    message = f"flag {item.flag!r} has no variant {variant!r}; it has {', '.join(known)}"
                    yield _misfit(flag, f"{path}.variants", message)
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        cycle: list[str] = error.args[1]
        yield _misfit(flags[cycle[0]], "prerequisites", f"go in a circle: {' → '.join(reversed(cycle))}")
        return
    yield from (_misfit(flags[key], "prerequisites", message) for key, message in _too_many(graph, order))


def _too_many(graph: Mapping[str, Sequence[str]], order: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The first flags above each limit; those that ask for them are above it too, and told nothing new."""
    levels: dict[str, int] = {}
    below: dict[str, frozenset[str]] = {}
    for key in order:
        others = [other for other in graph.get(key, ()) if other in levels]
        if len(others) < len(graph.get(key, ())):
            continue
        levels[key] = 1 + max((levels[other] for other in others), default=-1)
        below[key] = frozenset(others).union(*(below[other] for other in others))
        if levels[key] > MOST_LEVELS:
            message = f"are {levels[key]} levels deep, at most {MOST_LEVELS} are allowed"
        elif len(below[key]) > MOST_PREREQUISITES:
            message = f"are {len(below[key])} flags in all, at most {MOST_PREREQUISITES} are allowed"
        else:
            continue
        del levels[key], below[key]
        yield key, message


def _misfit(document: ExperimentDocument | FlagDocument, path: str, message: str) -> Misfit:
    kind: DefinitionKind = "experiment" if isinstance(document, ExperimentDocument) else "flag"
    return (kind, document.key), Problem(path, message)
