"""Written shares of units: traffic, layers, holdouts, and shards of any scheme."""

from collections.abc import Mapping
from typing import Any

from chalicelib.domain.bucketing import BUCKETS, Kind, make_prefix, share_to_buckets
from chalicelib.domain.definitions.rules.operands import read_missing_unit, read_reader, read_time, read_unit
from chalicelib.domain.definitions.rules.syntax import (
    Json,
    Scope,
    read_bucket_ranges,
    read_buckets,
    require_fields,
    require_key,
)
from chalicelib.domain.general_form.conditions import compile_condition
from chalicelib.domain.general_form.problems import InvalidForm
from chalicelib.domain.general_form.schemes import PARAMETERS, SCHEMES
from chalicelib.domain.general_form.shards import parse_shard

UNIT_FIELDS = ("unit", "as", "missing")
_RAMP = ("from", "to", "start", "end")


def make_half(prefix: str, half: str, unit: Json, missing: Json) -> Json:
    """A shard on one half of the hash of ``prefix`` and the unit."""
    shard = {"scheme": "realtime-1", "prefix": prefix, "half": half}
    if unit != "user":
        shard |= {"unit": unit, "as": "unit"}
    return shard if missing == "out" else shard | {"missing": missing}


def translate_traffic(gate: Mapping[str, Any], path: str, scope: Scope) -> Json:
    """The definition's own traffic: a percentage, or one that grows from one time to another."""
    value = require_fields(gate, path, ("traffic", *UNIT_FIELDS))["traffic"]
    unit, missing = _read_unit_fields(gate, path, scope)
    shard = make_half(scope.prefix, "first", unit, missing)
    if isinstance(value, dict):
        return {"shard": shard, "below": read_ramp(value, f"{path}.traffic")}
    return _place_below(shard, read_buckets(value, f"{path}.traffic"))


def _place_below(shard: Json, buckets: int) -> Json:
    """Nobody and everybody need no unit."""
    if buckets in (0, BUCKETS):
        return buckets == BUCKETS
    return {"shard": shard, "ranges": [[0, buckets]]}


def read_ramp(value: Json, path: str) -> Json:
    """``{from: 0%, to: 100%, start: …, end: …}``: linear between the two times."""
    fields = require_fields(value, path, _RAMP)
    for name in _RAMP:
        if name not in fields:
            raise InvalidForm(f"{path}.{name}", "required")
    start, end = (read_time(fields[name], f"{path}.{name}") for name in ("start", "end"))
    if start >= end:
        raise InvalidForm(f"{path}.end", "must be after start")
    low, high = (read_buckets(fields[name], f"{path}.{name}") for name in ("from", "to"))
    return {"from": [start, low], "to": [end, high]}


def translate_share(condition: Mapping[str, Any], path: str, scope: Scope) -> Json:
    """A share of units, by a salt of its own: ``{share: 20%, salt: beta}``."""
    fields = require_fields(condition, path, ("share", "salt", *UNIT_FIELDS))
    if "salt" not in fields:
        raise InvalidForm(f"{path}.salt", "required: equal salts choose the same users")
    unit, missing = _read_unit_fields(fields, path, scope)
    prefix = make_prefix("rule", require_key(fields["salt"], f"{path}.salt"))
    return _place_below(
        make_half(prefix, "first", unit, missing), read_buckets(fields["share"], f"{path}.share")
    )


def translate_holdout(gate: Mapping[str, Any], path: str, scope: Scope) -> Json:
    """Everybody but the first ``share`` of a holdout's users."""
    fields = require_fields(gate, path, ("holdout", "share", *UNIT_FIELDS))
    if "share" not in fields:
        raise InvalidForm(f"{path}.share", "required: who is held out, such as 5%")
    shard = _make_shared_half("holdout", fields["holdout"], fields, path, scope)
    return {"not": {"shard": shard, "ranges": [[0, read_buckets(fields["share"], f"{path}.share")]]}}


def translate_layer(gate: Mapping[str, Any], path: str, scope: Scope) -> Json:
    """The part of a layer's users that this definition owns."""
    fields = require_fields(gate, path, ("layer", "ranges", *UNIT_FIELDS))
    if "ranges" not in fields:
        raise InvalidForm(f"{path}.ranges", "required: what this definition owns, such as [[0%, 50%]]")
    shard = _make_shared_half("layer", fields["layer"], fields, path, scope)
    ranges = read_bucket_ranges(fields["ranges"], f"{path}.ranges")
    for start, end in ranges:
        scope.references.layers.append((fields["layer"], start, end, f"{path}.ranges"))
    return {"shard": shard, "ranges": ranges}


def _make_shared_half(kind: Kind, key: Json, fields: Mapping[str, Any], path: str, scope: Scope) -> Json:
    unit, missing = _read_unit_fields(fields, path, scope)
    return make_half(make_prefix(kind, require_key(key, f"{path}.{kind}")), "first", unit, missing)


def shard_of_shares(kind: Kind, key: str, start: float, end: float, unit: Json, missing: Json) -> Json:
    """The units of a layer or a holdout between two shares."""
    shard = make_half(make_prefix(kind, key), "first", unit, missing)
    return {"shard": shard, "ranges": [[share_to_buckets(start), share_to_buckets(end)]]}


def translate_scheme(condition: Mapping[str, Any], path: str, scope: Scope) -> Json:
    """A shard of any scheme, with ``ranges`` or ``below`` in the scheme's own numbers."""
    shard = read_scheme(condition, path, scope, ("ranges", "below", "closed"))
    if ("ranges" in condition) == ("below" in condition):
        raise InvalidForm(path, "must have either ranges or below, in the scheme's numbers")
    ranges = condition.get("ranges", [[0, condition.get("below")]])
    form = {"shard": shard, "ranges": ranges}
    if "closed" in condition:
        form["closed"] = condition["closed"]
    try:
        compile_condition(form, "")
    except InvalidForm as error:
        name = "ranges" if "ranges" in condition else "below"
        inner = error.problem.path.removeprefix(".ranges") if name == "ranges" else ""
        raise InvalidForm(f"{path}.{name}{inner}", error.problem.message) from None
    return form


def read_scheme(fields: Mapping[str, Any], path: str, scope: Scope, others: tuple[str, ...] = ()) -> Json:
    require_fields(fields, path, ("scheme", *PARAMETERS, *UNIT_FIELDS, *others))
    unit, missing = _read_unit_fields(fields, path, scope)
    shard = {name: fields[name] for name in ("scheme", *PARAMETERS) if name in fields}
    if unit != "user" or "as" in fields:
        shard |= {"unit": unit, "as": read_reader(fields.get("as"), f"{path}.as") or "unit"}
    shard |= {"missing": missing} if missing != "out" else {}
    if fields["scheme"] not in SCHEMES:
        raise InvalidForm(f"{path}.scheme", f"must be one of {', '.join(SCHEMES)}")
    try:
        parse_shard(shard, "")
    except InvalidForm as error:
        raise InvalidForm(f"{path}{error.problem.path}", error.problem.message) from None
    return shard


def _read_unit_fields(fields: Mapping[str, Any], path: str, scope: Scope) -> tuple[Json, Json]:
    """The unit, and what a missing one means: as the definition says unless it is written here."""
    unit, missing = scope.unit, None
    if "unit" in fields:
        unit, missing = read_unit(fields["unit"], f"{path}.unit")
    if "missing" in fields:
        missing = read_missing_unit(fields["missing"], f"{path}.missing")
    return unit, scope.missing if missing is None else missing
