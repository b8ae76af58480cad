"""GrowthBook's shards: the ranges of a split, gates, and what is left of ranges that overlap."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from realtime.migration.model import Json, Refused
from realtime.migration.rule_parts import require, unit_of

Fields = Mapping[str, Any]
Range = tuple[float, float]


def clamp(pair: Json, path: str) -> Range:
    if len(require(pair, list, path)) != 2:
        raise Refused(path, "must be two numbers")
    low, high = (require(each, (int, float), path) for each in pair)
    return max(low, 0), min(high, 1)


def make_shard(seed: Json, unit: Json, version: Json) -> dict[str, Json] | None:
    """None for an unknown version of the hash."""
    if version not in (1, 2):
        return None
    text = {"suffix": str(seed)} if version == 1 else {"prefix": str(seed)}
    shard: dict[str, Json] = {"scheme": f"fnv1a16-{version}", **text}
    if unit and unit != "id":
        shard |= {"unit": unit_of(unit), "as": "js-unit"}
    return shard


def make_gate(seed: Json, unit: Json, version: Json, ranges: Iterable[Range]) -> Json:
    shard = make_shard(seed, unit, version)
    places = [list(each) for each in ranges if each[0] < each[1]]
    return False if shard is None or not places else {**shard, "ranges": places}


def make_closed_gate(seed: Json, unit: Json, version: Json, coverage: float) -> Json:
    """A forced value includes the end of its coverage."""
    shard = make_shard(seed, unit, version)
    return False if shard is None else {**shard, "below": min(coverage, 1), "closed": True}


def find_ranges(rule: Fields, weights: Json, count: int, path: str) -> list[Range]:
    if rule.get("ranges"):
        return [clamp(each, f"{path}.ranges") for each in rule["ranges"]]
    written = (
        1 if rule.get("coverage") is None else require(rule["coverage"], (int, float), f"{path}.coverage")
    )
    coverage = min(max(written, 0), 1)
    equal = [1 / count] * count
    weights = [require(each, (int, float), f"{path}.weights") for each in weights or equal]
    total: float = 0
    for weight in weights:
        total += weight
    if len(weights) != count or total < 0.99 or total > 1.01:
        weights = equal
    ranges, start = [], 0
    for weight in weights:
        ranges.append(clamp([start, start + coverage * weight], path))
        start += weight
    return ranges


def make_arms(ranges: Sequence[Range], served: Sequence[Json]) -> list[dict[str, Json]]:
    """Of ranges that overlap the first counts; those without a variation are gaps."""
    arms: list[dict[str, Json]] = []
    taken: list[Range] = []
    for index, place in enumerate(ranges):
        free = _subtract(place, taken)
        taken.append(place)
        if free and index < len(served):
            arms.append({"ranges": [list(each) for each in free], "serve": served[index]})
    return arms


def _subtract(place: Range, taken: Sequence[Range]) -> list[Range]:
    free = [place]
    for low, high in taken:
        if low < high:
            free = [part for start, end in free for part in ((start, min(end, low)), (max(start, high), end))]
            free = [(start, end) for start, end in free if start < end]
    return [(start, end) for start, end in free if start < end]
