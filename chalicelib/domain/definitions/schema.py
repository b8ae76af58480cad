"""Definitions as users write them: pydantic models, which check what one document shows by itself.

``compiler.py`` turns them into the frozen values that decide; ``consistency.py`` checks a set of them.
"""

from collections.abc import Sequence
from datetime import UTC
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

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
from chalicelib.domain.definitions.percent import read_percentage, read_rule_percentages, read_share
from chalicelib.domain.spelling import suggest

MAX_DEFINITION_BYTES = 350_000
"""As JSON in UTF-8. An item of DynamoDB has at most 400 KB, with attribute names and other attributes."""
Key = Annotated[str, Field(pattern=f"^{KEY_PATTERN}$")]
EventType = Annotated[str, Field(pattern=f"^{EVENT_TYPE_PATTERN}$")]
Share = Annotated[float, Field(ge=0, le=1), BeforeValidator(read_share)]
Percentage = Annotated[float, Field(ge=0, le=100), BeforeValidator(read_percentage)]
Instant = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]
FlagType = Literal["boolean", "string", "integer", "float", "object"]
_PYTHON_TYPES: dict[FlagType, tuple[type, ...]] = {
    "boolean": (bool,),
    "string": (str,),
    "integer": (int,),
    "float": (float,),
    "object": (dict, list),
}


class Document(BaseModel):
    """It refuses unknown fields: a misspelt field would silently change who sees what."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True, allow_inf_nan=False)


class VariantDocument(Document):
    key: Key
    allocation: Share
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
    """The share of users who are kept out of each experiment that names this holdout.

    ``of_all``: every experiment must name it.
    """

    key: Key
    share: Share
    of_all: bool = False


class DefinitionDocument(Document):
    """What experiments and flags have in common; ``id`` and ``salt`` default to the key."""

    key: Key
    id: Key = ""
    name: str | None = None
    description: str | None = None
    owner: str | None = None
    tags: list[str] = []
    targeting_rules: Annotated[dict[str, Any] | None, BeforeValidator(read_rule_percentages)] = None
    salt: Key = ""
    overrides: dict[str, str] = {}


class ExperimentDocument(DefinitionDocument):
    status: Literal["draft", "active", "paused", "completed"] = "draft"
    variants: list[VariantDocument] = Field(min_length=1)
    traffic_allocation: Share = 1.0
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
        _require_sum_of_one([variant.allocation for variant in self.variants])
        for variant in self.overrides.values():
            _require_variant(variant, keys, "overrides")
        if self.start_at and self.end_at and self.start_at >= self.end_at:
            raise ValueError("start_at must be before end_at")
        return self


class FlagVariantDocument(Document):
    key: Key
    value: JsonValue
    allocation: Share | None = None


class PrerequisiteDocument(Document):
    """Another flag must answer one of these variants."""

    flag: Key
    variants: list[Key] = Field(min_length=1)


class RolloutStepDocument(Document):
    at: Annotated[Instant, Field(strict=False)]
    percentage: Percentage


class FlagDocument(DefinitionDocument):
    enabled: bool = True
    type: FlagType
    variants: list[FlagVariantDocument] = []
    default_variant: str = ""
    off_variant: str = ""
    rollout_percentage: Percentage = 100.0
    rollout_schedule: list[RolloutStepDocument] = []
    prerequisites: list[PrerequisiteDocument] = []
    bucket_by: str = Field(default="user_id", min_length=1, max_length=100)
    tracking_sample: Share = 1.0

    @model_validator(mode="before")
    @classmethod
    def _add_boolean_variants(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("type") == "boolean" and not data.get("variants"):
            on = {"key": "on", "value": True, "allocation": 1.0}
            off = {"key": "off", "value": False, "allocation": 0.0}
            return {"default_variant": "off", **data, "variants": [on, off]}
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
        if not self.variants:
            raise ValueError(f"variants: a flag of type {self.type} needs at least one variant")
        keys = _require_unique([variant.key for variant in self.variants])
        for index, variant in enumerate(self.variants):
            if type(variant.value) not in _PYTHON_TYPES[self.type]:
                raise ValueError(
                    f"variants[{index}].value: must be of type {self.type}{_suggest_number(self.type)}"
                )
        if not self.default_variant:
            raise ValueError(f"default_variant: required, one of {', '.join(keys)}")
        _require_variant(self.default_variant, keys, "default_variant")
        if self.off_variant:
            _require_variant(self.off_variant, keys, "off_variant")
        for variant_key in self.overrides.values():
            _require_variant(variant_key, keys, "overrides")
        _require_sum_of_one([float(share) for share in self.compute_allocations().values()])
        steps = [step.at for step in self.rollout_schedule]
        if steps != sorted(set(steps)):
            raise ValueError("rollout_schedule: steps must be in order of time, each time once")
        return self

    def compute_allocations(self) -> dict[str, float]:
        """The split inside the rollout; without allocations, the one variant besides the default has all."""
        written = {variant.key: variant.allocation for variant in self.variants}
        if any(share is not None for share in written.values()):
            return {key: share or 0.0 for key, share in written.items()}
        others = [key for key in written if key != self.default_variant] or [self.default_variant]
        if len(others) > 1:
            raise ValueError("variants: give each an allocation; they must sum to 1")
        return {key: float(key == others[0]) for key in written}


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
