"""The shards of written rules as the engine sees them: their hash, their ranges, and who is in none."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from chalicelib.domain.bucketing import BUCKETS
from chalicelib.domain.definitions.rules.shards import (
    make_half,
    read_scheme,
    translate_holdout,
    translate_layer,
    translate_scheme,
    translate_share,
    translate_traffic,
)
from chalicelib.domain.definitions.rules.splits import read_weights
from chalicelib.domain.general_form.schemes import SCHEMES, Scheme, find_bound
from chalicelib.domain.publishing.lint.written_rules import Condition, Json, Place, Serve

Range = tuple[Any, Any]
_TRANSLATORS = {
    "traffic": translate_traffic,
    "layer": translate_layer,
    "holdout": translate_holdout,  # it has a share, too
    "share": translate_share,
    "scheme": translate_scheme,
}
_SMALLEST_GAP = 1e-9
"""Of the whole. Less is what sums of doubles lose."""


class Shard(NamedTuple):
    """A condition that is a shard, or a gate. ``form`` is the shard in the general form."""

    path: str
    form: Json
    ranges: list[list[Any]] | None
    is_closed: bool
    place: Place


class Split(NamedTuple):
    """``of_path`` is where its hash is written. ``arms`` has the ranges of each."""

    path: str
    of_path: str
    shard: Json
    arms: list[list[list[Any]]]
    place: Place


def read_shard(condition: Condition, place: Place) -> Shard | None:
    """None for another condition, and for a share of nobody or of everybody, which needs no unit."""
    written = condition.written
    if not isinstance(written, dict) or condition.is_test:
        return None
    kind = next((kind for kind in _TRANSLATORS if kind in written), None)
    if kind is None:
        return None
    form = _TRANSLATORS[kind](written, "", place.scope)
    if isinstance(form, bool):
        return None
    inner = form.get("not", form)
    ranges, is_closed = inner.get("ranges"), inner.get("closed", False)
    place = place.read_unit(written, f"{condition.path}.")
    return Shard(condition.path, inner["shard"], ranges, is_closed, place)


def read_split(serve: Serve) -> Split | None:
    """None if nothing is divided: another serve, or one variant that has all of it."""
    written, place = serve.written, serve.rule.place
    if not isinstance(written, dict) or "split" not in written:
        return _split_own(serve) if written == "split" and place.split_variants > 1 else None
    if isinstance(written["split"], dict):
        shares = read_weights(written["split"], "").values()
        return _split_own(serve) if sum(share > 0 for share in shares) > 1 else None
    of_path = serve.path
    if "of" in written:
        of_path = f"{serve.path}.of"
        shard = read_scheme(written["of"], "", place.scope)
        place = place.read_unit(written["of"], f"{of_path}.")
    else:
        shard = make_half(place.scope.prefix, "second", place.scope.unit, place.scope.missing)
    return Split(serve.path, of_path, shard, list(_read_arms(written["split"], shard)), place)


def find_gaps(split: Split) -> list[Range]:
    """In the scheme's numbers, ascending."""
    scheme = get_scheme(split.shard)
    ranges = sorted((low, high) for arm in split.arms for low, high in arm)
    gaps, reached = [], 0
    for low, high in [*ranges, (scheme.end, scheme.end)]:
        is_wide = low - reached > scheme.end * _SMALLEST_GAP
        if is_wide and find_bound(scheme, low) > find_bound(scheme, reached):
            gaps.append((reached, low))
        reached = max(reached, high)
    return gaps


def is_empty_range(shard: Json, low: Any, high: Any, *, closed: bool = False) -> bool:
    scheme = get_scheme(shard)
    return find_bound(scheme, low) >= find_bound(scheme, high, closed=closed)


def get_scheme(shard: Json) -> Scheme:
    return SCHEMES[shard["scheme"]].build(shard)


def identify_hash(shard: Json) -> tuple[Any, ...]:
    """Equal for shards that put the same users at the same places."""
    scheme = get_scheme(shard)
    unit = json.dumps(shard.get("unit", "user"), sort_keys=True)
    return *scheme.identity, scheme.half, unit, shard.get("as", "unit")


def _split_own(serve: Serve) -> Split:
    """By weights, which leave no gap."""
    place = serve.rule.place
    shard = make_half(place.scope.prefix, "second", place.scope.unit, place.scope.missing)
    return Split(serve.path, serve.path, shard, [[[0, BUCKETS]]], place)


def _read_arms(arms: list[Json], shard: Json) -> Iterator[list[list[Any]]]:
    start: Any = 0
    end = get_scheme(shard).end
    for arm in arms:
        if "ranges" in arm:
            yield arm["ranges"]
        elif "to" in arm:
            yield [[start, arm["to"]]]
            start = arm["to"]
        else:
            yield [[start, end]]
