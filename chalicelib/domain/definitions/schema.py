"""Definitions as users write them: pydantic models, which check what one document shows by itself.

``compiler.py`` turns them into the frozen values that decide; ``consistency.py`` checks a set of them.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    model_validator,
)

from chalicelib.domain.definitions.analysis_schema import AnalysisDocument
from chalicelib.domain.definitions.field_types import (
    Document,
    EventType,
    Instant,
    Key,
    Percentage,
    Share,
    check_alias,
)
from chalicelib.domain.definitions.percent import (
    read_rule_percentages,
)
from chalicelib.domain.definitions.variants import (
    PYTHON_TYPES,
    FlagType,
    FlagVariantDocument,
    VariantDocument,
    compute_shares,
    find_type,
    list_variants,
    refuse_inner_key,
    require_sum_of_one,
    require_unique,
    require_variant,
    require_variants,
    suggest_number,
)


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
        for name in ("key", "id", "alias", "salt", "analysis", "approvals", "changes"):
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

    Callers may ask by ``alias`` too. ``unit`` is what users are divided by. Who asks for all does not get
    what is not ``listed``. ``approvals``: how many others must agree to a change; no decision reads it.
    """

    id: Key = ""
    approvals: int = Field(default=0, ge=0, lt=2)
    alias: Annotated[str, AfterValidator(check_alias)] | None = None
    listed: bool = True
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
    analysis: AnalysisDocument | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        keys = require_unique([variant.key for variant in self.variants])
        is_weighted = any(variant.weight is not None for variant in self.variants)
        for index, variant in enumerate(self.variants):
            if (variant.weight if is_weighted else variant.allocation) is None:
                raise ValueError(f"variants[{index}].{'weight' if is_weighted else 'allocation'}: required")
        require_sum_of_one(list(self.compute_allocations().values()))
        if self.serve:
            require_variant(self.serve, keys, "serve")
            if self.status != "completed":
                raise ValueError("serve: names the winner of a completed experiment; write status: completed")
        if self.analysis is not None and self.analysis.control is not None:
            require_variant(self.analysis.control, keys, "analysis.control")
        if self.when is not True and self.targeting_rules is not None:
            raise ValueError("when: write either when or targeting_rules, not both")
        for variant_key in self.overrides.values():
            require_variant(variant_key, keys, "overrides")
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
        require_variants(data)
        if not isinstance(data.get("variants"), dict):
            return data
        listed = []
        for key, value in data["variants"].items():
            if value is None:
                raise ValueError(f"variants.{key}: must be a weight, or fields such as weight and payload")
            fields = refuse_inner_key(key, value) if isinstance(value, dict) else {"weight": value}
            listed.append({"key": key} | fields)
        return {**data, "variants": listed}

    def compute_allocations(self) -> dict[str, float]:
        return compute_shares(self.variants)


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
        require_variants(data)
        if isinstance(data.get("variants"), dict):
            data = {**data, "variants": list_variants(data["variants"])}
        if "type" not in data and ("rules" in data or data.get("variants")):
            data = {"type": find_type(data.get("variants")), **data}
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
        keys = require_unique([variant.key for variant in self.variants])
        for index, variant in enumerate(self.variants):
            if self.type != "any" and type(variant.value) not in PYTHON_TYPES[self.type]:
                raise ValueError(
                    f"variants[{index}].value: must be of type {self.type}{suggest_number(self.type)}"
                )
        if self.default_variant or self.rules is None:
            if not self.default_variant:
                raise ValueError(f"default_variant: required, one of {', '.join(keys)}")
            require_variant(self.default_variant, keys, "default_variant")
        if self.off_variant:
            require_variant(self.off_variant, keys, "off_variant")
        for variant_key in self.overrides.values():
            require_variant(variant_key, keys, "overrides")
        shares = self.compute_allocations()
        if shares or self.rules is None:
            require_sum_of_one([float(share) for share in shares.values()])
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
        shares = compute_shares(self.variants)
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


def _require_ascending(times: Sequence[datetime], field: str) -> None:
    if list(times) != sorted(set(times)):
        name = "steps" if field == "rollout_schedule" else "times"
        raise ValueError(f"{field}: {name} must be in order of time, each time once")
