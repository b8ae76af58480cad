"""From a document of the general form to the closure that decides."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from chalicelib.domain.general_form.conditions import compile_condition
from chalicelib.domain.general_form.problems import InvalidForm, require_list, require_object
from chalicelib.domain.general_form.references import evaluate_definition
from chalicelib.domain.general_form.rules import Rule, chain_rules, finish, serve_split
from chalicelib.domain.general_form.served import NEXT, UNDECIDED, Arm, Decide, Served, serve_constant
from chalicelib.domain.general_form.shards import is_in_ranges, parse_ranges, parse_shard
from chalicelib.domain.general_form.state import NO_VALUE, Context, State, Stop


class Variant(NamedTuple):
    id: str
    name: str | None
    value: Any
    enabled: bool


MakeAnswer = Callable[[Variant, bool, str], Any]
"""Variant, enabled, reason -> an answer, which has the attributes id, variant, value and enabled."""


def compile_definition(definition: Any, make_answer: MakeAnswer) -> Decide:
    """A function that gives an answer or NO_VALUE; it raises Stop where an error is reached.

    Raises InvalidForm with the path of the first mistake.
    """
    fields = require_object(definition, "", ("variants", "rules"), ("default",))
    variants = _parse_variants(fields["variants"])
    compiler = _Compiler(variants, make_answer)
    # Within the default itself, the word "default" is no value.
    compiler.default = finish(compiler.compile_serve(fields.get("default", "none"), "default"))
    return compiler.compile_rules(fields["rules"], "rules", compiler.default).decide


def _parse_variants(variants: Any) -> Mapping[str, Variant]:
    parsed = {}
    for variant_id, raw in require_object(variants, "variants", (), variants).items():
        path = f"variants.{variant_id}"
        fields = require_object(raw, path, (), ("name", "value", "enabled"))
        name, enabled = fields.get("name", variant_id), fields.get("enabled", True)
        if name is not None and not isinstance(name, str):
            raise InvalidForm(f"{path}.name", "must be a text or null")
        if not isinstance(enabled, bool):
            raise InvalidForm(f"{path}.enabled", "must be true or false")
        parsed[variant_id] = Variant(variant_id, name, fields.get("value"), enabled)
    return parsed


class _Compiler:
    """Of one definition."""

    def __init__(self, variants: Mapping[str, Variant], make_answer: MakeAnswer) -> None:
        self._variants = variants
        self._make_answer = make_answer
        self.default = serve_constant(NO_VALUE)

    def compile_rules(self, rules: Any, path: str, last: Served) -> Served:
        """The first answer of a rule; ``last`` if no rule gives one."""
        parsed = [
            self._parse_rule(rule, f"{path}[{index}]") for index, rule in enumerate(require_list(rules, path))
        ]
        return chain_rules(parsed, last)

    def compile_serve(self, serve: Any, path: str) -> Served:
        if isinstance(serve, str) and serve in _SERVE_WORDS:
            return _SERVE_WORDS[serve]
        if serve == "default":
            return self.default
        if not isinstance(serve, dict):
            raise InvalidForm(path, "must be an object, default, next, none or error")
        if "variant" in serve:
            return serve_constant(self._parse_answer(serve, path))
        if "split" in serve:
            return self._compile_split(serve, path)
        if "rules" in serve:
            rules = require_object(serve, path, ("rules",))["rules"]
            return self.compile_rules(rules, f"{path}.rules", serve_constant(UNDECIDED))
        if "def" in serve:
            key = require_object(serve, path, ("def",))["def"]
            if not isinstance(key, str):
                raise InvalidForm(f"{path}.def", "must be a text")
            return Served(lambda user, context, state: evaluate_definition(key, user, context, state))
        if "experiment" in serve:
            key = require_object(serve, path, ("experiment",))["experiment"]
            if not isinstance(key, str):
                raise InvalidForm(f"{path}.experiment", "must be a text")
            return Served(lambda _user, _context, state: _assign_user(key, state))
        raise InvalidForm(path, "must have variant, split, rules, def or experiment")

    def _parse_answer(self, serve: Any, path: str) -> Any:
        fields = require_object(serve, path, ("variant",), ("reason", "enabled"))
        variant = self._variants.get(fields["variant"]) if isinstance(fields["variant"], str) else None
        if variant is None:
            raise InvalidForm(f"{path}.variant", f"must be one of {', '.join(self._variants)}")
        return self._make_answer(variant, fields.get("enabled", variant.enabled), fields.get("reason", ""))

    def _parse_rule(self, rule: Any, path: str) -> Rule:
        fields = require_object(rule, path, ("serve",), ("id", "when", "gates", "else"))
        gates = require_list(fields.get("gates", []), f"{path}.gates")
        return Rule(
            when=compile_condition(fields.get("when", True), f"{path}.when"),
            gates=[compile_condition(gate, f"{path}.gates[{index}]") for index, gate in enumerate(gates)],
            served=self.compile_serve(fields["serve"], f"{path}.serve"),
            otherwise=self.compile_serve(fields.get("else", "next"), f"{path}.else"),
        )

    def _compile_split(self, serve: Any, path: str) -> Served:
        fields = require_object(serve, path, ("split", "arms"))
        shard = parse_shard(fields["split"], f"{path}.split")
        arms: list[Arm] = []
        without_unit = serve_constant(UNDECIDED)
        for index, arm in enumerate(require_list(fields["arms"], f"{path}.arms")):
            where = f"{path}.arms[{index}]"
            parts = require_object(arm, where, ("ranges", "serve"))
            served = self.compile_serve(parts["serve"], f"{where}.serve")
            bounds = parse_ranges(parts["ranges"], shard.scheme, f"{where}.ranges")
            arms += [Arm(start, end, served) for start, end in bounds]
            if shard.missing_number is not None and is_in_ranges(shard.missing_number, parts["ranges"]):
                without_unit = served
        arms.sort(key=lambda arm: (arm.start, arm.end))
        for arm, following in pairwise(arms):
            if following.start < arm.end:
                raise InvalidForm(f"{path}.arms", "must not overlap")
        return serve_split(shard, arms, without_unit)


def _assign_user(key: str, state: State) -> Any:
    """The answer of an experiment; UNDECIDED if it excludes the user. Raises Stop where none can be asked."""
    if state.assign is None:
        raise Stop
    answer = state.assign(key)
    return UNDECIDED if answer is None else answer


def _raise_stop(_user: str | None, _context: Context, _state: State) -> Any:
    raise Stop


_SERVE_WORDS = {
    "next": serve_constant(NEXT),
    "none": serve_constant(NO_VALUE),
    "error": Served(_raise_stop),
}
