"""Relations between two values: each example holds in the engine and in the plain interpreter."""

from typing import Any

import pytest

from chalicelib.domain.general_form.conditions import compile_condition
from chalicelib.domain.general_form.problems import InvalidForm
from tests.unit.domain.general_form.asking import truth

U = "unknown"


def ask(relation: str, left: Any, value: Any = None, reader: str | None = None, **more: Any) -> Any:
    """U if the left value is missing or unreadable."""
    operand = {"attr": "a"} | ({"as": reader} if reader else {})
    condition = {"test": relation, "of": operand, "missing": U, "unreadable": U} | more
    return truth(condition if value is None else condition | {"value": value}, {"a": left})


def all_of(relation: str, *examples: tuple[Any, ...]) -> list[Any]:
    return [(relation, *example) for example in examples]


NETWORKS = ["10.0.0.0/8", "2001:db8::/32", "192.168.1.1"]
DIGEST_OF_DE = "6a2d1d411d072f0f74cfd6b6b6fec3ff254b3fb690be52f863661f264c0ca888"
DIGEST_OF_STRASS = "b3cc67bd1454560e0a1dc65262d1972a5bf67b607589e494a15bf4252ef1df57"
DIGEST_OF_SSE = "c00f21bf77844f4c4bad10ad61f148f8ceb94cbcda977f9d968f2c8517f79b9d"


def digests(*written: str) -> Any:
    """Of ``DE``, of ``straß`` and ``ße``, each followed by the salt and the suffix."""
    return {"algorithm": "sha256", "salt": "salt", "suffix": "key", "digests": [*written]}


@pytest.mark.parametrize(
    ("relation", "left", "value", "outcome"),
    [
        *all_of(
            "cidr",
            *[("10.1.2.3", NETWORKS, True), ("11.0.0.0", NETWORKS, False), ("192.168.1.1", NETWORKS, True)],
            *[
                ("192.168.1.2", NETWORKS, False),
                ("2001:DB8:0::7", NETWORKS, True),
                ("2001:db9::", NETWORKS, False),
            ],
            *[("::ffff:10.1.2.3", NETWORKS, True), ("10.1.2.3", "::ffff:10.0.0.0/104", True)],
            *[("10.1.2.3", "10.9.9.9/8", True), ("10.1.2.3", "0.0.0.0/0", True), ("10.1.2.3", "::/0", False)],
            *[("::1", "::/0", True), ("::1", "0.0.0.0/0", False), ("10.1.2.3", [], False)],
            *[
                ("10.1.2", NETWORKS, U),
                ("10.0.0.01", NETWORKS, U),
                ("fe80::1%eth0", "fe80::/10", U),
                (7, "::/0", U),
            ],
            *[("\ud800", "::/0", U), ("1" * 5_000, "::/0", U), (None, "::/0", U)],
        ),
        *all_of(
            "modulo",
            *[
                (6, [3, 0], True),
                (7, [3, 1], True),
                (7, [3, 0], False),
                (-1, [3, 2], True),
                (10**400, [10, 0], True),
            ],
            *[(6.0, [3, 0], U), (True, [1, 0], U), ("6", [3, 0], U)],
        ),
        *all_of(
            "remainder",
            *[(6, [3, 0], True), (7.5, [2, 1.5], True), (-1, [3, 2], True), (-1.5, [2.5, 1], True)],
            *[(6.0, [3, 0], True), (True, [1, 0], U), ("6", [3, 0], U), (10**400, [1.5, 0], U)],
        ),
        *all_of(
            "re2",
            *[("abc", "b", True), ("abc", "^b", False), ("ABC", "(?i)b", True), ("a\n", "a$", False)],
            *[("é", r"\w", False), (1, "1", U), ("\ud800", "a", U)],
        ),
        *all_of("cast-eq", ("5", "5", True), (5, "5", True), ("5.0", "5", True), (5, "5.0", U)),
        *all_of("cast-eq", (True, "yes", True), (False, "false", True), ("a", "a", True), ([1], "1", U)),
        *all_of("cast-ne", ("a", "b", True), (True, "False", True), (2, "x", U)),
        *all_of("cast-lt", ("9", "10", True), ("a", "b", True), (False, "true", True)),
        *all_of("cast-ge", ("9", "10", False), (1.5, "1.5", True), (1.5, "x", U)),
        *all_of("cast-le", (1, "1", True)),
        *all_of("cast-gt", (1, "1", False)),
        *all_of(
            "match",
            *[("abc", "b", True), ("abc", "^b", False), ("ABC", "(?i)b", True), ("", "", True), (1, "1", U)],
        ),
        *all_of(
            "match-start",
            *[("abc", "b", False), ("abc", "a", True), ("abc", "b|a", True), ("ABC", "(?i)b|a", True)],
            *[
                ("abc", "(?x) a # all", True),
                ("\nabc", "(?m)^a", False),
                (["a"], "a", U),
                ("abc", "(?i)(?s)A.C", True),
            ],
        ),
        *all_of(
            "meets",
            *[
                (["a", 1], [1.0], True),
                (["a"], ["b"], False),
                ([True], [1], False),
                ([], ["a"], False),
                ("a", ["a"], U),
            ],
            *[
                (["a"], [], False),
                ([[1]], [[1.0]], True),
                ([{"x": None}], [{"x": None}], True),
                ([None], [None], True),
            ],
        ),
        *all_of(
            "superset",
            *[
                (["a", "b"], ["a"], True),
                (["a"], ["a", "b"], False),
                ([], [], True),
                (["a", 1], [True], False),
            ],
        ),
        *all_of(
            "subset",
            *[
                (["a", "a"], ["a", "b"], True),
                (["a", "c"], ["a", "b"], False),
                ([], ["a"], True),
                ({}, ["a"], U),
            ],
        ),
        *all_of(
            "equals",
            *[(["b", "a", "a"], ["a", "b"], True), (["a"], ["a", "b"], False), (["a", "b"], ["a"], False)],
        ),
        *all_of(
            "type",
            *[("", "string", True), (1, "number", True), (1, "integer", True), (1.0, "number", True)],
            *[
                (1.0, "integer", False),
                (True, "number", False),
                (True, "integer", False),
                (False, "boolean", True),
            ],
            *[([], "list", True), ({}, "object", True), ([], "object", False), (1, "string", False)],
        ),
        *all_of(
            "digest-in",
            *[
                ("DE", digests(DIGEST_OF_DE), True),
                ("DE", digests(DIGEST_OF_DE.upper()), True),
                ("de", digests(DIGEST_OF_DE), False),
            ],
            *[("DE", digests(), False), ("\ud800", digests(), U), (1, digests(), U)],
        ),
        *all_of(
            "digest-list",
            *[
                (["x", 1, "DE"], digests(DIGEST_OF_DE), True),
                (["x"], digests(DIGEST_OF_DE), False),
                ("DE", digests(DIGEST_OF_DE), U),
            ],
        ),
        *all_of(
            "digest-starts",
            *[
                ("straße", digests(f"6_{DIGEST_OF_STRASS}"), True),
                ("straß", digests(f"6_{DIGEST_OF_STRASS}"), True),
            ],
            *[
                ("stra", digests(f"6_{DIGEST_OF_STRASS}"), False),
                ("straße", digests(f"5_{DIGEST_OF_STRASS}"), False),
            ],
            *[("strass", digests(f"6_{DIGEST_OF_STRASS}"), False), (None, digests(), U)],
        ),
        *all_of(
            "digest-ends",
            *[
                ("straße", digests(f"2_{DIGEST_OF_DE}", f"3_{DIGEST_OF_SSE}"), True),
                ("e", digests(f"3_{DIGEST_OF_SSE}"), False),
            ],
            *[("ße", digests(f"3_{DIGEST_OF_SSE}"), True), ("sse", digests(f"3_{DIGEST_OF_SSE}"), False)],
        ),
    ],
)
def test_relations(relation: str, left: Any, value: Any, outcome: Any) -> None:
    assert ask(relation, left, value) == outcome


@pytest.mark.parametrize(
    ("value", "outcome", "logic_outcome"),
    [
        *[
            (True, True, True),
            (False, False, False),
            (0, False, False),
            (-0.0, False, False),
            (0.5, True, True),
        ],
        *[("", False, False), ("0", True, True), ("false", True, True), ([], True, False), ([0], True, True)],
        *[({}, True, True), (float("nan"), False, False), (10**400, True, True), (None, U, U)],
    ],
)
def test_truthiness_in_javascript_and_in_json_logic(value: Any, outcome: Any, logic_outcome: Any) -> None:
    assert ask("truthy", value) == outcome
    assert ask("logic-truthy", value) == logic_outcome


@pytest.mark.parametrize(
    ("left", "right", "is_equal"),
    [
        *[
            (1, "1", True),
            ("1", 1.0, True),
            (1, True, True),
            ("", 0, True),
            ("", False, True),
            ("a", 0, False),
        ],
        *[
            (0, None, False),
            (None, None, True),
            (None, 0, False),
            ([1], 1, True),
            ([1], [1], False),
            ({}, {}, False),
        ],
        *[({}, "[object Object]", True), ("ü", "ü", True), (True, "true", False), (" 1 ", 1, True)],
    ],
)
def test_equality_in_javascript(left: Any, right: Any, is_equal: bool) -> None:
    condition = {"test": "js-eq", "of": {"attr": "a"}, "value": right, "missing": "pass"}
    assert truth(condition, {"a": left}) is is_equal


@pytest.mark.parametrize(
    ("left", "right", "order"),
    [
        *[(2, "10", "<"), ("2", "10", ">"), (2, 2.0, "="), (None, 1, "<"), (True, 0, ">"), ("", 0, "=")],
        *[("a", 1, ""), ({}, 1, ""), ([2], 10, "<"), ([2], "10", ">"), (10**400, "Infinity", "=")],
        ("\U00010000", "\uffff", "<"),  # by code units: a surrogate precedes
    ],
)
def test_order_in_javascript(left: Any, right: Any, order: str) -> None:
    holding = {"<": ["js-lt", "js-le"], ">": ["js-gt", "js-ge"], "=": ["js-le", "js-ge"], "": []}[order]
    for relation in ("js-lt", "js-le", "js-gt", "js-ge"):
        condition = {"test": relation, "of": {"attr": "a"}, "value": right, "missing": "pass"}
        assert truth(condition, {"a": left}) is (relation in holding)


@pytest.mark.parametrize(
    ("left", "right", "order"),
    [
        *[
            ("2.0.1", "2", "="),
            ("2", "2.0", "<"),
            ("2.1", "2.0.1", ">"),
            ("2.10", "2.9", ">"),
            ("02.1", "2", "="),
        ],
        *[("2.0.0", "2.0.0-beta", ">"), ("2.0", "2.0.0-beta", ">"), ("2.0.0-beta", "2.0.0", "<")],
        *[("2.0.0-beta", "2.0.0-rc", "<"), ("2.0.0-rc", "2.0.0-beta", ">"), ("2.0.0+b", "2.0.0", "=")],
        *[
            ("2.0.0-b", "2.0.0+a", "<"),
            ("2.0.0+a", "2.0.0-b", ">"),
            ("2.0.0-beta", "2", "<"),
            ("2-rc", "2-rc", "="),
        ],
        *[
            ("2.0.1", "2.0-beta", U),
            ("2.0.0.0", "2", U),
            ("2 ", "2", U),
            ("v2", "2", U),
            ("", "2", U),
            (2, "2", U),
        ],
    ],
)
def test_versions_are_compared_with_a_beginning(left: Any, right: str, order: str) -> None:
    holding = {"<": ["lt", "le"], ">": ["gt", "ge"], "=": ["eq", "le", "ge"], U: []}[order]
    for relation in ("eq", "lt", "le", "gt", "ge"):
        outcome = ask(f"version-prefix-{relation}", left, right)
        assert outcome == (U if order == U else relation in holding)


def test_null_that_passes_is_not_truthy_and_has_no_type() -> None:
    assert ask("truthy", None, missing="pass") is False
    assert ask("type", None, "object", missing="pass") is False


def test_sets_read_each_element_of_both_sides() -> None:
    assert ask("meets", ["DE", 1], ["de"], reader="lower") is True
    assert ask("equals", [1, "1", 1.0], ["1"], reader="canonical") is True


def test_an_element_that_cannot_be_read_is_in_no_set() -> None:
    assert ask("meets", ["DE", 1, None], ["de"], reader="lower") is True
    assert ask("superset", ["DE", 1, None], ["de"], reader="lower") is True
    assert ask("subset", ["DE", 1], ["de"], reader="lower") is False
    assert ask("subset", ["DE", None], ["de"], reader="lower") is False
    assert ask("equals", ["DE", 1], ["de"], reader="lower") is False
    assert ask("meets", "DE", ["de"], reader="lower") == U


def test_sets_may_be_json_text() -> None:
    assert ask("meets", '["DE", 1]', ["DE"], reader="json-list") is True
    assert ask("subset", ["DE"], ["DE", 1], reader="json-list") is True
    assert ask("meets", "DE", ["DE"], reader="json-list") == U


SEMVER = {
    "caret": {
        "1.2.3": (["1.2.3", "1.2.4", "1.10.0"], ["1.2.2", "2.0.0", "1.2.3-rc.1", "2.0.0-rc.1", "1.3.0-rc.1"]),
        "0.2.3": (["0.2.3", "0.2.9"], ["0.3.0", "1.0.0"]),
        "0.0.3": (["0.0.3"], ["0.0.4", "0.0.2"]),
        "1.2": (["1.2.0", "1.9.0"], ["1.1.9", "2.0.0"]),
        "1": (["1.0.0", "1.9.0"], ["0.9.0", "2.0.0"]),
        "0.0": (["0.0.0", "0.0.9"], ["0.1.0"]),
        "0": (["0.0.0", "0.9.0"], ["1.0.0"]),
        "1.2.3-rc.2": (["1.2.3-rc.2", "1.2.3-rc.10", "1.2.3", "1.3.0"], ["1.2.3-rc.1", "1.2.4-rc.3"]),
    },
    "tilde": {
        "1.2.3": (["1.2.3", "1.2.9"], ["1.2.2", "1.3.0", "1.3.0-rc.1"]),
        "1.2": (["1.2.0", "1.2.9"], ["1.3.0", "1.1.0"]),
        "1": (["1.0.0", "1.9.0"], ["2.0.0"]),
        "0": (["0.9.0"], ["1.0.0"]),
    },
    "version-range": {
        ">=1.2.0 <2.0.0": (["1.2.0", "1.9.9"], ["1.1.9", "2.0.0", "1.5.0-rc.1", "2.0.0-rc.1"]),
        ">=1.2.0,<2": (["1.2.0"], ["2.0.0", "2.0.0-0"]),
        "<1.0.0 || 2.x || 3.1": (["0.9.0", "2.7.1", "3.1.4"], ["1.0.0", "3.0.0", "3.2.0"]),
        "> 1.2": (["1.3.0"], ["1.2.9", "1.2.0", "1.3.0-rc.1"]),
        "<=1.2": (["1.2.9", "0.1.0"], ["1.3.0"]),
        "<1.2": (["1.1.9"], ["1.2.0", "1.2.0-rc.1"]),
        "=1.2.3": (["1.2.3", "1.2.3+build"], ["1.2.4"]),
        "v1.2": (["1.2.7"], ["1.3.0"]),
        "*": (["0.0.0", "9.9.9"], ["1.0.0-rc.1"]),
        ">1.2.3-rc.1": (["1.2.3-rc.2", "1.2.3", "3.0.0"], ["1.2.3-rc.1", "1.3.0-rc.1"]),
        "^1.2 ~1.4.1": (["1.4.1", "1.4.9"], ["1.5.0", "1.4.0"]),
        "<*": ([], ["0.0.0", "1.0.0"]),
    },
}


@pytest.mark.parametrize(
    ("relation", "value", "inside", "outside"),
    [(relation, value, *sides) for relation, examples in SEMVER.items() for value, sides in examples.items()],
)
def test_ranges_of_versions(relation: str, value: str, inside: list[str], outside: list[str]) -> None:
    assert [ask(relation, version, value, reader="semver") for version in inside] == [True] * len(inside)
    assert [ask(relation, version, value, reader="semver") for version in outside] == [False] * len(outside)


def test_a_range_takes_lists_of_numbers_and_nothing_that_is_not_read_as_a_version() -> None:
    assert ask("caret", "v1.4.0-rc.1", "1.2.3", reader="triple") is True
    assert ask("tilde", "1.2.3.4", "1.2.3", reader="dotted-numbers") is True
    assert ask("caret", "1.4", "1.2.3", reader="semver-strict") == U
    assert ask("caret", "1.4.0", "1.2.3") == U


def test_kinds_of_versions_do_not_compare_with_one_another() -> None:
    right = {"const": "1.2.0", "as": "triple"}
    assert ask("ge", "1.2.0", reader="semver", **{"with": right}) == U
    assert ask("ge", "1.2.0", reader="dotted-numbers", **{"with": right}) is True


def test_an_operand_that_cannot_be_used_makes_the_test_unreadable() -> None:
    for relation, value in [("cidr", "10.0.0.0/33"), ("modulo", [0, 0]), ("type", "null"), ("meets", "a")]:
        left = {"cidr": "10.0.0.1", "modulo": 1, "type": 1, "meets": ["a"]}[relation]
        assert ask(relation, left, None, None, **{"with": {"const": value}}) == U
    assert ask("caret", "1.0.0", reader="semver", **{"with": {"const": "^1"}}) == U
    assert ask("caret", "1.5.0", reader="semver", **{"with": {"const": "1.2"}}) is True


@pytest.mark.parametrize(
    ("relation", "value", "problem"),
    [
        ("cidr", "10.0.0.0/33", "must be a network like"),
        ("cidr", ["10.0.0.0/8", "::/129"], "must be a network like"),
        ("cidr", "10.0.0.0/255.0.0.0", "must be a network like"),
        ("cidr", "10.0.0.0/", "must be a network like"),
        ("cidr", "::ffff:10.0.0.0/90", "must be a network like"),
        ("cidr", 7, "must be a network like"),
        ("modulo", [0, 1], "must be a list of two integers"),
        ("modulo", [2, 0.0], "must be a list of two integers"),
        ("modulo", [True, False], "must be a list of two integers"),
        ("remainder", [0, 1], "must be a list of two numbers"),
        ("remainder", [True, 1], "must be a list of two numbers"),
        ("re2", "(", "is no pattern that RE2 takes"),
        ("re2", r"(a)\1", "is no pattern that RE2 takes"),
        ("re2", 1, "must be a regular expression"),
        ("cast-eq", 5, "must be text"),
        ("match", "(", "is not a usable pattern"),
        ("match", r"(a)\1", "must be a pattern that is found in linear time"),
        ("match", 1, "must be a regular expression"),
        ("match", "a" * 513, "must be a regular expression"),
        ("match-start", "a)(b", "is not a usable pattern"),
        ("meets", "a", "must be a list"),
        ("type", "text", "must be one of string, number"),
        ("caret", "^1.2.3", "must be"),
        ("caret", "1.2.3 <2", "must be"),
        ("tilde", 1, "must be a version"),
        ("version-range", "", "must be a range"),
        ("version-range", ">=1.2 ||", "must be a range"),
        ("version-range", "latest", "must be a range"),
        ("version-range", "1" * 400, "must be a range"),
        ("digest-in", [DIGEST_OF_DE], "must be an object with algorithm"),
        ("digest-in", digests("abc"), "must be an object with algorithm"),
        ("digest-in", digests() | {"algorithm": "md5"}, "must be an object with algorithm"),
        ("digest-in", digests() | {"salt": "\ud800"}, "must be an object with algorithm"),
        ("digest-in", digests() | {"pepper": ""}, "must be an object with algorithm"),
        ("digest-starts", digests(DIGEST_OF_DE), "must be an object with algorithm"),
    ],
)
def test_values_that_cannot_be_used_are_refused(relation: str, value: Any, problem: str) -> None:
    with pytest.raises(InvalidForm) as refused:
        compile_condition({"test": relation, "of": {"attr": "a"}, "value": value}, "when")
    assert str(refused.value).startswith(f"when.value: {problem}")


@pytest.mark.parametrize("relation", ["match", "match-start", "digest-in", "digest-list", "digest-starts"])
def test_patterns_and_digests_stand_in_the_definition(relation: str) -> None:
    with pytest.raises(InvalidForm, match="takes a value, not an operand"):
        compile_condition({"test": relation, "of": {"attr": "a"}, "with": {"attr": "b"}}, "when")
