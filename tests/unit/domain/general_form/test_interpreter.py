"""The interpreter of the general form, which the engine is tested against, answers as the specification says.

Each example is one sentence of it; the answers are worked out by hand.
"""

import json
import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.general_interpreter import interpret
from tests.support.general_pools import WRITTEN, nest
from tests.support.general_readers import read
from tests.support.general_strategies import (
    CONTEXTS,
    DOCUMENTS,
    DOCUMENTS_OF_CONDITIONS,
    ENDS,
    QUESTIONS,
    SETS,
    TIMES,
    USERS,
)
from tests.support.general_values import Json, Special

A: Json = {"variant": "a"}
B: Json = {"variant": "b"}
ANSWER_A = ("variant", "asked", "a", True, "")
ANSWER_B = ("variant", "asked", "b", True, "")
NONE, ERROR = ("none",), ("error",)

VARIANTS: Json = {"a": {}, "b": {"name": "Blue", "value": {"x": 1}}, "off": {"name": None, "enabled": False}}
OTHERS: Json = {
    "other": {"variants": VARIANTS, "rules": [], "default": B},
    "through": {"variants": {}, "rules": [], "default": {"def": "other"}},
    "switched off": {"variants": VARIANTS, "rules": [{"serve": {"variant": "off"}}]},
    "for nobody": {"variants": {}, "rules": []},
    "broken": {"variants": VARIANTS, "rules": [{"serve": "error"}], "default": A},
    "narcissus": {"variants": VARIANTS, "rules": [{"serve": {"def": "narcissus"}}]},
    "first of a circle": {"variants": {}, "rules": [{"serve": {"def": "second of a circle"}}]},
    "second of a circle": {
        "variants": VARIANTS,
        "rules": [
            {"when": {"test": "exists", "of": {"flag": "first of a circle", "get": "value"}}, "serve": A}
        ],
    },
    "circle not reached": {
        "variants": VARIANTS,
        "rules": [{"serve": A}, {"serve": {"def": "circle not reached"}}],
    },
}
SEGMENTS: Json = {
    "germans": {"test": "eq", "of": {"attr": "country"}, "value": "DE"},
    "undetermined": "unknown",
    "reading an element": {"test": "exists", "of": {"item": []}},
    "itself": {"not": {"segment": "itself"}},
    "there": {"any": [False, {"segment": "and back"}]},
    "and back": {"segment": "there"},
    "through a flag": {"test": "exists", "of": {"flag": "narcissus", "get": "value"}},
}
CONTEXT: Json = {
    "country": "DE",
    "age": 18,
    "half": 0.5,
    "yes": True,
    "null": None,
    "tags": ["x", "y", None, 7],
    "no tags": [],
    "profile": {"age": 40, "null": None, "list": [1]},
    "profile.age": 41,
    "orders": [{"sum": 5}, {"sum": 50, "parts": [{"sum": 500}]}, {}],
    "version": "1.10.0",
}
NOW = 1_714_557_600


def ask(definition: Json, user: str | None = "ada") -> tuple[Any, ...]:
    definitions = OTHERS | {"asked": {"variants": VARIANTS} | definition}
    return interpret({"definitions": definitions, "segments": SEGMENTS}, "asked", user, CONTEXT, NOW)


def truth(condition: Json, user: str | None = "ada") -> Json:
    """What a condition is: true, false, "unknown" or "error"."""
    rules = [{"when": condition, "serve": A}, {"when": {"not": condition}, "serve": B}]
    answer = ask({"rules": rules}, user)
    return {ANSWER_A: True, ANSWER_B: False, NONE: "unknown", ERROR: "error"}[answer]


def sentences(cases: dict[str, tuple[Any, ...]]) -> Any:
    return [pytest.param(*case, id=sentence) for sentence, case in cases.items()]


# Rules

NOT_IN_AN_ARM: Json = {
    "split": {"scheme": "md5-mod", "of": 16},
    "arms": [{"ranges": [[0, 0]], "serve": A}],
}
WITHOUT_UNIT: Json = {
    "split": {"scheme": "md5-mod", "of": 16, "unit": {"attr": "nothing"}},
    "arms": [{"ranges": [[0, 16]], "serve": A}],
}
EVERYBODY: Json = {"scheme": "md5-mod", "of": 16}


def split_without_unit(missing: Json) -> Json:
    return WITHOUT_UNIT | {"split": WITHOUT_UNIT["split"] | {"missing": missing}}


def serving(served: Json) -> Json:
    """The rule decides nothing but by what it serves; its `else` is b, the next rule none."""
    return {"rules": [{"serve": served, "else": B}, {"serve": "none"}]}


RULES = {
    "rules are tried in order": ({"rules": [{"serve": A}, {"serve": B}]}, ANSWER_A),
    "a rule without `when` holds": ({"rules": [{"serve": A}]}, ANSWER_A),
    "a `when` that is false goes to the next rule": (
        {"rules": [{"when": False, "serve": A, "else": "none"}, {"serve": B}]},
        ANSWER_B,
    ),
    "a `when` that is unknown goes to the next rule": (
        {"rules": [{"when": "unknown", "serve": A, "else": "none"}, {"serve": B}]},
        ANSWER_B,
    ),
    "a gate that is false goes to `else`": (
        {"rules": [{"gates": [True, False], "serve": A, "else": B}]},
        ANSWER_B,
    ),
    "a gate that is unknown goes to `else`": (
        {"rules": [{"gates": ["unknown"], "serve": A, "else": B}]},
        ANSWER_B,
    ),
    "gates that are all true go to `serve`": (
        {"rules": [{"gates": [True, True], "serve": A, "else": B}]},
        ANSWER_A,
    ),
    "a gate behind one that is not true is not reached": (
        {"rules": [{"gates": ["unknown", "error"], "serve": A, "else": B}]},
        ANSWER_B,
    ),
    "an `else` that is absent goes to the next rule": (
        {"rules": [{"gates": [False], "serve": A}, {"serve": B}]},
        ANSWER_B,
    ),
    "an `else` that is undecided goes to the next rule": (
        {"rules": [{"gates": [False], "serve": A, "else": NOT_IN_AN_ARM}, {"serve": B}]},
        ANSWER_B,
    ),
    "a split whose number lies in no arm goes to `else`": (serving(NOT_IN_AN_ARM), ANSWER_B),
    "a split without a unit goes to `else`": (serving(WITHOUT_UNIT), ANSWER_B),
    "a split without a unit, missing unknown, goes to `else`": (
        serving(split_without_unit("unknown")),
        ANSWER_B,
    ),
    "a split without a unit, missing error, is an error": (serving(split_without_unit("error")), ERROR),
    "a split without a unit, missing a bucket, has that number": (
        serving(split_without_unit({"bucket": 15})),
        ANSWER_A,
    ),
    "`next` goes to the next rule, never to `else`": (serving("next"), NONE),
    "an arm that serves `next` goes to the next rule": (
        serving({"split": EVERYBODY, "arms": [{"ranges": [[0, 16]], "serve": "next"}]}),
        NONE,
    ),
    "the arm that has the number serves": (
        # md5("ada") is 8c8d357b5e872bbacd45197626bd5759: 9 modulo 16
        serving(
            {
                "split": EVERYBODY,
                "arms": [
                    {"ranges": [[0, 9], [10, 16]], "serve": "none"},
                    {"ranges": [[9, 10]], "serve": A},
                ],
            }
        ),
        ANSWER_A,
    ),
    "an arm whose serve is undecided is undecided": (
        serving({"split": EVERYBODY, "arms": [{"ranges": [[0, 16]], "serve": {"rules": []}}]}),
        ANSWER_B,
    ),
    "nested rules without an answer go to `else`": (
        serving({"rules": [{"serve": "next"}, {"when": False, "serve": A}]}),
        ANSWER_B,
    ),
    "`next` inside of nested rules goes on inside": (
        serving({"rules": [{"serve": "next"}, {"serve": A}]}),
        ANSWER_A,
    ),
    "an undecided rule inside of nested rules goes on inside": (
        serving({"rules": [{"serve": NOT_IN_AN_ARM}, {"serve": A}]}),
        ANSWER_A,
    ),
    "after the last rule: the default": ({"rules": [{"when": False, "serve": A}], "default": B}, ANSWER_B),
    "without a default: none": ({"rules": []}, NONE),
    "`default` served in a nested rule is the definition's default": (
        {"rules": [{"serve": {"rules": [{"serve": "default"}]}}, {"serve": A}], "default": B},
        ANSWER_B,
    ),
    "`default` as the default is none": ({"rules": [], "default": "default"}, NONE),
    "`next` as the default is none": ({"rules": [], "default": "next"}, NONE),
    "an undecided default is none": ({"rules": [], "default": NOT_IN_AN_ARM}, NONE),
    "`default` inside of the default is none, and an answer": (
        {"rules": [], "default": {"rules": [{"serve": "default"}, {"serve": A}]}},
        NONE,
    ),
    "a default may have rules": (
        {"rules": [], "default": {"rules": [{"when": False, "serve": A}, {"serve": B}]}},
        ANSWER_B,
    ),
    "`none` is an answer": ({"rules": [{"serve": "none", "else": A}, {"serve": A}], "default": A}, NONE),
    "`error` served ends the evaluation": ({"rules": [{"serve": "error", "else": A}, {"serve": A}]}, ERROR),
    "`error` as a condition ends the evaluation": ({"rules": [{"when": "error", "serve": A}]}, ERROR),
    "an error that is not reached does not": ({"rules": [{"serve": A}, {"serve": "error"}]}, ANSWER_A),
    "`error` as the default": ({"rules": [], "default": "error"}, ERROR),
    "a definition asked by `def` answers under its own key": (
        {"rules": [{"serve": {"def": "other"}}]},
        ("variant", "other", "b", True, ""),
    ),
    "the answer of a definition asked through another is under the last key": (
        {"rules": [{"serve": {"def": "through"}}]},
        ("variant", "other", "b", True, ""),
    ),
    "none of a definition asked by `def` is an answer": (
        {"rules": [{"serve": {"def": "for nobody"}, "else": A}, {"serve": A}]},
        NONE,
    ),
    "an error of a definition asked by `def` ends the evaluation of the asking one": (
        {"rules": [{"serve": {"def": "broken"}, "else": A}], "default": A},
        ERROR,
    ),
    "an unknown key: error": ({"rules": [{"serve": {"def": "unknown"}}]}, ERROR),
    "a definition that asks itself: error": ({"rules": [{"serve": {"def": "narcissus"}}]}, ERROR),
    "a definition that asks the asking one: error": ({"rules": [{"serve": {"def": "asked"}}]}, ERROR),
    "a circle of `def` and `flag`: error": ({"rules": [{"serve": {"def": "first of a circle"}}]}, ERROR),
    "a circle that is not reached is none": (
        {"rules": [{"serve": {"def": "circle not reached"}}]},
        ("variant", "circle not reached", "a", True, ""),
    ),
    "a definition may be asked twice": (
        {
            "rules": [
                {
                    "when": {"test": "exists", "of": {"flag": "other", "get": "value"}},
                    "serve": {"def": "other"},
                }
            ]
        },
        ("variant", "other", "b", True, ""),
    ),
    "`enabled` is the variant's": (
        {"rules": [{"serve": {"variant": "off"}}]},
        ("variant", "asked", "off", False, ""),
    ),
    "`enabled` of serve goes before the variant's": (
        {"rules": [{"serve": {"variant": "off", "enabled": True}}]},
        ("variant", "asked", "off", True, ""),
    ),
    "`enabled: false` of serve goes before the variant's": (
        {"rules": [{"serve": {"variant": "a", "enabled": False}}]},
        ("variant", "asked", "a", False, ""),
    ),
    "`reason` is serve's": (
        {"rules": [{"serve": {"variant": "a", "reason": "SPLIT"}}]},
        ("variant", "asked", "a", True, "SPLIT"),
    ),
}


@pytest.mark.parametrize(("definition", "answer"), sentences(RULES))
def test_rules(definition: Json, answer: tuple[Any, ...]) -> None:
    assert ask(definition) == answer


def test_a_question_for_an_unknown_key_is_an_error() -> None:
    assert interpret({"definitions": {}}, "asked", "ada", {}, NOW) == ERROR


# Conditions


def build_test(relation: str, operand: Json, value: Json = None, **more: Json) -> Json:
    return {"test": relation, "of": operand, "value": value} | more


def attr(*path: str, **more: Json) -> Json:
    return {"attr": path[0] if len(path) == 1 else list(path)} | more


def const(value: Json, reader: str | None = None) -> Json:
    return {"const": value} | ({"as": reader} if reader else {})


GONE = attr("gone")

CONDITIONS = {
    "a constant is what it says": ("unknown", "unknown"),
    "all of nothing is true": ({"all": []}, True),
    "all is false if any is false": ({"all": ["unknown", False]}, False),
    "all is unknown if any is unknown and none is false": ({"all": [True, "unknown", True]}, "unknown"),
    "all is true if each is true": ({"all": [True, True]}, True),
    "all stops at the first false": ({"all": [False, "error"]}, False),
    "all does not stop at an unknown": ({"all": ["unknown", "error"]}, "error"),
    "any of nothing is false": ({"any": []}, False),
    "any is true if one is true": ({"any": ["unknown", True]}, True),
    "any is unknown if one is unknown and none is true": ({"any": [False, "unknown", False]}, "unknown"),
    "any is false if each is false": ({"any": [False, False]}, False),
    "any stops at the first true": ({"any": [True, "error"]}, True),
    "any does not stop at an unknown": ({"any": ["unknown", "error"]}, "error"),
    "not turns true into false": ({"not": True}, False),
    "not turns false into true": ({"not": False}, True),
    "not leaves unknown as it is": ({"not": "unknown"}, "unknown"),
    "not leaves an error as it is": ({"not": "error"}, "error"),
    "a segment is its condition": ({"segment": "germans"}, True),
    "a segment passes unknown on": ({"segment": "undetermined"}, "unknown"),
    "an unknown segment: error": ({"segment": "gone"}, "error"),
    "a segment in itself: error": ({"segment": "itself"}, "error"),
    "a circle of segments: error": ({"segment": "there"}, "error"),
    "a segment may be used twice": ({"all": [{"segment": "germans"}, {"segment": "germans"}]}, True),
    "a circle behind a segment: error": ({"segment": "through a flag"}, "error"),
    "some: true for one element": (
        {"some": attr("orders"), "where": build_test("gt", {"item": ["sum"]}, 10)},
        True,
    ),
    "some: false for each": (
        {"some": attr("orders"), "where": build_test("gt", {"item": ["sum"]}, 100)},
        False,
    ),
    "some: unknown for one and true for none": (
        {"some": attr("orders"), "where": build_test("gt", {"item": ["sum"]}, 100, missing="unknown")},
        "unknown",
    ),
    "some stops at the first true": (
        {"some": attr("orders"), "where": {"any": [build_test("eq", {"item": ["sum"]}, 5), "error"]}},
        True,
    ),
    "some does not stop at a false": (
        {"some": attr("orders"), "where": {"all": [build_test("eq", {"item": ["sum"]}, 50), "error"]}},
        "error",
    ),
    "some of nothing is false": ({"some": attr("no tags"), "where": True}, False),
    "some of what is no list is false": ({"some": attr("profile"), "where": True}, False),
    "some of what is missing is false": ({"some": GONE, "where": "error"}, False),
    "item [] is the element": ({"some": attr("tags"), "where": build_test("eq", {"item": []}, "y")}, True),
    "an element that is null is missing": (
        {"some": const([None]), "where": build_test("eq", {"item": []}, 1, missing="unknown")},
        "unknown",
    ),
    "other operands inside of some are as outside": (
        {"some": attr("tags"), "where": build_test("eq", attr("country"), "DE")},
        True,
    ),
    "item is of the innermost some": (
        {
            "some": attr("orders"),
            "where": {"some": {"item": ["parts"]}, "where": build_test("eq", {"item": ["sum"]}, 500)},
        },
        True,
    ),
    "a segment inside of some does not see the element": (
        {"some": attr("tags"), "where": {"segment": "reading an element"}},
        False,
    ),
    "item outside of some is missing": (build_test("eq", {"item": []}, 1, missing="unknown"), "unknown"),
}


@pytest.mark.parametrize(("condition", "expected"), sentences(CONDITIONS))
def test_conditions(condition: Json, expected: Json) -> None:
    assert truth(condition) == expected


# Operands: what `eq` says of them, and "missing" if they are missing.


OPERANDS = {
    "attr of a name": (attr("country"), "DE"),
    "attr of a name with a dot is that name": (attr("profile.age"), 41),
    "attr of a path descends through objects": (attr("profile", "age"), 40),
    "attr that is absent is missing": (GONE, "missing"),
    "attr that is null is missing": (attr("null"), "missing"),
    "attr of a path that ends in null is missing": (attr("profile", "null"), "missing"),
    "attr of a path through a list is missing": (attr("profile", "list", "0"), "missing"),
    "attr of a path through a text is missing": (attr("country", "D"), "missing"),
    "attr of an empty path is the context": ({"attr": []}, CONTEXT),
    "user is the id": ("user", "ada"),
    "context is the whole context": ("context", CONTEXT),
    "now is the time in epoch seconds": ("now", NOW),
    "const is what it says": (const([1, {"x": None}]), [1, {"x": None}]),
    "const null is missing": (const(None), "missing"),
    "flag value": ({"flag": "other", "get": "value"}, {"x": 1}),
    "flag value that is null is missing": ({"flag": "switched off", "get": "value"}, "missing"),
    "flag value at a path": ({"flag": "other", "get": "value", "path": ["x"]}, 1),
    "flag value without that path is missing": (
        {"flag": "other", "get": "value", "path": ["x", "y"]},
        "missing",
    ),
    "flag variant is the variant's name": ({"flag": "other", "get": "variant"}, "Blue"),
    "flag variant without a name is its id": ({"flag": "circle not reached", "get": "variant"}, "a"),
    "flag variant whose name is null is missing": ({"flag": "switched off", "get": "variant"}, "missing"),
    "flag variant of one that asks another is the other's": (
        {"flag": "through", "get": "variant"},
        "Blue",
    ),
    "flag enabled": ({"flag": "switched off", "get": "enabled"}, False),
    "flag that answers none is missing": ({"flag": "for nobody", "get": "enabled"}, "missing"),
    "first is the first that is not missing": ({"first": [GONE, attr("null"), attr("age"), "user"]}, 18),
    "first of missing ones is missing": ({"first": [GONE]}, "missing"),
    "first of nothing is missing": ({"first": []}, "missing"),
    "first reads no further": ({"first": ["user", {"flag": "unknown", "get": "value"}]}, "ada"),
    "first passes over what cannot be read": (
        {"first": [attr("country", **{"as": "number"}), "user"]},
        "ada",
    ),
    "an operand is read by its reader": (attr("country", **{"as": "fold"}), "de"),
    "first is read by the readers of both": (
        {"first": [attr("country", **{"as": "text"})], "as": "fold"},
        "de",
    ),
}


@pytest.mark.parametrize(("operand", "value"), sentences(OPERANDS))
def test_operands(operand: Json, value: Json) -> None:
    is_there = value not in ("missing", "unreadable")
    missing = {"test": "ne", "of": operand, "with": operand}
    assert truth(missing | {"missing": "unknown"}) == ("unknown" if value == "missing" else False)
    assert truth(missing | {"unreadable": "unknown"}) == ("unknown" if value == "unreadable" else False)
    assert truth({"test": "eq", "of": operand, "with": const(value)}) is is_there


def test_the_id_of_a_user_without_one_is_missing() -> None:
    assert truth(build_test("eq", "user", "ada", missing="unknown"), user=None) == "unknown"


def test_a_flag_that_is_unknown_is_an_error() -> None:
    assert truth(build_test("exists", {"flag": "unknown", "get": "value"})) == "error"


def test_a_flag_that_ends_in_an_error_ends_the_evaluation() -> None:
    assert truth(build_test("exists", {"flag": "broken", "get": "value"})) == "error"


# Tests

UNREADABLE = {"as": "number", "attr": "country"}

TESTS = {
    "a missing left side is false": (build_test("ne", GONE, 1), False),
    "a missing left side is what `missing` says": (build_test("eq", GONE, 1, missing=True), True),
    "a missing left side may be unknown": (build_test("eq", GONE, 1, missing="unknown"), "unknown"),
    "null passes on to the relation": (build_test("ne", GONE, 1, missing="pass"), True),
    "null passes on without a reader": (build_test("ne", GONE | {"as": "number"}, 1, missing="pass"), True),
    "a null that passed is equal to null": (build_test("eq", GONE, None, missing="pass"), True),
    "a null that passed is in a list of null": (build_test("in", GONE, [1, None], missing="pass"), True),
    "a null that passed has no order": (
        build_test("lt", GONE, 1, missing="pass", unreadable="unknown"),
        "unknown",
    ),
    "an unreadable left side is false": (build_test("ne", UNREADABLE, 1), False),
    "an unreadable left side is what `unreadable` says": (
        build_test("eq", UNREADABLE, 1, unreadable=True),
        True,
    ),
    "an unreadable left side may be unknown": (
        build_test("eq", UNREADABLE, 1, unreadable="unknown"),
        "unknown",
    ),
    "a value is read by the left operand's reader": (
        build_test("eq", attr("country") | {"as": "fold"}, "dE"),
        True,
    ),
    "a value of `in` is read element by element": (
        build_test("in", attr("country") | {"as": "fold"}, ["FR", "DE"]),
        True,
    ),
    "a value of `between` is read element by element": (
        build_test("between", attr("version") | {"as": "semver"}, ["v1.9", "1.11"]),
        True,
    ),
    "`with` is an operand": ({"test": "eq", "of": attr("country"), "with": const("DE")}, True),
    "`with` is read by its own reader only": (
        {"test": "eq", "of": attr("country") | {"as": "fold"}, "with": const("DE")},
        False,
    ),
    "`with` that is missing is what `missing` says": (
        {"test": "eq", "of": attr("age"), "with": GONE, "missing": True},
        True,
    ),
    "`with` that is missing passes null on": (
        {"test": "ne", "of": attr("age"), "with": GONE, "missing": "pass"},
        True,
    ),
    "`with` that is unreadable is what `unreadable` says": (
        {"test": "eq", "of": attr("age"), "with": UNREADABLE, "unreadable": True},
        True,
    ),
    "`with` behind a missing left side is not reached": (
        {"test": "eq", "of": GONE, "with": {"flag": "unknown", "get": "value"}},
        False,
    ),
    "a list is compared as a whole": (build_test("eq", attr("tags"), "x"), False),
    "list any: true for one element": (build_test("eq", attr("tags"), "y", list="any"), True),
    "list any: false for each": (build_test("eq", attr("tags"), "z", list="any"), False),
    "list any: unknown for one and true for none": (
        build_test("eq", attr("tags"), "z", list="any", missing="unknown"),
        "unknown",
    ),
    "list any: an element is read by the reader": (
        build_test("eq", attr("tags") | {"as": "fold"}, "Y", list="any"),
        True,
    ),
    "list any: an element that is unreadable": (
        build_test("eq", const(["x", 7], "text"), "z", list="any", unreadable="unknown"),
        "unknown",
    ),
    "list any: an element that is a list is compared as a whole": (
        build_test("eq", const([["x"]]), "x", list="any"),
        False,
    ),
    "list any: an empty list is false": (
        build_test("ne", attr("no tags"), 1, list="any", missing=True),
        False,
    ),
    "list any: what is no list is tested itself": (build_test("eq", attr("age"), 18, list="any"), True),
    "eq: a number is equal to the same number": (build_test("eq", const(1), 1.0), True),
    "eq: large integers are exact": (build_test("eq", const(2**53 + 1), 2.0**53), False),
    "eq: true is not 1": (build_test("eq", attr("yes"), 1), False),
    "eq: true inside of a list is not 1": (build_test("eq", const([True]), [1]), False),
    "eq: objects": (build_test("eq", const({"x": 1, "y": [None]}), {"y": [None], "x": 1.0}), True),
    "eq: a text is no number": (build_test("eq", const("18"), 18), False),
    "ne: of another kind": (build_test("ne", attr("yes"), 1), True),
    "eq: a version is no text": (
        {"test": "eq", "of": const("1.0.0", "semver"), "with": const("1.0.0")},
        False,
    ),
    "eq: versions differ not by build": (build_test("eq", const("1.0.0+x", "semver"), "v1+y"), True),
    "lt": (build_test("lt", attr("age"), 18), False),
    "le": (build_test("le", attr("age"), 18), True),
    "gt": (build_test("gt", attr("age"), 17.5), True),
    "ge": (build_test("ge", attr("age"), 18.5), False),
    "texts are ordered by code points": (build_test("lt", const("Z"), "a"), True),
    "versions are ordered by precedence": (build_test("gt", attr("version") | {"as": "semver"}, "1.9"), True),
    "other kinds have no order": (build_test("lt", const("1"), 2, unreadable="unknown"), "unknown"),
    "booleans have no order": (build_test("lt", const(False), True, unreadable="unknown"), "unknown"),
    "between: both ends are inside": (build_test("between", attr("age"), [18, 18]), True),
    "between: outside": (build_test("between", attr("age"), [19, 20]), False),
    "between: a bound of another kind is unreadable": (
        build_test("between", attr("age"), [19, "x"], unreadable="unknown"),
        "unknown",
    ),
    "between: with what are not two bounds is unreadable": (
        {"test": "between", "of": attr("age"), "with": const([1]), "unreadable": "unknown"},
        "unknown",
    ),
    "in: equal to an element": (build_test("in", const(1), ["1", 1.0]), True),
    "in: true is not in [1]": (build_test("in", attr("yes"), [1]), False),
    "in: nothing is in []": (build_test("in", const(1), []), False),
    "in: with what is no list is unreadable": (
        {"test": "in", "of": attr("age"), "with": const(18), "unreadable": "unknown"},
        "unknown",
    ),
    "starts": (build_test("starts", attr("country"), "D"), True),
    "ends": (build_test("ends", attr("country"), "D"), False),
    "contains": (build_test("contains", attr("country"), ""), True),
    "contains: a list is unreadable": (
        build_test("contains", attr("tags"), "x", unreadable="unknown"),
        "unknown",
    ),
    "starts: a number is unreadable": (build_test("starts", const(18), "1", unreadable="unknown"), "unknown"),
    "exists: there": (build_test("exists", attr("yes")), True),
    "exists: an empty text is there": (build_test("exists", const("")), True),
    "exists: missing": (build_test("exists", attr("null")), False),
    "exists: missing is false whatever is written": (build_test("exists", GONE, missing=True), False),
    "exists: null does not pass": (build_test("exists", GONE, missing="pass"), False),
    "exists: unreadable": (build_test("exists", UNREADABLE, unreadable="unknown"), "unknown"),
    "readable: there": (build_test("readable", attr("yes")), True),
    "readable: missing": (build_test("readable", GONE), False),
    "readable: not by the reader": (build_test("readable", UNREADABLE), False),
    "readable: made of what cannot be read": (
        build_test("readable", {"fn": "lower", "args": [attr("age")]}),
        False,
    ),
    "exists, list any: an element is there": (build_test("exists", attr("tags"), list="any"), True),
    "exists, list any: nothing is there": (build_test("exists", const([None]), list="any"), False),
}


@pytest.mark.parametrize(("condition", "expected"), sentences(TESTS))
def test_tests(condition: Json, expected: Json) -> None:
    assert truth(condition) == expected


# Readers: equal to what the other reads, or unreadable

HUGE = 10**400
READERS: dict[str, tuple[str, Json, Json]] = {
    "text reads text": ("text", "DE", "DE"),
    "text does not read a number": ("text", 1, None),
    "number reads an integer": ("number", HUGE, HUGE),
    "number reads a float": ("number", 0.5, 0.5),
    "number does not read infinity": ("number", math.inf, None),
    "number does not read a boolean": ("number", True, None),
    "number does not read text": ("number", "1", None),
    "integer reads an integer": ("integer", -7, -7),
    "integer does not read a float": ("integer", 1.0, None),
    "integer does not read a boolean": ("integer", True, None),
    "typed reads an integer of text": ("typed", "-7", -7),
    "typed reads a number of text": ("typed", "1.50", 1.5),
    "typed leaves other text": ("typed", "1e3", "1e3"),
    "typed does not read a list": ("typed", [], None),
    "typed-text writes a float with its point": ("typed-text", "5.0", "5.0"),
    "typed-text writes a boolean as Python does": ("typed-text", True, "True"),
    "json-text-nonempty does not read an empty text": ("json-text-nonempty", "", None),
    "fold reads text, case-folded": ("fold", "STRAßE", "strasse"),
    "fold does not read a number": ("fold", 1, None),
    "instant reads UTC": ("instant", "1970-01-01T00:00:01Z", 1_000_000),
    "instant reads small letters": ("instant", "1970-01-01t00:00:01z", 1_000_000),
    "instant reads an offset": ("instant", "1970-01-01T01:00:01+01:00", 1_000_000),
    "instant reads a negative offset": ("instant", "1969-12-31T22:30:00-01:30", 0),
    "instant reads microseconds": ("instant", "1969-12-31T23:59:59.999999Z", -1),
    "instant cuts further digits off": ("instant", "1970-01-01T00:00:00.0000019Z", 1),
    "instant reads an offset out of the calendar": (
        "instant",
        "0001-01-01T00:00:00+00:01",
        -62_135_596_860_000_000,
    ),
    "instant does not read a time without an offset": ("instant", "1970-01-01T00:00:00", None),
    "instant does not read a date": ("instant", "1970-01-01", None),
    "instant does not read a blank for T": ("instant", "1970-01-01 00:00:00Z", None),
    "instant does not read a day that is not": ("instant", "1970-02-29T00:00:00Z", None),
    "instant does not read a leap second": ("instant", "2016-12-31T23:59:60Z", None),
    "instant does not read 24 o'clock": ("instant", "1970-01-01T24:00:00Z", None),
    "instant does not read the year 0": ("instant", "0000-01-01T00:00:00Z", None),
    "instant does not read a number": ("instant", 0, None),
    "instant does not read other digits": ("instant", "1970-01-01T00:00:0٢Z", None),
}


@pytest.mark.parametrize(("reader", "value", "expected"), sentences(READERS))
def test_readers(reader: str, value: Json, expected: Json) -> None:
    result = read(reader, value)
    assert result is Special.UNREADABLE if expected is None else result == expected
    assert type(result) in (Special, type(expected))


VERSIONS_IN_ORDER: list[list[Json]] = [
    ["0.0.0", "0", 0, 0.0, "v0"],
    ["1.0.0-0"],
    ["1.0.0-1"],
    ["1-10", "V1.0-10+build.7"],
    ["1.0.0-alpha"],
    ["1.0.0-alpha.1"],
    ["1.0.0-alpha.beta"],
    ["1.0.0-beta.2"],
    ["1.0.0-beta.11"],
    ["1.0.0-rc"],
    ["1.0.0", "v1.0.0", "1.0", "1", 1, 1.0, "1.0.0+build"],
    [1.2, "1.2"],
    ["1.10"],
    [10**290, f"{10**290}.0.0"],
]


@pytest.mark.parametrize(("lower", "higher"), list(pairwise(VERSIONS_IN_ORDER)))
def test_versions_have_an_order(lower: list[Json], higher: list[Json]) -> None:
    for version in lower:
        for other in higher:
            assert truth(build_test("lt", const(version, "semver"), other)) is True
        for other in lower:
            assert truth(build_test("eq", const(version, "semver"), other)) is True
            assert truth(build_test("ge", const(version, "semver"), other)) is True


NO_VERSIONS = ["", "v", "vv1", "1.", "01", "1.2.3.4", "1-", "1-01", " 1", "1\n", "x", "٢", True, -1, 1e22, []]


@pytest.mark.parametrize("value", NO_VERSIONS, ids=repr)
def test_semver_does_not_read(value: Json) -> None:
    assert read("semver", value) is Special.UNREADABLE


def test_a_version_of_over_300_characters_and_a_unit_of_over_4300_digits_are_none() -> None:
    assert read("semver", 10**299) != Special.UNREADABLE
    assert read("semver", 10**300) is Special.UNREADABLE
    assert read("semver", "1." + "1" * 299) is Special.UNREADABLE
    shard = EVERYBODY | {"unit": const(10**4_300), "missing": "unknown"}
    assert truth({"shard": shard, "ranges": [[0, 16]]}) == "unknown"


# Shards

HELLO = const("hello")
SHARDS = {
    "realtime-1 takes the first half": (
        # murmur3_x64_128("hello") is cbd8a7b341bd9b02 5b1e906a48ae1d19
        {"scheme": "realtime-1", "prefix": "he", "half": "first", "unit": const("llo")},
        0xCBD8A7B341BD9B02 * 100_000 // 2**64,
    ),
    "realtime-1 takes the second half": (
        {"scheme": "realtime-1", "prefix": "", "half": "second", "unit": HELLO},
        0x5B1E906A48AE1D19 * 100_000 // 2**64,
    ),
    "murmur32-mod": ({"scheme": "murmur32-mod", "of": 16, "unit": HELLO}, 0x248BFA47 % 16),
    "murmur32-mod is unsigned": (
        {"scheme": "murmur32-mod", "prefix": "h", "seed": 1, "of": 1_000, "unit": const("ello")},
        0xBB4ABCAD % 1_000,
    ),
    "sha1-unit": (
        # sha1("hello") begins with aaf4c61ddcc5e8a
        {"scheme": "sha1-unit", "prefix": "he", "suffix": "o", "unit": const("ll")},
        0xAAF4C61DDCC5E8A / float(2**60 - 1),
    ),
    "md5-mod": (
        # md5("hello") is 5d41402abc4b2a76b9719d911017c592
        {"scheme": "md5-mod", "prefix": "he", "suffix": "o", "of": 256, "unit": const("ll")},
        0x92,
    ),
    "the unit is the user": ({"scheme": "md5-mod", "of": 16}, 9),
    "the unit may be empty": ({"scheme": "md5-mod", "of": 16, "unit": const("")}, 14),
    "an integer becomes decimal text": (
        {"scheme": "md5-mod", "prefix": "hello", "of": 16, "unit": const(-5)},
        {"scheme": "md5-mod", "prefix": "hello", "of": 16, "unit": const("-5")},
    ),
    "an integer that was read becomes decimal text": (
        {"scheme": "md5-mod", "of": 16, "unit": const("1970-01-01T00:00:01Z"), "as": "instant"},
        {"scheme": "md5-mod", "of": 16, "unit": const("1000000")},
    ),
    "the unit is read": (
        {"scheme": "md5-mod", "of": 16, "unit": const("HELLO"), "as": "fold"},
        0x2,
    ),
    "the unit is read by its operand's reader first": (
        {"scheme": "md5-mod", "of": 16, "unit": const("HELLO", "fold"), "as": "text"},
        0x2,
    ),
    "a unit that is missing is out": ({"scheme": "md5-mod", "of": 16, "unit": GONE}, False),
    "a unit that is missing may be unknown": (
        {"scheme": "md5-mod", "of": 16, "unit": GONE, "missing": "unknown"},
        "unknown",
    ),
    "a unit that is missing may be an error": (
        {"scheme": "md5-mod", "of": 16, "unit": GONE, "missing": "error"},
        "error",
    ),
    "a unit that is missing may have a bucket": (
        {"scheme": "md5-mod", "of": 16, "unit": GONE, "missing": {"bucket": 3}},
        3,
    ),
    "a unit that is unreadable is missing": (
        {"scheme": "md5-mod", "of": 16, "unit": const("x"), "as": "number", "missing": {"bucket": 3}},
        3,
    ),
    "the reader text reads no integer": (
        {"scheme": "md5-mod", "of": 16, "unit": const(7), "as": "text", "missing": {"bucket": 3}},
        3,
    ),
    "a float is no unit": (
        {"scheme": "md5-mod", "of": 16, "unit": const(7.0), "missing": {"bucket": 3}},
        3,
    ),
    "a boolean is no unit": (
        {"scheme": "md5-mod", "of": 16, "unit": const(True), "missing": {"bucket": 3}},
        3,
    ),
    "a version is no unit": (
        {"scheme": "md5-mod", "of": 16, "unit": const("1"), "as": "semver", "missing": {"bucket": 3}},
        3,
    ),
    "a lone surrogate is as missing": (
        {"scheme": "md5-mod", "of": 16, "unit": const("\ud800"), "missing": "unknown"},
        "unknown",
    ),
}


def number_of(shard: Json) -> Json:
    """The number, or what the condition is if there is none."""
    numbers: list[float] = [7, 13, 3, 2, 9, 14, 0x92, 0xBB4ABCAD % 1_000]
    if shard["scheme"] == "sha1-unit":
        numbers = [0xAAF4C61DDCC5E8A / float(2**60 - 1)]
    if shard["scheme"] == "realtime-1":
        numbers = [0xCBD8A7B341BD9B02 * 100_000 // 2**64, 0x5B1E906A48AE1D19 * 100_000 // 2**64]
    numbers += range(16)
    result = truth({"shard": shard, "ranges": [[0, 1_000_000]]})
    if result is not True:
        return result
    return next(n for n in numbers if truth({"shard": shard, "ranges": [[n, n]], "closed": True}) is True)


@pytest.mark.parametrize(("shard", "expected"), sentences(SHARDS))
def test_shards(shard: Json, expected: Json) -> None:
    assert number_of(shard) == (number_of(expected) if isinstance(expected, dict) else expected)


@pytest.mark.parametrize(
    ("text", "bucket"),
    [
        ("hashKey.saltyA.userKeyA", 0.42157587),
        ("hashKey.saltyA.userKeyB", 0.67084850),
        ("hashKey.saltyA.userKeyC", 0.10343106),
        ("61.userKeyA", 0.09801207),
    ],
)
def test_sha1_unit_has_the_numbers_of_launchdarkly(text: str, bucket: float) -> None:
    shard = {"scheme": "sha1-unit", "unit": const(text)}
    assert truth({"shard": shard, "ranges": [[bucket - 1e-8, bucket + 1e-8]]}) is True


RANGES = {
    "from is inside": ([[9, 10]], False, True),
    "to is outside": ([[8, 9]], False, False),
    "to is inside of a closed range": ([[8, 9]], True, True),
    "closed holds for each range": ([[8, 9], [11, 12]], True, True),
    "from equal to to is empty": ([[9, 9]], False, False),
    "one of several ranges": ([[0, 3], [9, 12]], False, True),
    "no range": ([], True, False),
}


@pytest.mark.parametrize(("ranges", "closed", "expected"), sentences(RANGES))
def test_ranges(ranges: Json, closed: bool, expected: bool) -> None:
    assert truth({"shard": EVERYBODY, "ranges": ranges, "closed": closed}) is expected


# For every document


def is_answer(answer: tuple[Any, ...], document: Json) -> bool:
    if answer in (NONE, ERROR):
        return True
    kind, key, variant, enabled, reason = answer
    is_typed = isinstance(enabled, bool) and isinstance(reason, str)
    return kind == "variant" and variant in document["definitions"][key]["variants"] and is_typed


@given(QUESTIONS)
def test_every_question_has_an_answer(question: Json) -> None:
    assert is_answer(interpret(*question), question[0])


@given(DOCUMENTS_OF_CONDITIONS, USERS, CONTEXTS, TIMES)
def test_a_condition_is_true_false_unknown_or_an_error(
    document: Json, user: str | None, context: Json, now: float
) -> None:
    answer = interpret(document, "checkout", user, context, now)
    assert answer == ERROR or answer[1:] in [
        ("checkout", "on", True, ""),
        ("checkout", "off", True, ""),
        ("checkout", "blue", True, ""),
    ]


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=4)
ANY_NUMBER = st.integers() | st.floats(allow_nan=False) | st.sampled_from([HUGE, -HUGE, 1e308])
ANY_JSON = st.recursive(
    st.none() | st.booleans() | ANY_NUMBER | ANY_TEXT | st.just(nest(25)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=10,
)
ATTRIBUTES = ["country", "age", "version", "seen", "beta", "tags", "orders", "profile"]


@given(
    DOCUMENTS_OF_CONDITIONS,
    USERS | ANY_TEXT,
    ANY_JSON | st.dictionaries(st.sampled_from(ATTRIBUTES), ANY_JSON),
    TIMES,
)
def test_any_context_has_an_answer(document: Json, user: str | None, context: Json, now: float) -> None:
    for key in document["definitions"]:
        assert is_answer(interpret(document, key, user, context, now), document)


# Of the strategies


def objects_with(name: str, part: Json) -> Iterator[Json]:
    if isinstance(part, dict):
        if name in part:
            yield part
        for value in part.values():
            yield from objects_with(name, value)
    if isinstance(part, list):
        for value in part:
            yield from objects_with(name, value)


@given(DOCUMENTS | DOCUMENTS_OF_CONDITIONS)
def test_documents_are_valid(document: Json) -> None:
    assert json.loads(json.dumps(document)) == document
    for test in objects_with("test", document):
        is_read = test["test"] not in WRITTEN and isinstance(test["of"], dict) and "as" in test["of"]
        if "value" in test and is_read and not (test["test"] in SETS and test["of"]["as"] == "json-list"):
            values = test["value"] if test["test"] in ("in", "between", *SETS) else [test["value"]]
            assert Special.UNREADABLE not in [read(test["of"]["as"], value) for value in values]
    for condition in objects_with("shard", document):
        ends = (condition["below"][point][1] for point in ("from", "to")) if "below" in condition else ()
        assert_ranges([[0, end] for end in ends] or condition["ranges"], condition["shard"])
    for split in objects_with("split", document):
        ranges = sorted(bounds for arm in split["arms"] for bounds in arm["ranges"])
        assert_ranges(ranges, split["split"])
        assert all(end <= start for (_, end), (start, _) in pairwise(ranges))


def assert_ranges(ranges: Json, shard: Json) -> None:
    end = ENDS.get(shard["scheme"], shard.get("of"))
    assert all(0 <= low <= high <= end for low, high in ranges)
