"""Warnings about parts of a hash: gaps, empty ranges, gates on the hash of the split, missing units."""

from collections.abc import Iterator
from itertools import chain

from chalicelib.domain.errors import Problem
from chalicelib.domain.publishing.lint.shard_places import (
    Shard,
    Split,
    find_gaps,
    get_scheme,
    identify_hash,
    is_empty_range,
    read_shard,
    read_split,
)
from chalicelib.domain.publishing.lint.written_rules import Json, Place, Rule, Serve

MAX_GAPS = 3
"""That a warning names."""


def lint_splits(rule: Rule) -> Iterator[Problem]:
    shards = list(list_shards(rule))
    for shard in shards:
        yield from _lint_ranges(shard)
        yield from lint_missing_unit(shard.place)
    outer = [shard for each in (*rule.outer, rule) for shard in list_shards(each)]
    for serve in rule.list_serves():
        split = read_split(serve)
        if split is not None:
            yield from lint_missing_unit(split.place)
            yield from _lint_independence(split, outer)
        if serve.arms or _has_arms(serve):
            yield from _lint_arms(serve, split)


def list_shards(rule: Rule) -> Iterator[Shard]:
    for condition in chain(rule.when.walk(), *(gate.walk() for gate in rule.gates)):
        shard = read_shard(condition, rule.place)
        if shard is not None:
            yield shard


def lint_missing_unit(place: Place) -> Iterator[Problem]:
    """Of a unit that a rule or a shard has; the definition's own is `lint_own_unit`'s."""
    if not place.is_settled and place.unit_path != "unit":
        yield warn_of_missing_unit(place)


def warn_of_missing_unit(place: Place) -> Problem:
    message = (
        "requests without it are errors (400): write missing: exclude beside it to leave them out, "
        "or missing: error if that is meant"
    )
    return Problem(place.unit_path, message)


def _lint_ranges(shard: Shard) -> Iterator[Problem]:
    if shard.ranges == []:
        yield Problem(f"{shard.path}.ranges", "is empty: nobody is in it")
    for index, (low, high) in enumerate(shard.ranges or []):
        is_written = low != 0 or high != 0  # below: 0 is a rollout that has not begun
        if is_written and is_empty_range(shard.form, low, high, closed=shard.is_closed):
            yield Problem(f"{shard.path}.ranges[{index}]", "is empty: nobody is in it")


def _has_arms(serve: Serve) -> bool:
    return isinstance(serve.written, dict) and serve.written.get("split") == []


def _lint_arms(serve: Serve, split: Split | None) -> Iterator[Problem]:
    if split is None:
        return
    path = f"{split.path}.split"
    if not split.arms:
        yield Problem(path, "has no arms: nobody is in it")
        return
    for index, ranges in enumerate(split.arms):
        if all(is_empty_range(split.shard, low, high) for low, high in ranges):
            yield Problem(f"{path}[{index}]", "is empty: nobody is in it; remove it or widen it")
    gaps = [] if _has_else(serve) else find_gaps(split)
    if gaps:
        shown = ", ".join(f"[{low:g}, {high:g})" for low, high in gaps[:MAX_GAPS])
        more = " and more" * (len(gaps) > MAX_GAPS)
        word = "an arm that serves next" if serve.is_else else "else: next"
        message = (
            f"has no arm for {shown}{more}: who is there goes to the next rule; write {word} if that is meant"
        )
        yield Problem(path, message)


def _has_else(serve: Serve) -> bool:
    """Whether it is written what follows where the serve decides nothing."""
    has_own = "else" in serve.rule.fields and not serve.is_else
    return has_own or any("else" in rule.fields for rule in serve.rule.outer)


def _lint_independence(split: Split, shards: list[Shard]) -> Iterator[Problem]:
    identity = identify_hash(split.shard)
    for shard in shards:
        if identify_hash(shard.form) == identity and not _is_inside(split, shard):
            scheme = split.shard["scheme"]
            fix = "write another half" if scheme == "realtime-1" else "write another prefix, suffix or seed"
            yield Problem(
                split.of_path,
                f"is the hash of {shard.path} too, so the split depends on it: {fix} in one of them",
            )
            return


def _is_inside(split: Split, shard: Shard) -> bool:
    """Whether all arms lie within the ranges of the shard: its author has seen that it is one hash."""
    end = get_scheme(split.shard).end
    arms = [pair for ranges in split.arms for pair in ranges if pair[0] < pair[1]]
    covered: list[Json] = sorted(shard.ranges or [])
    if covered == [[0, end]]:
        return False
    return all(any(start <= low and high <= stop for start, stop in covered) for low, high in arms)
