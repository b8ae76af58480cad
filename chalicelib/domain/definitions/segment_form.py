"""A segment's document as a condition of the general form."""

from chalicelib.domain.bucketing import BUCKETS
from chalicelib.domain.definitions.rules.conditions import translate_condition
from chalicelib.domain.definitions.rules.shards import make_share, require_bucket
from chalicelib.domain.definitions.rules.syntax import Json, References, Scope, read_buckets
from chalicelib.domain.definitions.rules.units import read_unit
from chalicelib.domain.definitions.schema import SegmentDocument


def translate_segment(document: SegmentDocument, references: References | None = None) -> Json:
    """Who is included; and of those whom ``when`` describes a share, without who is excluded.

    Raises InvalidForm; ``references`` collects what the condition refers to.
    """
    unit, missing = ("user", None) if document.unit is None else read_unit(document.unit, "unit")
    scope = Scope(document.key, "", unit, missing or "out", {}, references or References())
    described = [translate_condition(document.when, "when", scope)]
    if document.share is not None:
        require_bucket(scope.missing, BUCKETS, "unit.missing")
        buckets = read_buckets(document.share, "share")
        described.append(make_share(document.salt or document.key, unit, scope.missing, buckets))
    if document.exclude:
        described.insert(0, {"not": _is_one_of(document.exclude)})
    condition: Json = described[0] if len(described) == 1 else {"all": described}
    return {"any": [_is_one_of(document.include), condition]} if document.include else condition


def _is_one_of(users: list[str]) -> Json:
    return {"test": "in", "of": "user", "value": list(users)}
