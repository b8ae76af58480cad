"""Written shares of units: traffic, layers, holdouts, and shards of any scheme."""

from collections.abc import Mapping
from typing import Any

from chalicelib.domain.bucketing import BUCKETS, Kind, make_prefix, share_to_buckets
from chalicelib.domain.definitions.rules.operands import read_time
from chalicelib.domain.definitions.rules.syntax import (
    Json,
    Scope,
    read_bucket_ranges,
    read_buckets,
    require_boolean,
    require_choice,
    require_fields,
    require_key,
)
from chalicelib.domain.definitions.rules.units import (
    UNIT_READERS,
    read_missing_unit,
    read_unit,
    replace_unit_reader,
)
from chalicelib.domain.general_form.problems import InvalidForm
from chalicelib.domain.general_form.schemes import PARAMETERS, SCHEMES, Number
from chalicelib.domain.general_form.shards import parse_ranges, parse_shard

UNIT_FIELDS = ("unit", "missing")
SCHEME_UNIT_FIELDS = ("unit", "as", "missing")
"""The service's own hash has one way to read a unit."""
_RAMP = ("from", "to", "start", "end")


def make_half(prefix: str, half: str, unit: Json, missing: Json) -> Json:
    """A shard on one half of the hash of ``prefix`` and the unit."""
    shard = {"scheme": "realtime-1", "prefix": prefix, "half": half}
    if unit != "user":
        shard |= {"unit": unit, "as": "unit"}
    return shard if missing == "out" else shard | {"missing": missing}


def translate_traffic(gate: Mapping[str, Any], path: str, scope: Scope) -> Json:
    """The definition's own traffic: a percentage, or one that grows from one time to another."""
    value = _require_share_fields(gate, path, ("traffic",))["traffic"]
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
    fields = _require_share_fields(condition, path, ("share", "salt"))
    if "salt" not in fields:
        raise InvalidForm(f"{path}.salt", "required: equal salts choose the same users")
    unit, missing = _read_unit_fields(fields, path, scope)
    salt = require_key(fields["salt"], f"{path}.salt")
    return make_share(salt, unit, missing, read_buckets(fields["share"], f"{path}.share"))


def make_share(salt: str, unit: Json, missing: Json, buckets: int) -> Json:
    return _place_below(make_half(make_prefix("rule", salt), "first", unit, missing), buckets)


def translate_holdout(gate: Mapping[str, Any], path: str, scope: Scope) -> Json:
    """Everybody but the first ``share`` of a holdout's users."""
    fields = _require_share_fields(gate, path, ("holdout", "share"))
    if "share" not in fields:
        raise InvalidForm(f"{path}.share", "required: who is held out, such as 5%")
    shard = _make_shared_half("holdout", fields["holdout"], fields, path, scope)
    return {"not": {"shard": shard, "ranges": [[0, read_buckets(fields["share"], f"{path}.share")]]}}


def translate_layer(gate: Mapping[str, Any], path: str, scope: Scope) -> Json:
    """The part of a layer's users that this definition owns."""
    fields = _require_share_fields(gate, path, ("layer", "ranges"))
    if "ranges" not in fields:
        raise InvalidForm(f"{path}.ranges", "required: what this definition owns, such as [[0%, 50%]]")
    shard = _make_shared_half("layer", fields["layer"], fields, path, scope)
    ranges = read_bucket_ranges(fields["ranges"], f"{path}.ranges")
    for start, end in ranges:
        scope.references.layers.append((fields["layer"], start, end, f"{path}.ranges"))
    return {"shard": shard, "ranges": ranges}


def _require_share_fields(value: Json, path: str, known: tuple[str, ...]) -> Mapping[str, Json]:
    if isinstance(value, dict) and "as" in value:
        raise InvalidForm(f"{path}.as", "belongs to a shard with a scheme; remove it")
    return require_fields(value, path, (*known, *UNIT_FIELDS))


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
    form: dict[str, Json] = {"shard": shard, "ranges": condition.get("ranges")}
    scheme = SCHEMES[shard["scheme"]].build(shard)
    if "below" in condition:
        form["ranges"] = [[0, read_place(condition["below"], 0, scheme.end, f"{path}.below")]]
    else:
        parse_ranges(condition["ranges"], scheme, f"{path}.ranges")
    if "closed" in condition:
        form["closed"] = require_boolean(condition["closed"], f"{path}.closed")
    return form


def read_place(value: Json, low: Number, high: Number, path: str) -> Number:
    """A number of the shard's scheme."""
    if type(value) not in (int, float) or not low <= value <= high:
        raise InvalidForm(path, f"must be a number from {low} to {high}, as in the shard's scheme")
    return value  # type: ignore[no-any-return]


def read_scheme(fields: Mapping[str, Any], path: str, scope: Scope, others: tuple[str, ...] = ()) -> Json:
    require_fields(fields, path, ("scheme", *PARAMETERS, *SCHEME_UNIT_FIELDS, *others))
    entry = SCHEMES[require_choice(fields["scheme"], SCHEMES, f"{path}.scheme")]
    unit, missing = _read_unit(fields, path, scope)
    shard = {name: fields[name] for name in ("scheme", *PARAMETERS) if name in fields}
    if "as" in fields:
        readers = list_unit_readers(fields["scheme"])
        reader = require_choice(fields["as"], readers, f"{path}.as")
        shard |= {"unit": replace_unit_reader(unit, reader), "as": reader}
    elif "as" in entry.required:
        raise InvalidForm(f"{path}.as", f"required: {', '.join(list_unit_readers(fields['scheme']))}")
    elif unit != "user":
        shard |= {"unit": unit, "as": "unit"}
    try:
        scheme = parse_shard(shard, "").scheme
    except InvalidForm as error:
        raise InvalidForm(f"{path}{error.problem.path}", error.problem.message) from None
    require_bucket(missing, scheme.end, _find_missing(fields, path))
    return shard if missing == "out" else shard | {"missing": missing}


def list_unit_readers(scheme: str) -> tuple[str, ...]:
    """What ``as`` may name: a scheme that needs a reader hashes what ``cbor`` makes of any JSON."""
    return ("cbor",) if "as" in SCHEMES[scheme].required else UNIT_READERS


def _read_unit_fields(fields: Mapping[str, Any], path: str, scope: Scope) -> tuple[Json, Json]:
    """For the service's own hash."""
    unit, missing = _read_unit(fields, path, scope)
    require_bucket(missing, BUCKETS, _find_missing(fields, path))
    return unit, missing


def require_bucket(missing: Json, end: Number, path: str) -> None:
    """That of a missing unit must be one of the shard's numbers."""
    if isinstance(missing, dict) and not 0 <= missing["bucket"] <= end:
        raise InvalidForm(path, f"must be a bucket from 0 to {end} for a unit that is missing")


def _find_missing(fields: Mapping[str, Any], path: str) -> str:
    """Where a shard's ``missing`` is written, or may be."""
    unit = fields.get("unit")
    if "missing" not in fields and isinstance(unit, dict) and "missing" in unit:
        return f"{path}.unit.missing"
    return f"{path}.missing"


def _read_unit(fields: Mapping[str, Any], path: str, scope: Scope) -> tuple[Json, Json]:
    """The unit, and what a missing one means: as the definition says unless it is written here."""
    unit, missing = scope.unit, None
    if "unit" in fields:
        unit, missing = read_unit(fields["unit"], f"{path}.unit")
    if "missing" in fields:
        missing = read_missing_unit(fields["missing"], f"{path}.missing")
    return unit, scope.missing if missing is None else missing
