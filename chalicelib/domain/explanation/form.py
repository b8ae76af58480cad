"""How the rules of a definition in the general form lead to an answer: one step for each rule reached."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from chalicelib.domain.explanation.condition import (
    explain_mismatch,
    explain_missing_unit,
    explain_success,
    format_ranges,
    place_unit,
)
from chalicelib.domain.explanation.question import Json, Question
from chalicelib.domain.general_form.references import evaluate_definition
from chalicelib.domain.general_form.state import NO_VALUE, Circle, MissingUnit, Stop

MAX_MISMATCHES = 30
"""Rules that do not match and are shown; of the others only their number."""


class Step(NamedTuple):
    """A rule and what became of it. ``is_mismatch``: its condition does not hold."""

    name: str
    result: str
    is_mismatch: bool = False


class Explanation(NamedTuple):
    """``is_decided``: a rule, or an error, ended the evaluation with the last step."""

    steps: Sequence[Step]
    is_decided: bool


def explain_rules(form: Json, question: Question) -> Explanation:
    """Without the default, which is for whom no rule decides."""
    walk = _Walk(form, question)
    is_decided = walk.follow_rules(form["rules"])
    return Explanation(list(_shorten_steps(walk.steps)), is_decided)


def explain_form(form: Json, question: Question) -> Sequence[Step]:
    """The last step is the one that decides."""
    walk = _Walk(form, question)
    if not walk.follow_rules(form["rules"]):
        walk.follow_default("no rule decides")
    return list(_shorten_steps(walk.steps))


class _Walk:
    """Its methods say whether the evaluation ends there. If it does not, the next rule follows."""

    def __init__(self, form: Json, question: Question) -> None:
        self.steps: list[Step] = []
        self._form = form
        self._question = question
        self._default = form.get("default", "none")

    def follow_rules(self, rules: Json, parent: str = "") -> bool:
        return any(
            self._follow_rule(rule, f"{parent}{rule.get('id') or f'rule {number}'}")
            for number, rule in enumerate(rules, 1)
        )

    def follow_default(self, *notes: str) -> bool:
        default, self._default = self._default, "none"  # within the default itself, "default" is no value
        if not self._attempt("default", lambda: self._serve(default, "default", notes, "none")):
            self._add("default", [], "serves no value")  # there is no next rule
        return True

    def _follow_rule(self, rule: Json, name: str) -> bool:
        return self._attempt(name, lambda: self._apply_rule(rule, name))

    def _attempt(self, name: str, follow: Callable[[], bool]) -> bool:
        """An error that is reached ends the evaluation."""
        try:
            return follow()
        except Stop as error:
            self._add(name, [], _describe_stop(error, self._question))
            return True

    def _apply_rule(self, rule: Json, name: str) -> bool:
        question, when, otherwise = self._question, rule.get("when", True), rule.get("else", "next")
        if not question.holds(when):
            self.steps.append(Step(name, explain_mismatch(when, question), is_mismatch=True))
            return False
        notes = [explain_success(when, question)]
        for gate in rule.get("gates", []):
            if not question.holds(gate):
                return self._serve(otherwise, name, [explain_mismatch(gate, question)], "next")
            notes.append(explain_success(gate, question))
        return self._serve(rule["serve"], name, notes, otherwise)

    def _serve(self, serve: Json, name: str, notes: Sequence[str], otherwise: Json) -> bool:
        """``otherwise`` is served if nothing in ``serve`` decides. ``notes`` say what has led here."""
        if isinstance(serve, str):
            return self._serve_word(serve, name, notes)
        if "variant" in serve:
            return self._add(name, notes, f"serves {self._name_variant(serve)}")
        if "split" in serve:
            return self._serve_split(serve, name, notes, otherwise)
        if "def" in serve:
            question = self._question
            answer = evaluate_definition(serve["def"], question.user, question.context, question.state)
            variant = "no value" if answer is NO_VALUE else answer.variant or "no variant"
            return self._add(name, notes, f"serves what flag {serve['def']} answers, {variant}")
        if "experiment" in serve:
            return self._serve_experiment(serve["experiment"], name, notes, otherwise)
        self._add(name, notes, "its own rules follow")
        if self.follow_rules(serve["rules"], f"{name} / "):
            return True
        return self._serve(otherwise, name, ["none of its own rules decides"], "next")

    def _serve_experiment(self, key: str, name: str, notes: Sequence[str], otherwise: Json) -> bool:
        assign = self._question.state.assign
        if assign is None:  # it takes the user's stored row
            return self._add(name, notes, f"asks experiment {key}, which is explained by itself")
        answer = assign(key)
        if answer is not None:
            return self._add(name, notes, f"serves what experiment {key} assigns, {answer.variant}")
        return self._serve(otherwise, name, [*notes, f"experiment {key} excludes the user"], "next")

    def _serve_word(self, word: str, name: str, notes: Sequence[str]) -> bool:
        if word == "error":
            raise Stop
        if word == "next":
            self._add(name, notes, "goes to the next rule")
            return False
        if word == "default" and self._default != "none":
            self._add(name, notes, "serves the default")
            return self.follow_default()
        return self._add(name, notes, "serves no value")

    def _serve_split(self, serve: Json, name: str, notes: Sequence[str], otherwise: Json) -> bool:
        shard, arms = serve["split"], serve["arms"]
        shown = "  ".join(f"{self._name_arm(arm['serve'])} {format_ranges(arm['ranges'])}" for arm in arms)
        owners = [arm for arm in arms if self._question.holds({"shard": shard, "ranges": arm["ranges"]})]
        where = f"of {shown}" if owners else f"of {shown}, in none of them"
        notes = [*notes, place_unit(shard, self._question, where)]
        if owners:  # at most one, except for a missing unit's bucket: then the last
            return self._serve(owners[-1]["serve"], name, notes, otherwise)
        return self._serve(otherwise, name, notes, "next")

    def _name_arm(self, serve: Json) -> str:
        if isinstance(serve, str):
            return serve
        if "variant" in serve:
            return self._name_variant(serve)
        if "experiment" in serve:
            return f"experiment {serve['experiment']}"
        return f"flag {serve['def']}" if "def" in serve else "more rules"

    def _name_variant(self, serve: Json) -> str:
        return self._form["variants"][serve["variant"]].get("name", serve["variant"]) or "no variant"

    def _add(self, name: str, notes: Sequence[str], result: str) -> bool:
        reasons = "; ".join(filter(None, notes))
        self.steps.append(Step(name, f"{reasons}: {result}" if reasons else result))
        return True


def _describe_stop(error: Stop, question: Question) -> str:
    if isinstance(error, MissingUnit):
        unit = error.name
        return explain_missing_unit(
            "user" if unit == "user" else {"first": [{"attr": unit}, {"attr": unit.split(".")}]}, question
        )
    if isinstance(error, Circle):
        return "refers to itself in a circle, which ends the evaluation"
    return "reaches an error, which ends the evaluation"


def _shorten_steps(steps: Sequence[Step]) -> Iterator[Step]:
    """One step for neighbours of one name that do not match, such as overrides; and not too many."""
    shown = omitted = 0
    for index, step in enumerate(steps):
        if not step.is_mismatch:
            yield from _count_omitted(omitted)
            omitted = 0
            yield step
        elif steps[index + 1 : index + 2] and steps[index + 1].name == step.name:
            continue
        elif shown < MAX_MISMATCHES:
            shown += 1
            yield step
        else:
            omitted += 1
    yield from _count_omitted(omitted)


def _count_omitted(number: int) -> Iterator[Step]:
    if number:
        yield Step("…", f"{number} more rules do not match")
