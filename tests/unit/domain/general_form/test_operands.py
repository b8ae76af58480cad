"""Functions of operands, and times relative to now."""

from typing import Any

import pytest

from chalicelib.domain.general_form.conditions import compile_condition
from chalicelib.domain.general_form.problems import InvalidForm
from tests.unit.domain.general_form.asking import truth

CONTEXT: Any = {
    "country": "DE",
    "number": 7,
    "half": 0.5,
    "yes": True,
    "empty": "",
    "null": None,
    "surrogate": "\ud800",
    "tags": ["a", None],
    "profile": {"x": 1, "y": 2},
    "huge": 10**5_000,
    "created": "2024-04-24T10:00:00.5Z",
    "logged_in": "2024-04-24T10:00:00.499999Z",
    "seconds": 1_714_557_600,
}


def attr(name: str, **more: Any) -> Any:
    return {"attr": name} | more


def call(function: str, *operands: Any, **more: Any) -> Any:
    return {"fn": function, "args": [*operands]} | more


COUNTRY, NUMBER, GONE, NULL = attr("country"), attr("number"), attr("gone"), attr("null")
U = "unreadable"


@pytest.mark.parametrize(
    ("operand", "value"),
    [
        (call("cat", COUNTRY, {"const": "-"}, "user"), "DE-ada"),
        (call("cat", COUNTRY, GONE, NULL, NUMBER), "DE7"),
        (call("cat", attr("yes"), attr("half"), {"const": 1.0}), "true0.51"),
        (call("cat"), ""),
        (call("cat", COUNTRY, attr("tags")), U),
        (call("cat", attr("huge")), U),
        (call("cat", attr("surrogate")), "\ud800"),
        (call("cat", attr("number", **{"as": "text"})), U),
        (call("join", COUNTRY, NUMBER), "DE7"),
        (call("join", COUNTRY, GONE), None),
        (call("join", NULL, attr("tags")), None),
        (call("join", attr("tags")), U),
        (call("join"), ""),
        (call("list", COUNTRY, NULL, GONE, attr("tags")), ["DE", None, None, ["a", None]]),
        (call("list"), []),
        (call("list", COUNTRY, attr("number", **{"as": "text"})), U),
        (call("length", COUNTRY), 2),
        (call("length", attr("tags")), 2),
        (call("length", attr("profile")), 2),
        (call("length", attr("empty")), 0),
        (call("length", NUMBER), U),
        (call("length", GONE), None),
        (call("lower", COUNTRY), "de"),
        (call("lower", NUMBER), U),
        (call("lower", NULL), None),
        (call("cat", call("lower", COUNTRY), call("length", call("list", GONE))), "de1"),
        (call("cat", COUNTRY, **{"as": "lower"}), "de"),
        (call("length", COUNTRY, **{"as": "text"}), U),
    ],
)
def test_functions(operand: Any, value: Any) -> None:
    equal = {"test": "eq", "of": operand, "value": value, "missing": "unknown", "unreadable": True}
    if value is None:
        assert truth(equal, CONTEXT) == "unknown"
    elif value == U:
        assert truth(equal, CONTEXT) is True
        assert truth(equal | {"unreadable": False}, CONTEXT) is False
    elif isinstance(operand.get("as"), str):
        assert truth(equal, CONTEXT) is True
    else:
        assert truth(equal | {"unreadable": False}, CONTEXT) is True
        assert truth(equal | {"test": "ne", "unreadable": False}, CONTEXT) is False


def test_a_shard_may_hash_a_function() -> None:
    shard = {"scheme": "md5-mod", "of": 16, "unit": call("join", {"const": "he"}, {"const": "llo"})}
    assert truth({"shard": shard, "ranges": [[2, 3]]}, CONTEXT) is True
    missing = {"scheme": "md5-mod", "of": 16, "unit": call("join", COUNTRY, GONE), "missing": "unknown"}
    assert truth({"shard": missing, "ranges": [[0, 16]]}, CONTEXT) == "unknown"


def compare(relation: str, operand: Any, **more: Any) -> Any:
    return {"test": relation, "of": operand} | more


WEEK_AGO = {"now": -604_800, "as": "instant"}
CREATED, LOGGED_IN = attr("created", **{"as": "instant"}), attr("logged_in", **{"as": "instant"})


@pytest.mark.parametrize(
    ("condition", "outcome"),
    [
        (compare("ge", CREATED, **{"with": WEEK_AGO}), True),
        (compare("gt", CREATED, **{"with": WEEK_AGO}), False),
        (compare("ge", LOGGED_IN, **{"with": WEEK_AGO}), False),
        (compare("eq", {"now": 0}, value=1_714_557_600.5), True),
        (compare("eq", {"now": -0.5}, value=1_714_557_600), True),
        (compare("eq", {"now": 0, "as": "instant"}, **{"with": {"now": 0, "as": "epoch-auto"}}), True),
        (compare("lt", {"now": 0, "as": "instant"}, value="2024-05-01T10:00:00.500001Z"), True),
        (compare("lt", {"now": 0, "as": "instant"}, value="2024-05-01T10:00:00.5Z"), False),
        (compare("between", {"now": 0, "as": "instant-utc"}, value=["2024-05-01", "2024-05-02"]), True),
        (compare("eq", {"now": 59, "as": "minute"}, value=1_714_557_600), True),
        (compare("eq", {"now": 60, "as": "minute"}, value="1714557660"), True),
        (compare("eq", {"now": 0, "as": "day"}, **{"with": attr("seconds", **{"as": "day"})}), True),
        (compare("eq", {"now": 0, "as": "text"}, value="x", unreadable="unknown"), "unknown"),
        (compare("ge", attr("seconds", **{"as": "instant-or-epoch"}), **{"with": WEEK_AGO}), True),
        (
            compare("ge", attr("gone", **{"as": "instant"}), missing="unknown", **{"with": WEEK_AGO}),
            "unknown",
        ),
        (compare("ge", {"first": [GONE, CREATED]}, **{"with": WEEK_AGO}), True),
    ],
)
def test_times(condition: Any, outcome: Any) -> None:
    assert truth(condition, CONTEXT) == outcome


@pytest.mark.parametrize(
    ("operand", "problem"),
    [
        ("today", "when.of: must be an object, user, context, now"),
        ({"sum": []}, "when.of: must have one of attr, const, item, first, flag, now, fn"),
        ({"now": "7d"}, "when.of.now: must be a number of seconds"),
        ({"now": True}, "when.of.now: must be a number of seconds"),
        ({"now": 10**12}, "when.of.now: must be a number of seconds"),
        ({"now": float("nan")}, "when.of.now: must be a number of seconds"),
        ({"now": 0, "as": "epoch"}, "when.of.as: must be one of"),
        (call("upper", COUNTRY), "when.of.fn: must be one of cat, join, length, list, lower"),
        (call("length"), "when.of.args: must have 1 element"),
        (call("lower", COUNTRY, COUNTRY), "when.of.args: must have 1 element"),
        ({"fn": "cat", "args": COUNTRY}, "when.of.args: must be a list"),
        (call("cat", {"attr": 1}), "when.of.args[0].attr: must be a text or a list of texts"),
    ],
)
def test_mistakes_have_their_path(operand: Any, problem: str) -> None:
    with pytest.raises(InvalidForm) as refused:
        compile_condition({"test": "eq", "of": operand, "value": 1}, "when")
    assert str(refused.value).startswith(problem)
