"""A ``targeting_rules`` document as immutable values. ``parse.py`` reads it, ``compiler.py`` compiles it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from chalicelib.domain.errors import Problem

MAX_RULES = 1_000
MAX_CONDITIONS = 5_000
MAX_NESTING = 64
"""Groups within groups, and lists or objects within a value."""
MAX_VALUES = 10_000
"""Elements of one condition's value, nested ones included."""
MAX_PATTERN = 512
"""Characters of a regular expression."""


class InvalidRules(ValueError):
    """The document has mistakes; ``problems`` names each with its path."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


class InvalidOperand(ValueError):
    """The operator cannot use its operand. Version 2.0 refuses it; in 1.0 the condition never matches."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a match returns. ``extra`` holds fields that targeting does not read, such as a variant.

    The default rule's index is the number of rules.
    """

    index: int
    id: str
    extra: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Condition:
    path: str
    attribute: str
    operator: str
    value: Any
    additional_value: Any = None
    attribute_type: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    path: str
    operator: Literal["and", "or", "not"]
    conditions: tuple[Condition, ...]
    groups: tuple["Group", ...]


@dataclass(frozen=True, slots=True)
class TargetingRule:
    path: str
    rule: Rule
    group: Group
    rollout_percentage: int
    priority: int


@dataclass(frozen=True, slots=True)
class RulesDocument:
    """Only the text ``2.0`` means version 2.0; any other means 1.0, the backend's behaviour."""

    version: str
    rules: tuple[TargetingRule, ...]
    default_rule: TargetingRule | None

    @property
    def is_v2(self) -> bool:
        return self.version == "2.0"

    def in_order(self) -> list[TargetingRule]:
        """The order of evaluation, the default rule last."""
        return [*self.by_priority(), *([self.default_rule] if self.default_rule else [])]

    def by_priority(self) -> list[TargetingRule]:
        """The order of evaluation: lower numbers first, ties as written."""
        return sorted(self.rules, key=lambda rule: rule.priority)
