"""What a test compares for a user, in words."""

from collections.abc import Mapping
from typing import Any

from chalicelib.domain.explanation.question import Question
from chalicelib.domain.explanation.words import READER_KINDS, name_operand, say_relation, shorten, show_value
from chalicelib.domain.general_form.readers import LIST_READERS, UNREADABLE
from chalicelib.domain.general_form.relations import RELATIONS, SETS, WITHOUT_VALUE
from chalicelib.domain.targeting.attributes import read_attribute
from chalicelib.domain.targeting.document import Condition
from chalicelib.domain.targeting.readability import find_unusable_value

Json = Any
_ABSENT = object()


def describe_test(test: Json, question: Question) -> str:
    """What the test compares, whether it holds or not."""
    if "/" in test["test"]:
        return _describe_dialect_test(test, question.context)
    operand, relation, outcome = test["of"], test["test"], question.holds(test)
    if operand == "user" and relation in ("eq", "in") and "value" in test and question.user is not None:
        return "this user" if outcome else "not this user"  # without the ids of other users
    name, value = name_operand(operand), question.read(operand)
    if test.get("list") == "any" and isinstance(value, list):
        return _describe_elements(test, name, value, outcome)
    unusable = _find_unusable_side(test, question)
    if unusable is not None:
        return unusable
    shown = show_value(operand, value)
    if relation not in RELATIONS:  # exists, readable
        return f"{name} is {shown}"
    if relation in WITHOUT_VALUE:
        phrase = f"{name} {say_relation(relation, bool(outcome))}"
        return phrase if outcome else f"{phrase}, and is {shown}"
    right = _show_right_side(test, question)
    # A value that the relation cannot compare is the only one whose outcome this field changes.
    if question.holds(test | {"unreadable": not outcome}) is not outcome:
        return f"{name} {shown} cannot be compared with {right}"
    phrase = f"{name} {say_relation(relation, bool(outcome))} {right}"
    return phrase if outcome else f"{phrase}, and is {shown}"


def _describe_elements(test: Json, name: str, elements: list[Json], outcome: bool | None) -> str:
    if test["test"] not in RELATIONS:
        return f"{name} is {shorten(elements)}"
    right = ""
    if test["test"] not in WITHOUT_VALUE:
        right = f" {name_operand(test['with']) if 'with' in test else shorten(test['value'])}"
    phrase = f"{'an' if outcome else 'no'} element that {say_relation(test['test'], True)}{right}"
    return f"{name} has {phrase}, and is {shorten(elements)}"


def _find_unusable_side(test: Json, question: Question) -> str | None:
    """Which side is absent or cannot be read; None if both can be compared. In the order of the engine."""
    passes_null = test.get("missing") == "pass" and test["test"] != "exists"
    sides = ("of", "with") if test["test"] in RELATIONS else ("of",)
    for operand in (test[side] for side in sides if side in test):
        value = question.read(operand)
        if value is None and not passes_null:
            return f"{name_operand(operand)} is absent"
        if value is UNREADABLE:
            return f"{name_operand(operand)} cannot be read"
        if test["test"] in SETS and isinstance(value, list) and operand.get("as") not in LIST_READERS:
            continue  # its elements are read, not the list
        if value is not None and not question.holds({"test": "readable", "of": operand}):
            kind = READER_KINDS[operand["as"]]
            return f"{name_operand(operand)} {shorten(value)} cannot be read as {kind}"
    return None


def _show_right_side(test: Json, question: Question) -> str:
    if "with" not in test:
        return show_value(test["of"], test["value"])
    operand = test["with"]
    name, shown = name_operand(operand), show_value(operand, question.read(operand))
    return name if name == shown else f"{name} ({shown})"


def _describe_dialect_test(test: Json, context: Mapping[str, Any]) -> str:
    """Why a condition of targeting rules does not hold."""
    dialect, _, operator = test["test"].partition("/")
    name, path, is_v2 = test["attribute"], test.get("path", ""), dialect == "realtime-2.0"
    condition = Condition(path, name, operator, test["value"], test.get("additional_value"))
    value = read_attribute(context, name, _ABSENT) if is_v2 else context.get(name, _ABSENT)
    subject = f"{path}: {name}" if path else name
    if value is _ABSENT:
        return f"{subject} is absent"
    unusable = find_unusable_value(condition, value, is_v2)
    if unusable is not None:
        actual = "" if value is None else f" {shorten(value)}"
        return f"{subject}{actual} {unusable}"
    wanted = [condition.value]
    if condition.additional_value is not None:
        wanted.append(condition.additional_value)
    operands = ", ".join(map(shorten, wanted))
    return f"{subject} is not {operator} {operands}, and is {shorten(value)}"
