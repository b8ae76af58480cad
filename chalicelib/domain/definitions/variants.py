"""Variants as users write them: a list or a mapping, with allocations or weights."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Literal

from pydantic import (
    JsonValue,
)

from chalicelib.domain.definitions.field_types import Document, Key, Share, Weight
from chalicelib.domain.spelling import suggest

FlagType = Literal["boolean", "string", "integer", "float", "object", "any"]
PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "string": (str,),
    "integer": (int,),
    "float": (float,),
    "object": (dict, list),
}


class VariantDocument(Document):
    """``weight`` in place of ``allocation`` is relative: three weights of 1 are thirds."""

    key: Key
    allocation: Share | None = None
    weight: Weight | None = None
    payload: JsonValue = None


class FlagVariantDocument(Document):
    """``name`` is what callers are told in place of the key; null tells none."""

    key: Key
    value: JsonValue = None
    name: str | None = None
    allocation: Share | None = None
    weight: Weight | None = None


def list_variants(variants: dict[str, Any]) -> list[Any]:
    """``{control: grey, green: {value: "#0a0", weight: 2}}`` as a list.

    An object with ``value``, or with nothing but fields of a variant, is the variant's fields. Any other is
    the value; ``{value: {…}}`` always is.
    """
    listed = []
    for key, value in variants.items():
        if not _is_variant(value):
            listed.append({"key": key, "value": value})
        elif "value" in value:
            listed.append({"key": key} | refuse_inner_key(key, value))
        else:
            refuse_inner_key(key, value)
            raise ValueError(f"variants.{key}.value: required; a value that is an object is {{value: {{…}}}}")
    return listed


def require_variants(data: dict[str, Any]) -> None:
    if not isinstance(data.get("variants", []), (list, dict)):
        message = "variants: must be a list, or an object with the variants by their keys"
        raise ValueError(message)  # noqa: TRY004 - pydantic reports ValueErrors only


def _is_variant(value: Any) -> bool:
    known = FlagVariantDocument.model_fields.keys()
    return isinstance(value, dict) and bool(value) and ("value" in value or value.keys() <= known)


def refuse_inner_key(key: str, fields: dict[str, Any]) -> dict[str, Any]:
    if "key" in fields:
        raise ValueError(f"variants.{key}.key: is written twice: remove it, the variant's key is {key}")
    return fields


def find_type(variants: Any) -> str:
    """``any`` unless all values are of one type; boolean without variants."""
    if not isinstance(variants, list) or not variants:
        return "boolean"
    values = [variant.get("value") if isinstance(variant, dict) else None for variant in variants]
    for name, types in PYTHON_TYPES.items():
        if all(type(value) in types for value in values):
            return name
    return "any"


def compute_shares(variants: Sequence[VariantDocument] | Sequence[FlagVariantDocument]) -> dict[str, float]:
    """By variant, from allocations or from weights; empty if there are neither."""
    weights = {variant.key: variant.weight for variant in variants}
    allocations = {variant.key: variant.allocation for variant in variants}
    if any(weight is not None for weight in weights.values()):
        if any(share is not None for share in allocations.values()):
            raise ValueError("variants: write either weights or allocations, not both")
        total = sum((Decimal(str(weight or 0)) for weight in weights.values()), Decimal(0))
        if not total:
            raise ValueError("variants: one weight must be above 0")
        return {key: float(Decimal(str(weight or 0)) / total) for key, weight in weights.items()}
    if any(share is not None for share in allocations.values()):
        return {key: share or 0.0 for key, share in allocations.items()}
    return {}


def require_unique(keys: Sequence[str]) -> Sequence[str]:
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"variants: the key {key!r} occurs twice")
    return keys


def require_variant(variant: str, keys: Sequence[str], field: str) -> None:
    if variant not in keys:
        hint = suggest(variant, keys)
        raise ValueError(f"{field}: no variant {variant!r}; there are {', '.join(keys)}{hint}")


def require_sum_of_one(shares: Sequence[float]) -> None:
    total = sum((Decimal(str(share)) for share in shares), Decimal(0))
    if abs(total - 1) > Decimal("1e-9"):
        raise ValueError(f"variants: the allocations sum to {total.normalize():f}, they must sum to 1")


def suggest_number(kind: FlagType) -> str:
    return {"float": " (write 1.0, not 1)", "integer": " (write 1, not 1.0)"}.get(kind, "")
