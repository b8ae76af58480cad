"""Definitions as users write them: pydantic models, which check what one document shows by itself.

``compiler.py`` turns them into the frozen values that decide; ``consistency.py`` checks a set of them.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    model_validator,
)

from chalicelib.domain.bucketing import KEY_PATTERN
from chalicelib.domain.definitions.model import EVENT_TYPE_PATTERN
from chalicelib.domain.definitions.percent import (
    read_percentage,
    read_rule_percentages,
    read_share,
    read_weight,
)
from chalicelib.domain.general_form.readers.times import read_instant
from chalicelib.domain.general_form.values import UNREADABLE
from chalicelib.domain.spelling import suggest

MAX_DEFINITION_BYTES = 350_000
"""As JSON in UTF-8. An item of DynamoDB has at most 400 KB, with attribute names and other attributes."""
Key = Annotated[str, Field(pattern=f"^{KEY_PATTERN}$")]
EventType = Annotated[str, Field(pattern=f"^{EVENT_TYPE_PATTERN}$")]
Share = Annotated[float, Field(ge=0, le=1), BeforeValidator(read_share)]
Percentage = Annotated[float, Field(ge=0, le=100), BeforeValidator(read_percentage)]


def _require_instant(value: Any) -> Any:
    """RFC 3339 with an offset. A number could be seconds or milliseconds; pydantic would guess."""
    if isinstance(value, datetime) or (isinstance(value, str) and read_instant(value) is not UNREADABLE):
        return value
    raise ValueError("must be a date-time with an offset, such as 2026-01-31T09:00:00Z")


def _convert_to_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be in the years 1 to 9999 of UTC") from None


Instant = Annotated[AwareDatetime, BeforeValidator(_require_instant), AfterValidator(_convert_to_utc)]
FlagType = Literal["boolean", "string", "integer", "float", "object", "any"]
Weight = Annotated[float, Field(ge=0, le=1e9), BeforeValidator(read_weight)]
MAX_ALIAS_BYTES = 256
"""In UTF-8."""
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "string": (str,),
    "integer": (int,),
    "float": (float,),
    "object": (dict, list),
}


def _check_alias(alias: str) -> str:
    try:
        size = len(alias.encode())
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode: it has a lone surrogate") from None
    if not 0 < size <= MAX_ALIAS_BYTES:
        raise ValueError(f"must have 1 to {MAX_ALIAS_BYTES} bytes of UTF-8")
    return alias


class Document(BaseModel):
    """It refuses unknown fields: a misspelt field would silently change who sees what."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True, allow_inf_nan=False)


class VariantDocument(Document):
    """``weight`` in place of ``allocation`` is relative: three weights of 1 are thirds."""

    key: Key
    allocation: Share | None = None
    weight: Weight | None = None
    payload: JsonValue = None


class LayerDocument(Document):
    """The range ``[start, end)`` of a layer's users that one experiment owns."""

    key: Key
    start: Share
    end: Share

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.start >= self.end:
            raise ValueError("start must be below end")
        return self


class HoldoutDocument(Document):
    """The share of users who are kept out of each experiment or flag that names this holdout.

    ``of_all``: every experiment must name it. ``measured``: an experiment records and counts those who are
    held out, as the variant ``$holdout``.
    """

    key: Key
    share: Share
    of_all: bool = False
    measured: bool = False


class ChangeDocument(Document):
    """Fields of the definition that change at a time, without another publication."""

    at: Annotated[Instant, Field(strict=False)]
    set: dict[str, JsonValue] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in ("key", "id", "alias", "salt", "changes"):
            if name in self.set:
                raise ValueError(f"set.{name}: cannot change by the clock; publish it")
        return self


class RampDocument(Document):
    """A percentage that grows linearly from ``start`` to ``end``."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    from_: Percentage = Field(alias="from")
    to: Percentage
    start: Annotated[Instant, Field(strict=False)]
    end: Annotated[Instant, Field(strict=False)]

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.start >= self.end:
            raise ValueError("start must be before end")
        return self


class NamedDocument(Document):
    """What every definition has: its key, and what people say of it."""

    key: Key
    name: str | None = None
    description: str | None = None
    owner: str | None = None
    tags: list[str] = []


class SegmentDocument(NamedDocument):
    """A named audience: who is included, and those of ``when`` who are not excluded.

    ``share`` takes a part of those whom ``when`` describes, by ``unit`` and ``salt`` (the key if absent).
    """

    include: list[str] = []
    exclude: list[str] = []
    when: JsonValue = False
    share: JsonValue = None
    salt: Key = ""
    unit: JsonValue = None


class DefinitionDocument(NamedDocument):
    """What experiments and flags have in common; ``id`` and ``salt`` default to the key.

    Callers may ask by ``alias`` too. ``unit`` is what users are divided by.
    """

    id: Key = ""
    alias: Annotated[str, AfterValidator(_check_alias)] | None = None
    unit: JsonValue = None
    changes: list[ChangeDocument] = []
    targeting_rules: Annotated[dict[str, Any] | None, BeforeValidator(read_rule_percentages)] = None
    salt: Key = ""
    overrides: dict[str, str] = {}


class ExperimentDocument(DefinitionDocument):
    """``when`` and ``gates`` are written as in a flag's rules. ``serve`` is the winner, once completed."""

    status: Literal["draft", "active", "paused", "completed"] = "draft"
    serve: Key = ""
    variants: list[VariantDocument] = Field(min_length=1)
    traffic_allocation: Share = 1.0
    when: JsonValue = True
    gates: list[JsonValue] = []
    iteration: int = Field(default=1, ge=1)
    sticky: bool = True
    layer: LayerDocument | None = None
    holdout: HoldoutDocument | None = None
    start_at: Annotated[Instant, Field(strict=False)] | None = None
    end_at: Annotated[Instant, Field(strict=False)] | None = None
    metrics: list[EventType] = []

    @model_validator(mode="after")
    def _check(self) -> Self:
        keys = _require_unique([variant.key for variant in self.variants])
        is_weighted = any(variant.weight is not None for variant in self.variants)
        for index, variant in enumerate(self.variants):
            if (variant.weight if is_weighted else variant.allocation) is None:
                raise ValueError(f"variants[{index}].{'weight' if is_weighted else 'allocation'}: required")
        _require_sum_of_one(list(self.compute_allocations().values()))
        if self.serve:
            _require_variant(self.serve, keys, "serve")
            if self.status != "completed":
                raise ValueError("serve: names the winner of a completed experiment; write status: completed")
        if self.when is not True and self.targeting_rules is not None:
            raise ValueError("when: write either when or targeting_rules, not both")
        for variant_key in self.overrides.values():
            _require_variant(variant_key, keys, "overrides")
        if self.start_at and self.end_at and self.start_at >= self.end_at:
            raise ValueError("start_at must be before end_at")
        _require_ascending([change.at for change in self.changes], "changes")
        return self

    @model_validator(mode="before")
    @classmethod
    def _list_variants(cls, data: Any) -> Any:
        """``{control: 1, treatment: 1}`` are weights; else each has its fields, such as a payload."""
        if not isinstance(data, dict):
            return data
        _require_variants(data)
        if not isinstance(data.get("variants"), dict):
            return data
        listed = []
        for key, value in data["variants"].items():
            if value is None:
                raise ValueError(f"variants.{key}: must be a weight, or fields such as weight and payload")
            fields = _refuse_inner_key(key, value) if isinstance(value, dict) else {"weight": value}
            listed.append({"key": key} | fields)
        return {**data, "variants": listed}

    def compute_allocations(self) -> dict[str, float]:
        return _compute_shares(self.variants)


class FlagVariantDocument(Document):
    """``name`` is what callers are told in place of the key; null tells none."""

    key: Key
    value: JsonValue = None
    name: str | None = None
    allocation: Share | None = None
    weight: Weight | None = None


class PrerequisiteDocument(Document):
    """Another flag must answer one of these variants."""

    flag: Key
    variants: list[Key] = Field(min_length=1)


class RolloutStepDocument(Document):
    at: Annotated[Instant, Field(strict=False)]
    percentage: Percentage


class FlagDocument(DefinitionDocument):
    """With ``rules`` they decide, and ``default`` is served where none does (docs/rules.md).

    Without them ``targeting_rules``, the rollout and the variants' split decide: a short way to write it.
    """

    enabled: bool = True
    type: FlagType
    client_visible: bool = True
    variants: list[FlagVariantDocument] = []
    rules: list[JsonValue] | None = None
    default: JsonValue = None
    default_variant: str = ""
    off_variant: str = ""
    rollout_percentage: Percentage = 100.0
    rollout_schedule: list[RolloutStepDocument] = []
    rollout_ramp: RampDocument | None = None
    layer: LayerDocument | None = None
    holdout: HoldoutDocument | None = None
    end_at: Annotated[Instant, Field(strict=False)] | None = None
    prerequisites: list[PrerequisiteDocument] = []
    bucket_by: str = Field(default="user_id", min_length=1, max_length=100)
    tracking_sample: Share = 1.0

    @model_validator(mode="before")
    @classmethod
    def _add_variants(cls, data: Any) -> Any:
        """Variants as a list, the type that their values show, and the two of a boolean flag."""
        if not isinstance(data, dict):
            return data
        _require_variants(data)
        if isinstance(data.get("variants"), dict):
            data = {**data, "variants": _list_variants(data["variants"])}
        if "type" not in data and ("rules" in data or data.get("variants")):
            data = {"type": _find_type(data.get("variants")), **data}
        if data.get("type") == "boolean" and data.get("variants", []) == []:
            on, off = {"key": "on", "value": True}, {"key": "off", "value": False}
            if "rules" in data:
                return {**data, "variants": [on, off]}
            shared = [on | {"allocation": 1.0}, off | {"allocation": 0.0}]
            return {"default_variant": "off", **data, "variants": shared}
        return data

    @model_validator(mode="before")
    @classmethod
    def _start_schedule_with_nobody(cls, data: Any) -> Any:
        """A launch that is scheduled has not happened yet, unless a percentage is written."""
        if isinstance(data, dict) and data.get("rollout_schedule"):
            return {"rollout_percentage": 0.0, **data}
        return data

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.variants and self.rules is None:
            raise ValueError(f"variants: a flag of type {self.type} needs at least one variant")
        keys = _require_unique([variant.key for variant in self.variants])
        for index, variant in enumerate(self.variants):
            if self.type != "any" and type(variant.value) not in _PYTHON_TYPES[self.type]:
                raise ValueError(
                    f"variants[{index}].value: must be of type {self.type}{_suggest_number(self.type)}"
                )
        if self.default_variant or self.rules is None:
            if not self.default_variant:
                raise ValueError(f"default_variant: required, one of {', '.join(keys)}")
            _require_variant(self.default_variant, keys, "default_variant")
        if self.off_variant:
            _require_variant(self.off_variant, keys, "off_variant")
        for variant_key in self.overrides.values():
            _require_variant(variant_key, keys, "overrides")
        shares = self.compute_allocations()
        if shares or self.rules is None:
            _require_sum_of_one([float(share) for share in shares.values()])
        _require_ascending([step.at for step in self.rollout_schedule], "rollout_schedule")
        _require_ascending([change.at for change in self.changes], "changes")
        self._check_rules()
        return self

    def _check_rules(self) -> None:
        """Each field has one meaning: the short form, or rules."""
        if self.holdout and self.holdout.measured:
            raise ValueError(
                "holdout.measured: belongs to experiments; a flag's evaluations are recorded anyway"
            )
        written = self.model_fields_set
        if self.rules is not None:
            for name in SHORT_FORM:
                if name in written:
                    raise ValueError(f"{name}: is the short form; with rules, write it as a rule")
            if "default" in written and self.default_variant:
                raise ValueError("default: write either default or default_variant, not both")
        elif "default" in written:
            raise ValueError("default: belongs to rules; write default_variant")
        if self.unit is not None and "bucket_by" in written:
            raise ValueError("bucket_by: write either bucket_by or unit, not both")

    def compute_allocations(self) -> dict[str, float]:
        """The split inside the rollout; without allocations, the one variant besides the default has all."""
        shares = _compute_shares(self.variants)
        if shares or self.rules is not None:
            return shares
        written = [variant.key for variant in self.variants]
        others = [key for key in written if key != self.default_variant] or [self.default_variant]
        if len(others) > 1:
            raise ValueError("variants: give each an allocation; they must sum to 1")
        return {key: float(key == others[0]) for key in written}


Definition: TypeAlias = ExperimentDocument | FlagDocument | SegmentDocument

SHORT_FORM = ("targeting_rules", "rollout_percentage", "rollout_schedule", "rollout_ramp")
"""Fields of a flag that decide in place of rules."""


def _list_variants(variants: dict[str, Any]) -> list[Any]:
    """``{control: grey, green: {value: "#0a0", weight: 2}}`` as a list.

    An object with ``value``, or with nothing but fields of a variant, is the variant's fields. Any other is
    the value; ``{value: {…}}`` always is.
    """
    listed = []
    for key, value in variants.items():
        if not _is_variant(value):
            listed.append({"key": key, "value": value})
        elif "value" in value:
            listed.append({"key": key} | _refuse_inner_key(key, value))
        else:
            _refuse_inner_key(key, value)
            raise ValueError(f"variants.{key}.value: required; a value that is an object is {{value: {{…}}}}")
    return listed


def _require_variants(data: dict[str, Any]) -> None:
    if not isinstance(data.get("variants", []), (list, dict)):
        message = "variants: must be a list, or an object with the variants by their keys"
        raise ValueError(message)  # noqa: TRY004 - pydantic reports ValueErrors only


def _is_variant(value: Any) -> bool:
    known = FlagVariantDocument.model_fields.keys()
    return isinstance(value, dict) and bool(value) and ("value" in value or value.keys() <= known)


def _refuse_inner_key(key: str, fields: dict[str, Any]) -> dict[str, Any]:
    if "key" in fields:
        raise ValueError(f"variants.{key}.key: is written twice: remove it, the variant's key is {key}")
    return fields


def _find_type(variants: Any) -> str:
    """``any`` unless all values are of one type; boolean without variants."""
    if not isinstance(variants, list) or not variants:
        return "boolean"
    values = [variant.get("value") if isinstance(variant, dict) else None for variant in variants]
    for name, types in _PYTHON_TYPES.items():
        if all(type(value) in types for value in values):
            return name
    return "any"


def _compute_shares(variants: Sequence[VariantDocument] | Sequence[FlagVariantDocument]) -> dict[str, float]:
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


def _require_ascending(times: Sequence[datetime], field: str) -> None:
    if list(times) != sorted(set(times)):
        name = "steps" if field == "rollout_schedule" else "times"
        raise ValueError(f"{field}: {name} must be in order of time, each time once")


def _require_unique(keys: Sequence[str]) -> Sequence[str]:
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"variants: the key {key!r} occurs twice")
    return keys


def _require_variant(variant: str, keys: Sequence[str], field: str) -> None:
    if variant not in keys:
        hint = suggest(variant, keys)
        raise ValueError(f"{field}: no variant {variant!r}; there are {', '.join(keys)}{hint}")


def _require_sum_of_one(shares: Sequence[float]) -> None:
    total = sum((Decimal(str(share)) for share in shares), Decimal(0))
    if abs(total - 1) > Decimal("1e-9"):
        raise ValueError(f"variants: the allocations sum to {total.normalize():f}, they must sum to 1")


def _suggest_number(kind: FlagType) -> str:
    return {"float": " (write 1.0, not 1)", "integer": " (write 1, not 1.0)"}.get(kind, "")
