"""Targeting rules by themselves, decided by the one engine: for check-rules, explain and publish."""

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.domain.general_form.compiler import Variant
from chalicelib.domain.general_form.conditions import compile_condition
from chalicelib.domain.general_form.definition import LazyDefinition
from chalicelib.domain.general_form.state import NoValue, State
from chalicelib.domain.targeting.compiler import translate_condition, translate_group, translate_rule
from chalicelib.domain.targeting.document import Condition, Group, Rule, RulesDocument

Check = Callable[[Mapping[str, Any], float], bool]
"""(context, now in epoch seconds) -> whether a condition holds."""


class Rules:
    """``match`` gives the rule that decides, or None. It never raises on a context of JSON values.

    ``salt`` is the definition's own; only version 2.0 mixes it into rollouts and percentage buckets.
    """

    def __init__(self, document: RulesDocument, salt: str = "") -> None:
        self.document = document
        self.salt = salt
        self._rules = document.in_order()
        self._definition = LazyDefinition(self._translate, self._get_rule)

    def match(self, context: Mapping[str, Any], now: float, unit: Any = None) -> Rule | None:
        """``unit`` is what rollouts of version 2.0 hash; they exclude None. ``now`` is epoch seconds."""
        state = make_state(now)
        answer: Rule | NoValue = self._definition.decide(unit, context, state)
        return None if isinstance(answer, NoValue) else answer

    def _translate(self) -> Any:
        rules = [
            {"when": translate_rule(rule, self.document, self.salt, "user"), "serve": {"variant": index}}
            for index, rule in zip(map(str, range(len(self._rules))), self._rules, strict=True)
        ]
        return {"variants": {rule["serve"]["variant"]: {} for rule in rules}, "rules": rules}

    def _get_rule(self, variant: Variant, _enabled: bool, _reason: str) -> Rule:
        return self._rules[int(variant.id)].rule


def build_check(part: Condition | Group, is_v2: bool, hash_prefix: str = "") -> Check:
    """Percentage buckets of version 2.0 hash ``hash_prefix``."""
    if isinstance(part, Condition):
        form = translate_condition(part, is_v2, hash_prefix)
    else:
        form = translate_group(part, is_v2, hash_prefix)
    condition = compile_condition(form, "").condition
    return lambda context, now: bool(condition(None, context, make_state(now)))


def make_state(now: float) -> State:
    """Of an evaluation that refers to nothing else."""
    return State(now, lambda _key: None, lambda _name: None)
