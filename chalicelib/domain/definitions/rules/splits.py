"""Written splits: by weights of variants, or by arms on a shard of any scheme."""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Any

from chalicelib.domain.bucketing import BUCKETS, compute_upper_bounds
from chalicelib.domain.definitions.rules.shards import make_half, read_place, read_scheme, require_bucket
from chalicelib.domain.definitions.rules.syntax import Json, Scope, require_fields, require_list
from chalicelib.domain.general_form.problems import InvalidForm
from chalicelib.domain.general_form.schemes import SCHEMES, Number
from chalicelib.domain.general_form.shards import parse_ranges
from chalicelib.domain.reasons import Reason

MAX_WEIGHT = 10**9
_PLACES = ("ranges", "to", "rest")


def read_weights(weights: Mapping[str, Any], path: str) -> dict[str, float]:
    """Relative weights as shares: three weights of 1 are thirds. Percentages are weights too."""
    numbers = {variant: _read_weight(weight, f"{path}.{variant}") for variant, weight in weights.items()}
    total = sum(numbers.values())
    if not total:
        raise InvalidForm(path, "must have a weight above 0")
    return {variant: number / total for variant, number in numbers.items()}  # type: ignore[misc]


def _read_weight(weight: Json, path: str) -> Decimal:
    text = weight.strip().removesuffix("%") if isinstance(weight, str) else weight
    try:
        number = Decimal(str(text)) if type(text) in (str, int, float) else Decimal(-1)
    except InvalidOperation:
        number = Decimal(-1)
    if not number.is_finite() or not 0 <= number < MAX_WEIGHT:
        raise InvalidForm(path, "must be a weight: a number of at least 0")
    return number


def split_by_shares(
    shares: Mapping[str, float], path: str, scope: Scope, reason: Reason, is_inside: bool
) -> Json:
    """By the service's own hash."""

    def serve(variant: str) -> Json:
        return {"variant": variant, "reason": reason.value, "enabled": is_inside}

    return divide(shares, serve, lambda: _make_own_shard(path, scope))


def divide(shares: Mapping[str, float], serve: Callable[[str], Json], make_shard: Callable[[], Json]) -> Json:
    """What ``serve`` makes of each variant, for its share of a shard in buckets; one alone needs none."""
    owners = {variant: share for variant, share in shares.items() if share > 0}
    if len(owners) == 1:
        return serve(*owners)
    start, arms = 0, []
    for variant, end in zip(owners, compute_upper_bounds(owners.values()), strict=True):
        arms.append({"ranges": [[start, end]], "serve": serve(variant)})
        start = end
    return {"split": make_shard(), "arms": arms}


def translate_arms(
    fields: Mapping[str, Any], path: str, scope: Scope, translate_serve: Callable[[Json, str], Json]
) -> Json:
    """Each arm has a place of the shard, and what it serves."""
    shard = _read_shard(fields, path, scope)
    scheme = SCHEMES[shard["scheme"]].build(shard)
    arms, bounds = [], []
    start: Number = 0
    for index, arm in enumerate(require_list(fields["split"], f"{path}.split")):
        where = f"{path}.split[{index}]"
        parts = require_fields(arm, where, (*_PLACES, "serve"))
        if sum(name in parts for name in _PLACES) != 1 or "serve" not in parts:
            raise InvalidForm(where, "must have serve, and one of ranges, to, rest")
        ranges = parts.get("ranges")
        if "to" in parts:
            end = read_place(parts["to"], start, scheme.end, f"{where}.to")
            ranges, start = [[start, end]], end
        elif "rest" in parts:
            if parts["rest"] is not True:
                raise InvalidForm(f"{where}.rest", "must be true; remove the arm if it has no part")
            ranges = [[start, scheme.end]]
        found = parse_ranges(ranges, scheme, f"{where}.ranges")
        bounds += [(low, high, index) for low, high in found]
        arms.append({"ranges": ranges, "serve": translate_serve(parts["serve"], f"{where}.serve")})
    _refuse_overlaps(bounds, f"{path}.split")
    return {"split": shard, "arms": arms}


def _refuse_overlaps(bounds: list[tuple[int, int, int]], path: str) -> None:
    """``bounds`` are (start, end, index of the arm)."""
    for (_, end, index), (start, _, following) in pairwise(sorted(bounds)):
        if start < end:
            first, second = sorted((index, following))
            other = f"split[{first}]" if first != second else "a range of its own"
            raise InvalidForm(f"{path}[{second}]", f"overlaps {other}")


def _read_shard(fields: Mapping[str, Any], path: str, scope: Scope) -> Json:
    if "of" not in fields:
        return _make_own_shard(path, scope)
    of = fields["of"]
    if not isinstance(of, dict) or "scheme" not in of:
        raise InvalidForm(f"{path}.of", "must be a shard, with scheme")
    return read_scheme(of, f"{path}.of", scope)


def _make_own_shard(path: str, scope: Scope) -> Json:
    require_bucket(scope.missing, BUCKETS, path)
    return make_half(scope.prefix, "second", scope.unit, scope.missing)
