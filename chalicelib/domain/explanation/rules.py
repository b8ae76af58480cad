"""The rules of a definition in words, without a user: who gets what, in the order in which it is decided."""

from collections.abc import Iterator, Sequence
from typing import Any

from chalicelib.domain.explanation.condition_words import (
    Line,
    add_up,
    format_share,
    list_conditions,
    name_unit,
)
from chalicelib.domain.explanation.words import shorten
from chalicelib.domain.general_form.shards import parse_shard

Json = Any


def describe_rules(form: Json, now: float) -> Sequence[Line]:
    """``form`` is a definition in the general form; ``now`` says where a ramp stands, in epoch seconds."""
    return list(_Words(form, now).describe())


class _Words:
    def __init__(self, form: Json, now: float) -> None:
        self._form = form
        self._now = now

    def describe(self) -> Iterator[Line]:
        rules, default = self._form["rules"], self._form.get("default", "none")
        yield from self._describe_rules(rules, 0)
        if default != "none" and not any(map(_ends, rules)):
            yield from self._describe_served(default, 0, "Otherwise: ")

    def _describe_rules(self, rules: Json, level: int) -> Iterator[Line]:
        for number, rule in enumerate(rules, 1):
            name, when = rule.get("id") or f"rule {number}", rule.get("when", True)
            if when is True:
                yield Line(level, f"{number}. {name}: for everybody")
            else:
                first, *more = list_conditions(when, self._now, level)
                yield Line(level, f"{number}. {name}: if {first.text}")
                yield from more
            for gate in rule.get("gates", ()):
                first, *more = list_conditions(gate, self._now, level + 1)
                yield Line(level + 1, f"only {first.text}")
                yield from more
            otherwise = rule.get("else", "next")
            yield from self._describe_served(rule["serve"], level + 1, "serve ", otherwise)
            if otherwise != "next":
                yield from self._describe_served(otherwise, level + 1, "all others of them: ")
            if _ends(rule):
                return

    def _describe_served(
        self, serve: Json, level: int, prefix: str, otherwise: Json = "next"
    ) -> Iterator[Line]:
        """``otherwise`` is for those whom a split leaves out."""
        if isinstance(serve, dict) and "rules" in serve:
            yield Line(level, f"{prefix}what these rules decide:")
            yield from self._describe_rules(serve["rules"], level + 1)
        elif isinstance(serve, dict) and "split" in serve:
            end = parse_shard(serve["split"], "").scheme.end
            arms = [
                f"{format_share(add_up(arm['ranges']), end)} {self._name(arm['serve'], has_value=False)}"
                for arm in serve["arms"]
            ]
            if rest := _find_rest(serve):
                arms.append(f"{format_share(rest, end)} {self._name(otherwise, has_value=False)}")
            by = name_unit(serve["split"])
            yield Line(level, f"{prefix}by {by}: {', '.join(arms)}")
            for arm in serve["arms"]:
                if isinstance(arm["serve"], dict) and ("rules" in arm["serve"] or "split" in arm["serve"]):
                    yield from self._describe_served(arm["serve"], level + 1, "of which ")
        else:
            yield Line(level, f"{prefix}{self._name(serve)}")

    def _name(self, serve: Json, *, has_value: bool = True) -> str:
        if isinstance(serve, str):
            words = {
                "next": "the next rule",
                "none": "no value",
                "error": "an error",
                "default": "the default",
            }
            return words.get(serve, serve)
        if "variant" in serve:
            variant = self._form["variants"][serve["variant"]]
            name, value = variant.get("name", serve["variant"]), variant.get("value")
            if name is None:
                return "nothing"
            says_more = has_value and value is not None and shorten(value) not in (name, f'"{name}"')
            return f"{name} ({shorten(value)})" if says_more else str(name)
        if "def" in serve:
            return f"what flag {serve['def']} answers"
        if "experiment" in serve:
            return f"what experiment {serve['experiment']} assigns"
        return "what more rules decide"


def _ends(rule: Json) -> bool:
    """Whether nobody gets to the next rule."""
    is_for_all = rule.get("when", True) is True
    is_left = rule.get("gates") and rule.get("else", "next") == "next"
    serve = rule["serve"]
    if not is_for_all or is_left or serve == "next":
        return False
    if isinstance(serve, dict) and "split" in serve:
        is_whole = rule.get("else", "next") != "next" or not _find_rest(serve)
        return is_whole and all(arm["serve"] != "next" for arm in serve["arms"])
    return isinstance(serve, str) or "variant" in serve or "def" in serve


def _find_rest(serve: Json) -> float:
    """How much of a split has no arm; 0 if that is a rounding error."""
    end = parse_shard(serve["split"], "").scheme.end
    rest = end - sum(add_up(arm["ranges"]) for arm in serve["arms"])
    return rest if rest > end * 1e-9 else 0.0
