"""How an experiment is to be analysed: its metrics and the plan. Nothing of it decides who gets what.

`publish` writes the metrics that an experiment names into its definition, so that its history shows what was
planned before the first user (docs/analysis.md). `realtime/analysis` reads it; services ignore it.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from chalicelib.domain.definitions.field_types import Document, EventType, Key
from chalicelib.domain.definitions.percent import read_share

_DURATION = re.compile(r"(\d{1,5})([mhd])")
_CURRENCY = "[A-Z0-9]{3,8}"
_SECONDS = {"m": 60, "h": 3600, "d": 86_400}
ASSIGNMENT_ANCHOR = "assignment"
CURRENCY = "currency"
"""The one name in ``where`` that is a field of the event itself; all others are properties."""


def read_duration(text: str) -> int:
    """Seconds of ``14d``, ``36h`` or ``30m``. Raises ValueError."""
    match = _DURATION.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise ValueError("must be a number of minutes, hours or days, such as 30m, 36h or 14d")
    return int(match[1]) * _SECONDS[match[2]]


def _check_duration(text: str) -> str:
    read_duration(text)
    return text


def _check_rate(text: str) -> str:
    if not re.fullmatch(r"\d{1,12}(\.\d{1,12})?", text) or Decimal(text) == 0:
        raise ValueError('must be a positive number as text, such as "1.0842"')
    return text


def _check_currency(text: str) -> str:
    if not re.fullmatch(_CURRENCY, text):
        raise ValueError("must be 3 to 8 capital letters or digits, such as EUR")
    return text


def _check_wanted(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    """One message, where each type of the union would have its own."""
    try:
        return check(value)
    except ValidationError:
        raise ValueError("must be text, a number, true or false, or a list with some of these") from None


Duration = Annotated[
    str, Field(json_schema_extra={"pattern": r"^0*[1-9][0-9]{0,4}[mhd]$"}), AfterValidator(_check_duration)
]
Currency = Annotated[
    str, Field(json_schema_extra={"pattern": f"^{_CURRENCY}$"}), AfterValidator(_check_currency)
]
Rate = Annotated[str, AfterValidator(_check_rate)]
Scalar = str | int | float | bool
Wanted = Annotated[Scalar | Annotated[list[Scalar], Field(min_length=1)], WrapValidator(_check_wanted)]
Percent = BeforeValidator(read_share)
"""Shares may be written as text, such as 2%."""


class MeasureDocument(Document):
    """What is added up for a user: events, their values, or whether there is any.

    Only events count whose fields equal all of ``where``; a list means any of its values. Amounts are of
    ``currency``; with ``rates`` those of other currencies are converted: one unit of each is so many of it.
    """

    event: EventType
    aggregate: Literal["count", "sum", "conversion"] = "count"
    where: dict[str, Wanted] = {}
    currency: Currency | None = None
    rates: dict[Currency, Rate] = {}

    @model_validator(mode="after")
    def _check_rates(self) -> Self:
        if self.rates and self.currency is None:
            raise ValueError("rates: name the currency that they convert to")
        if self.currency is not None and self.aggregate != "sum":
            raise ValueError("currency: only a sum has one; write where: {currency: ...} to select events")
        return self


class MetricDocument(Document):
    """A number for each user: one measure (``event`` and ``aggregate``), or a ratio of two.

    ``window`` and ``pre_period`` are after and before the user's anchor. ``cap`` limits each user to this
    quantile. ``minimum_effect`` is the smallest relative change that matters.
    """

    key: Key
    name: str | None = None
    description: str | None = None
    owner: str | None = None
    event: EventType | None = None
    aggregate: Literal["count", "sum", "conversion"] | None = None
    where: dict[str, Wanted] = {}
    currency: Currency | None = None
    rates: dict[Currency, Rate] = {}
    numerator: MeasureDocument | None = None
    denominator: MeasureDocument | None = None
    window: Duration | None = None
    pre_period: Duration | None = None
    cap: Annotated[float, Field(ge=0.5, lt=1), Percent] | None = None
    better: Literal["up", "down"] = "up"
    minimum_effect: Annotated[float, Field(gt=0, le=10), Percent] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.numerator is None) != (self.denominator is None):
            raise ValueError("numerator: a ratio needs both numerator and denominator")
        if self.numerator is not None:
            for name in ("event", "aggregate", "where", "currency", "rates"):
                if name in self.model_fields_set:
                    raise ValueError(f"{name}: a ratio has none; write it in numerator or denominator")
            if self.cap is not None:
                raise ValueError("cap: a ratio has none; cap a metric of the numerator alone")
            return self
        if self.event is None:
            raise ValueError("event: required, or numerator and denominator for a ratio")
        if self.cap is not None and self.aggregate == "conversion":
            raise ValueError("cap: a conversion is 0 or 1 and needs none")
        self.list_measures()
        return self

    @property
    def is_ratio(self) -> bool:
        return self.numerator is not None

    def list_measures(self) -> tuple[MeasureDocument, ...]:
        """One, or numerator and denominator."""
        if self.numerator is not None and self.denominator is not None:
            return self.numerator, self.denominator
        assert self.event is not None  # noqa: S101  _check saw to it
        return (
            MeasureDocument(
                event=self.event,
                aggregate=self.aggregate or "count",
                where=self.where,
                currency=self.currency,
                rates=self.rates,
            ),
        )


class GuardrailDocument(Document):
    """A metric that must not become worse than by ``margin``, a share of the control's mean."""

    metric: Key
    margin: Annotated[float, Field(gt=0, lt=1), Percent]

    @model_validator(mode="before")
    @classmethod
    def _require_margin(cls, data: Any) -> Any:
        if isinstance(data, str):
            message = f"margin: required; write {{metric: {data}, margin: 3%}}"
            raise ValueError(message)  # noqa: TRY004 - pydantic reports ValueErrors only
        return data


class AnalysisDocument(Document):
    """The plan. ``planned_users`` counts control and one treatment together.

    ``anchor`` is the event type with which a user's time begins, or ``assignment``. ``metrics`` is what
    `publish` froze; in a file it may be left out, where the catalogue has them.
    """

    control: Key | None = None
    anchor: EventType | None = None
    primary: list[Key] = []
    guardrails: list[GuardrailDocument] = []
    secondary: list[Key] = []
    alpha: Annotated[float, Field(gt=0, lt=0.5), Percent] = 0.05
    power: Annotated[float, Field(gt=0.5, lt=1), Percent] = 0.8
    sequential: bool = True
    planned_users: Annotated[int, Field(ge=2)] | None = None
    metrics: list[MetricDocument] = []

    @model_validator(mode="after")
    def _check(self) -> Self:
        first: dict[str, str] = {}
        for path, key in self.list_named():
            if key in first:
                raise ValueError(f"{path}: {key} is in {first[key]} already; a metric has one role")
            first[key] = path
        keys = [metric.key for metric in self.metrics]
        for index, key in enumerate(keys):
            if key in keys[:index]:
                raise ValueError(f"metrics[{index}].key: {key} is there twice")
        return self

    def list_named(self) -> Iterator[tuple[str, str]]:
        """The path and key of each metric that has a role, in the order of the roles."""
        yield from ((f"primary[{index}]", key) for index, key in enumerate(self.primary))
        for index, guardrail in enumerate(self.guardrails):
            yield f"guardrails[{index}].metric", guardrail.metric
        yield from ((f"secondary[{index}]", key) for index, key in enumerate(self.secondary))

    def list_metric_keys(self) -> list[str]:
        """In the order of their roles: primary, guardrails, secondary."""
        return [key for _, key in self.list_named()]
