"""Warnings about written rules: each with its path, and none about what is right."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from chalicelib.domain.publishing.lint.document import lint_document
from chalicelib.domain.publishing.lint.sets import lint_set
from realtime.definition_files.read import FileSet, read_definitions
from tests.support.paths import ROOT


def read(folder: Path, text: str) -> FileSet:
    file = folder / "f.yaml"
    file.write_text(text)
    definitions = read_definitions([file])
    assert definitions.problems == []
    return definitions


def list_warnings(folder: Path, text: str) -> list[str]:
    definitions = read(folder, text)
    return [
        str(problem)
        for name, document in definitions.documents.items()
        for problem in lint_document(name, document, definitions.sources[name])
    ]


def list_set_warnings(folder: Path, text: str) -> list[str]:
    documents = read(folder, text).documents
    return [f"{kind} {key}: {problem}" for (kind, key), problem in lint_set(documents)]


def write_flag(*rules: str, fields: str = "") -> str:
    return f"flags: [{{key: f, rules: [{', '.join(rules)}], default: off, {fields}}}]"


def lint_when(folder: Path, when: str) -> list[str]:
    warnings = list_warnings(folder, write_flag(f"{{when: {when}, serve: on}}"))
    return [warning.removeprefix("rules[0].") for warning in warnings]


LAST = "{serve: off}"
NEVER_REACHED = "is never reached: rules[0] decides for everybody; move this rule up or remove it"


@pytest.mark.parametrize(
    "rule",
    [
        "{serve: on}",
        "{when: true, serve: on}",
        "{when: [true, {not: false}], serve: on}",
        "{when: {any: [{if: a, eq: 1}, true]}, serve: on}",
        "{when: {not: {if: a, in: []}}, serve: on}",
        "{gates: [{traffic: 100%}], serve: on}",
        "{gates: [{share: 100%, salt: s}], serve: on}",
        "{gates: [{traffic: 10%}], serve: on, else: default}",
        "{serve: {split: {on: 1, off: 1}}}",
        "{serve: {split: {on: 1, off: 0}}}",
        "{serve: {split: [{to: 50000, serve: on}, {rest: true, serve: off}]}}",
        "{serve: {split: [{to: 50000, serve: on}]}, else: off}",
        "{serve: {experiment: e}, else: off}",
        "{serve: {flag: other}}",
        "{serve: {rules: [{when: {if: a, eq: 1}, serve: on}, {serve: off}]}}",
        "{serve: {rules: [{when: {if: a, eq: 1}, serve: on}]}, else: off}",
        "{serve: none}",
        "{serve: error}",
    ],
)
def test_a_rule_behind_one_that_takes_everybody_is_never_reached(tmp_path: Path, rule: str) -> None:
    warnings = list_warnings(tmp_path, write_flag(rule, LAST, LAST))
    assert [f"rules[1]: {NEVER_REACHED}", f"rules[2]: {NEVER_REACHED}"] == [
        warning for warning in warnings if "never reached" in warning
    ]


@pytest.mark.parametrize(
    "rule",
    [
        "{when: {if: a, eq: 1}, serve: on}",
        "{when: {any: [{if: a, eq: 1}, {not: {if: a, eq: 1, missing: unknown}}]}, serve: on}",
        "{gates: [{traffic: 99.999%}], serve: on}",
        "{gates: [{traffic: 10%}], serve: on, else: next}",
        "{gates: [{layer: l, ranges: [[0%, 100%]], missing: exclude}], serve: on}",
        "{serve: {experiment: e}}",
        "{serve: next}",
        "{unit: {of: a, missing: exclude}, serve: {split: {on: 1, off: 1}}}",
        "{serve: {split: [{to: 50000, serve: next}, {rest: true, serve: off}]}, else: off}",
        "{serve: {rules: [{when: {if: a, eq: 1}, serve: on}, {serve: next}]}}",
        "{when: {segment: s}, serve: on}",
        "{when: {flag: other, enabled: true}, serve: on}",
    ],
)
def test_a_rule_behind_one_that_leaves_users_is_reached(tmp_path: Path, rule: str) -> None:
    assert list_warnings(tmp_path, write_flag(rule, LAST)) == []


def test_a_block_of_rules_has_its_own_order(tmp_path: Path) -> None:
    block = "{when: {if: a, eq: 1}, serve: {rules: [{serve: on}, {serve: off}]}}"
    assert list_warnings(tmp_path, write_flag(block)) == [
        "rules[0].serve.rules[1]: is never reached: rules[0].serve.rules[0] decides for everybody; "
        "move this rule up or remove it"
    ]


TOGETHER = "no value of a meets this test and those before it: remove one, or use any"
NOBODY = "never holds, so the rule takes nobody: remove it"
ALONE = "never holds: no value of a meets it"


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("false", [f"when: {NOBODY}"]),
        ("[{if: a, eq: 1}, false]", [f"when: {NOBODY}"]),
        ("{not: true}", [f"when: {NOBODY}"]),
        ("{any: [false, {not: true}]}", [f"when: {NOBODY}"]),
        ("{clock: {after: 2026-02-01T00:00:00Z, before: 2026-01-01T00:00:00Z}}", [f"when: {NOBODY}"]),
        ("[{if: a, gt: 5}, {if: a, lt: 3}]", [f"when[1]: {TOGETHER}"]),
        ("[{if: a, gt: 5}, {if: b, eq: 1}, {if: a, lte: 5}]", [f"when[2]: {TOGETHER}"]),
        ("{all: [{if: a, gte: 5}, {all: [{if: a, lt: 5}]}]}", [f"when.all[1].all[0]: {TOGETHER}"]),
        ("[{if: a, between: [1, 2]}, {if: a, gt: 2}]", [f"when[1]: {TOGETHER}"]),
        ("{if: a, between: [2, 1]}", [f"when: {ALONE}"]),
        ("[{if: a, in: [1, 2]}, {if: a, gt: 5}]", [f"when[1]: {TOGETHER}"]),
        ("[{if: a, eq: x}, {if: a, neq: x}]", [f"when[1]: {TOGETHER}"]),
        ("[{if: a, in: [x, y]}, {if: a, not_in: [x, y, z]}]", [f"when[1]: {TOGETHER}"]),
        ("[{if: a, eq: x}, {if: a, eq: y, list: whole}]", [f"when[1]: {TOGETHER}"]),
        ("[{if: a, eq: FR}, {if: a, starts_with: D, list: whole}]", [f"when[1]: {TOGETHER}"]),
        ("[{if: a, eq: x, as: fold}, {if: a, neq: X, as: fold}]", [f"when[1]: {TOGETHER}"]),
        (
            "[{if: a, after: 2026-02-01T00:00:00Z}, {if: a, before: 2026-01-01T00:00:00Z}]",
            [f"when[1]: {TOGETHER}"],
        ),
        ("[{if: a, after: now - 7d}, {if: a, before: now - 30d}]", [f"when[1]: {TOGETHER}"]),
        (
            "[{if: a, gte: 2.0.0, as: semver}, {if: a, lt: 1.10.0, as: semver}]",
            [f"when[1]: {TOGETHER}"],
        ),
        ("[{if: a, exists: false}, {if: a, eq: 1}]", [f"when[1]: {TOGETHER}"]),
        ("{any: [{if: b, eq: 1}, [{if: a, gt: 5}, {if: a, lt: 3}]]}", [f"when.any[1][1]: {TOGETHER}"]),
        ("{if: a, in: []}", [f"when: {ALONE}"]),
        (
            "{if: a, eq: null}",
            ["when: never holds, since null counts as missing: write exists: false, or add missing: pass"],
        ),
        (
            "{some: l, where: [{item: p, gt: 5}, {item: p, lt: 3}]}",
            ["when.where[1]: no value of p of l meets this test and those before it: remove one, or use any"],
        ),
    ],
)
def test_a_condition_that_never_holds(tmp_path: Path, when: str, expected: list[str]) -> None:
    assert lint_when(tmp_path, when) == expected


@pytest.mark.parametrize(
    "when",
    [
        "[{if: a, eq: x}, {if: a, eq: y}]",  # a list may have both
        "[{if: a, gt: 5}, {if: a, lt: 6}]",
        "[{if: a, gte: 5}, {if: a, lte: 5}]",
        "{any: [{if: a, gt: 5}, {if: a, lt: 3}]}",
        "[{if: a, gt: 5}, {if: a, lt: 3, missing: true}]",
        "[{if: a, gt: 5}, {if: b, lt: 3}]",
        "[{if: a, eq: x}, {if: a, neq: X, as: text}]",
        "[{if: a, eq: x, as: fold}, {if: a, neq: x}]",  # X meets both
        "[{if: a, after: now - 7d}, {if: a, before: 2020-01-01T00:00:00Z}]",
        "[{if: a, gt: x}, {if: a, lt: y}]",
        "[{if: a, eq: {attribute: b}}, {if: a, neq: 1}]",
        "{if: a, eq: null, missing: pass}",
        "[{if: a, exists: false}, {if: a, eq: 1, missing: true}]",
        "[{if: a, starts_with: D}, {if: a, starts_with: F}]",
        "[{if: a, contains_any: [x]}, {if: a, eq: y}]",
        "[{if: {lower: a}, gt: x}, {if: {lower: a}, lt: b}]",  # a made value is not looked at
        "{not: {if: {lower: a}, eq: x}}",
        "[{if: a, eq: 1}, error]",  # it is there to be reached
        "{any: [{if: a, eq: 1}, unknown]}",
        "{share: 0%, salt: s}",
        "{clock: {after: 2026-01-01T00:00:00Z, before: 2026-02-01T00:00:00Z}}",
    ],
)
def test_a_condition_that_may_hold(tmp_path: Path, when: str) -> None:
    assert lint_when(tmp_path, when) == []


def test_a_gate_that_contradicts_the_rule(tmp_path: Path) -> None:
    rule = "{when: {if: a, gt: 5}, gates: [{traffic: 10%}, {if: a, lt: 3}], serve: on}"
    assert list_warnings(tmp_path, write_flag(rule)) == [f"rules[0].gates[1]: {TOGETHER}"]
    assert list_warnings(tmp_path, write_flag("{gates: [false], serve: on}")) == [
        "rules[0].gates[0]: never holds, so the gate admits nobody"
    ]


HALVES = "{to: 50, serve: on}, {to: 100, serve: off}"
IF_MEANT = "who is there goes to the next rule; write else: next if that is meant"


def write_split(arms: str, shard: str = "{scheme: murmur32-mod, prefix: p, of: 100}", rest: str = "") -> str:
    return f"{{{rest} serve: {{of: {shard}, split: [{arms}]}}}}"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (
            write_split("{ranges: [[0, 40]], serve: on}, {ranges: [[50, 90]], serve: off}"),
            [f"rules[0].serve.split: has no arm for [40, 50), [90, 100): {IF_MEANT}"],
        ),
        (
            write_split(
                "{ranges: [[0, 40]], serve: on}, {ranges: [[50, 90]], serve: off}", rest="else: next,"
            ),
            [],
        ),
        (write_split("{to: 30, serve: on}"), [f"rules[0].serve.split: has no arm for [30, 100): {IF_MEANT}"]),
        (write_split("{to: 30, serve: on}, {rest: true, serve: next}"), []),
        (
            write_split(
                "{to: 0.3333333333, serve: on}, {to: 1, serve: off}", "{scheme: sha1-unit, prefix: p}"
            ),
            [],
        ),
        (
            "{gates: [{traffic: 1%}], serve: on, else: " + write_split("{to: 9, serve: on}")[8:],
            [
                "rules[0].else.split: has no arm for [9, 100): who is there goes to the next rule; "
                "write an arm that serves next if that is meant"
            ],
        ),
        (
            "{serve: {rules: [" + write_split("{to: 9, serve: on}") + "]}, else: off}",
            [],
        ),
        (
            write_split("{to: 50, serve: on}, {ranges: [[60, 60]], serve: on}, {to: 100, serve: off}"),
            ["rules[0].serve.split[1]: is empty: nobody is in it; remove it or widen it"],
        ),
        (write_split(""), ["rules[0].serve.split: has no arms: nobody is in it"]),
        (
            "{when: {scheme: murmur32-mod, of: 100, ranges: [[5, 5], [7, 9]]}, serve: on}",
            ["rules[0].when.ranges[0]: is empty: nobody is in it"],
        ),
        (
            "{gates: [{layer: l, ranges: []}], serve: on}",
            ["rules[0].gates[0].ranges: is empty: nobody is in it"],
        ),
        ("{when: {scheme: murmur32-mod, of: 100, below: 0}, serve: on}", []),
    ],
)
def test_gaps_and_empty_arms(tmp_path: Path, rule: str, expected: list[str]) -> None:
    assert list_warnings(tmp_path, write_flag(rule)) == expected


SAME_HASH = "so the split depends on it: write another prefix, suffix or seed in one of them"
GATE = "gates: [{scheme: murmur32-mod, prefix: p, of: 100, below: 50}],"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (
            write_split(HALVES, rest=GATE),
            [f"rules[0].serve.of: is the hash of rules[0].gates[0] too, {SAME_HASH}"],
        ),
        (write_split(HALVES, rest=GATE.replace("prefix: p", "prefix: q")), []),
        (write_split(HALVES, rest=GATE.replace("below", "unit: {of: a, missing: exclude}, below")), []),
        # Its author knows that it is one hash: the arms are what the gate admits.
        (
            write_split("{to: 25, serve: on}, {to: 50, serve: off}", rest=f"else: off, {GATE}"),
            [],
        ),
        ("{gates: [{traffic: 50%}], serve: {split: {on: 1, off: 1}}}", []),
        (
            "{when: {scheme: realtime-1, prefix: 'flag/f:', half: second, below: 50000}, "
            "serve: {split: {on: 1, off: 1}}}",
            [
                "rules[0].serve: is the hash of rules[0].when too, so the split depends on it: "
                "write another half in one of them"
            ],
        ),
        (
            "{gates: [{traffic: 50%}], serve: {of: {scheme: realtime-1, prefix: 'flag/f:', half: first}, "
            "split: [{to: 50000, serve: on}, {rest: true, serve: off}]}}",
            [
                "rules[0].serve.of: is the hash of rules[0].gates[0] too, so the split depends on it: "
                "write another half in one of them"
            ],
        ),
        (
            f"{{{GATE} serve: {{rules: [{write_split(HALVES)}]}}, else: off}}",
            [f"rules[0].serve.rules[0].serve.of: is the hash of rules[0].gates[0] too, {SAME_HASH}"],
        ),
    ],
)
def test_a_gate_and_a_split_on_one_hash(tmp_path: Path, rule: str, expected: list[str]) -> None:
    assert list_warnings(tmp_path, write_flag(rule)) == expected


def say_negation(instead: str) -> str:
    return (
        f"is true for users without a, too: {instead} to leave them out, or missing: false if that is meant"
    )


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("{not: {if: a, eq: 1}}", [f"when.not: {say_negation('write neq in place of not')}"]),
        ("[{not: [{if: a, in: [1]}]}]", [f"when[0].not: {say_negation('write not_in in place of not')}"]),
        ("{not: {if: a, not_in: [1]}}", [f"when.not: {say_negation('write in in place of not')}"]),
        ("{not: {if: a, lt: 18}}", [f"when.not: {say_negation('add missing: unknown')}"]),
        ("{not: {if: a, eq: 1, missing: false}}", []),
        ("{not: {if: a, eq: 1, missing: unknown}}", []),
        ("{not: {if: a, exists: true}}", []),
        ("{not: {not: {if: a, eq: 1}}}", []),
        ("{not: {if: user_id, in: [ada]}}", []),
        ("{not: {user: ada}}", []),
        ("{not: {segment: s}}", []),
        ("{not: {any: [{if: a, eq: 1}, {if: b, eq: 1}]}}", []),
    ],
)
def test_a_negation_takes_whoever_lacks_the_attribute(tmp_path: Path, when: str, expected: list[str]) -> None:
    assert lint_when(tmp_path, when) == expected


def test_a_unit_is_not_missing_where_it_divides(tmp_path: Path) -> None:
    rule = "{when: {not: {if: account, eq: 1}}, gates: [{traffic: 1%}], serve: on}"
    fields = "unit: {of: account, missing: error}"
    assert list_warnings(tmp_path, write_flag(rule, fields=fields)) == []


NO_UNIT = (
    "requests without it are errors (400): write missing: exclude beside it to leave them out, "
    "or missing: error if that is meant"
)


@pytest.mark.parametrize(
    ("rule", "fields", "expected"),
    [
        ("{gates: [{traffic: 1%}], serve: on}", "unit: account", ["unit"]),
        ("{gates: [{traffic: 1%}], serve: on}", "unit: [account, user_id]", []),
        ("{gates: [{traffic: 1%}], serve: on}", "unit: {of: account, missing: exclude}", []),
        ("{gates: [{traffic: 1%, missing: exclude}], serve: on}", "unit: account", []),
        ("{gates: [{traffic: 100%}], serve: on}", "unit: account", []),
        ("{serve: {split: {on: 1, off: 1}}}", "unit: account", ["unit"]),
        ("{serve: {split: {on: 1, off: 1}}, unit: account}", "", ["rules[0].unit"]),
        ("{serve: {split: {on: 1, off: 1}}, unit: account}", "unit: {of: a, missing: exclude}", []),
        ("{gates: [{traffic: 1%, unit: account}], serve: on}", "", ["rules[0].gates[0].unit"]),
        (
            "{when: {share: 1%, salt: s, unit: account}, serve: on}",
            "unit: [a, user_id]",
            ["rules[0].when.unit"],
        ),
        (write_split(HALVES, "{scheme: murmur32-mod, of: 100, unit: a}"), "", ["rules[0].serve.of.unit"]),
        ("{serve: on}", "unit: account", []),
        ("{serve: on}", "unit: account, layer: {key: l, start: 0, end: 0.5}", ["unit"]),
    ],
)
def test_a_unit_that_may_be_missing(tmp_path: Path, rule: str, fields: str, expected: list[str]) -> None:
    warnings = list_warnings(tmp_path, write_flag(rule, fields=fields))
    assert warnings == [f"{path}: {NO_UNIT}" for path in expected]


def test_units_of_experiments_segments_and_the_short_form(tmp_path: Path) -> None:
    experiment = "experiments: [{key: e, unit: account, variants: {a: 1, b: 1}}]"
    assert list_warnings(tmp_path, experiment) == [f"unit: {NO_UNIT}"]
    segment = "segments: [{key: s, unit: account, when: true, share: 20%}]"
    assert list_warnings(tmp_path, segment) == []  # there it is in no share
    short = "flags: [{key: f, type: boolean, unit: account, rollout_percentage: PERCENT}]"
    assert list_warnings(tmp_path, short.replace("PERCENT", "10")) == [f"unit: {NO_UNIT}"]
    assert list_warnings(tmp_path, short.replace("PERCENT", "100")) == []


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (
            "{if: a, starts_with: ''}",
            ["when.starts_with: matches every text: write exists: true if that is meant"],
        ),
        (
            "{if: a, not_contains: ''}",
            ["when.not_contains: matches no text: every text contains the empty one"],
        ),
        ("{if: a, contains_any: []}", ["when.contains_any: never holds: the list is empty"]),
        (
            "{if: a, not_in: []}",
            ["when.not_in: holds whenever a is there: write exists: true if that is meant"],
        ),
        ("{if: a, modulo: [3, 5]}", ["when.modulo: never holds: no remainder of 3 is 5"]),
        ("{if: a, modulo: [3, 2]}", []),
        ("{if: a, remainder: [2.5, 3]}", ["when.remainder: never holds: no remainder of 2.5 is 3"]),
        ("{if: {lower: a}, not_in: []}", []),
        (
            "{if: {lower: a}, contains: ''}",
            ["when.contains: matches every text: write exists: true if that is meant"],
        ),
        (
            "{if: a, matches: 'x*'}",
            ["when.matches: matches every text: its pattern finds the empty text anywhere"],
        ),
        (
            "{if: a, not_matches: '(a+)+b'}",
            [
                "when.not_matches: backtracks catastrophically in most engines: "
                "several of its repeats match the same text"
            ],
        ),
        ("{if: a, matches: '^x+$'}", []),
        (
            "[{if: a, eq: 5}, {if: a, starts_with: x}]",
            [f"when[1]: {TYPES}" for TYPES in ("takes a for text, but when[0] takes it for a number",)],
        ),
        (
            "{any: [{if: a, in: [x, y]}, {if: a, gt: 5}]}",
            ["when.any[1]: takes a for a number, but when.any[0] takes it for text"],
        ),
        ("{any: [{if: a, eq: 5, as: canonical}, {if: a, eq: x}]}", []),
        ("{any: [{if: a, in: [5, x]}, {if: a, eq: x}]}", []),
        ("[{if: a, type: number}, {if: a, gt: 5}, {if: b, in_range: '>=2'}, {if: b, gt: 3}]", []),
        (
            "[{if: a, contains_any: [x]}, {if: a, eq: y, list: whole}]",
            [
                "when[1].list: compares a list with what is none, as when[0] knows it as a list: "
                "remove list: whole"
            ],
        ),
        ("[{if: a, contains_any: [x]}, {if: a, eq: [y], list: whole}]", []),
        ("{if: a, eq: 02139}", ["when.eq: 02139 is read as the number 2139: quote it if it is text"]),
        ("{if: a, eq: 1.10}", ["when.eq: 1.10 is read as the number 1.1: quote it if it is text"]),
        (
            "{if: a, gte: 1.10, as: semver}",
            ["when.gte: 1.10 is read as the number 1.1: quote it if it is text"],
        ),
        ("{if: a, gte: 1.10}", []),
        ("{if: a, eq: 1.10, as: number}", []),
        (
            "{if: a, in: [9007199254740993]}",
            ["when.in[0]: 9007199254740993 is beyond ±9007199254740991, so JavaScript changes it: quote it"],
        ),
        ("{share: 0.5, salt: s}", ["when.share: is 0.5 %, did you mean 50? Otherwise write 0.5%"]),
        ("{share: 0.5%, salt: s}", []),
    ],
)
def test_operands(tmp_path: Path, when: str, expected: list[str]) -> None:
    warnings = lint_when(tmp_path, when)
    assert [warning.replace("rules[0].", "") for warning in warnings] == expected


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        ("{traffic: 0.5}", ["traffic: is 0.5 %, did you mean 50? Otherwise write 0.5%"]),
        ("{traffic: 0.5%}", []),
        ("{traffic: 1}", []),
        ("{holdout: h, share: 0.05}", ["share: is 0.05 %, did you mean 5? Otherwise write 0.05%"]),
        (
            "{layer: l, ranges: [[0, 0.5], [50, 60]]}",
            ["ranges[0][1]: is 0.5 %, did you mean 50? Otherwise write 0.5%"],
        ),
        (
            "{traffic: {from: 0.1, to: 1, start: 2026-01-01T00:00:00Z, end: 2026-02-01T00:00:00Z}}",
            [
                "traffic.from: is 0.1 %, did you mean 10? Otherwise write 0.1%",
                "traffic.to: is 1 %, did you mean 100? Otherwise write 1%",
            ],
        ),
        ("{scheme: sha1-unit, ranges: [[0, 0.5]]}", []),
    ],
)
def test_a_share_where_a_percentage_is_meant(tmp_path: Path, gate: str, expected: list[str]) -> None:
    warnings = list_warnings(tmp_path, write_flag(f"{{gates: [{gate}], serve: on}}"))
    assert [warning.removeprefix("rules[0].gates[0].") for warning in warnings] == expected


def test_experiments_and_segments(tmp_path: Path) -> None:
    experiment = "experiments: [{key: e, when: [{if: a, gt: 5}, {if: a, lt: 3}], variants: {a: 1}}]"
    assert list_warnings(tmp_path, experiment) == [f"when[1]: {TOGETHER}"]
    experiment = "experiments: [{key: e, when: false, gates: [{traffic: 0.5}], variants: {a: 1}}]"
    assert list_warnings(tmp_path, experiment) == [
        "gates[0].traffic: is 0.5 %, did you mean 50? Otherwise write 0.5%",
        "when: never holds, so the experiment takes nobody",
    ]
    assert list_warnings(tmp_path, "segments: [{key: s, include: [ada]}]") == []
    assert list_warnings(tmp_path, "segments: [{key: s, when: {not: {if: a, eq: 1}}, share: 0.2}]") == [
        "share: is 0.2 %, did you mean 20? Otherwise write 0.2%",
        f"when.not: {say_negation('write neq in place of not')}",
    ]
    assert list_warnings(tmp_path, "segments: [{key: s, when: [{if: a, eq: 1}, false]}]") == [
        "when: never holds, so nobody but include is in the segment"
    ]


def test_what_changes_by_the_clock_is_looked_at_too(tmp_path: Path) -> None:
    rules = "rules: [{serve: on}, {serve: off}]"
    changes = f"changes: [{{at: 2027-01-01T00:00:00Z, set: {{{rules}}}}}]"
    assert list_warnings(tmp_path, write_flag("{serve: on}", fields=changes)) == [
        "changes[0].set.rules[1]: is never reached: rules[0] decides for everybody; "
        "move this rule up or remove it"
    ]
    changes = "changes: [{at: 2027-01-01T00:00:00Z, set: {enabled: false}}]"
    assert len(list_warnings(tmp_path, write_flag("{serve: on}", LAST, fields=changes))) == 1


# Sets of definitions


def write_flags(*fields: str) -> str:
    return f"flags: [{', '.join(f'{{default: off, {each}}}' for each in fields)}]"


ROLLOUT = "rules: [{gates: [{traffic: 10%}], serve: on}]"
EXPERIMENT = "{key: KEY, salt: SALT, status: STATUS, metrics: [m], variants: {a: 1, b: 1}}"


def write_experiments(*parts: Sequence[str]) -> str:
    texts = [EXPERIMENT.replace("KEY", a).replace("SALT", b).replace("STATUS", c) for a, b, c in parts]
    return f"experiments: [{', '.join(texts)}]"


def say_salt(kind: str, key: str, owner: str, salt: str) -> str:
    return (
        f"{kind} {key}: salt: {kind} {owner} is divided by {salt} too, "
        "so the same users get the first variant of both: choose another salt"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            write_flags(f"key: a, salt: s, {ROLLOUT}", f"key: b, salt: s, {ROLLOUT}"),
            [say_salt("flag", "b", "a", "s")],
        ),
        (write_flags(f"key: a, salt: b, {ROLLOUT}", f"key: b, {ROLLOUT}"), [say_salt("flag", "a", "b", "b")]),
        (write_flags(f"key: a, salt: s, {ROLLOUT}", "key: b, salt: s, rules: [{serve: on}]"), []),
        (write_flags(f"key: a, salt: s, {ROLLOUT}", f"key: b, salt: t, {ROLLOUT}"), []),
        (
            write_experiments(("a", "s", "active"), ("b", "s", "draft")),
            [say_salt("experiment", "b", "a", "s")],
        ),
        (write_experiments(("a", "s", "active"), ("b", "s", "completed")), []),
        (
            write_flags(f"key: a, rules: [{write_split(HALVES)}]", f"key: b, rules: [{write_split(HALVES)}]"),
            [
                "flag b: rules[0].serve.of: is the hash of flag a (rules[0].serve.of) too, so the same users "
                "get the first variant of both: write another prefix, suffix or seed"
            ],
        ),
        (
            write_flags(
                f"key: a, rules: [{write_split(HALVES)}]",
                f"key: b, rules: [{write_split(HALVES).replace('prefix: p', 'prefix: q')}]",
            ),
            [],
        ),
        (
            write_flags(
                f"key: a, rules: [{write_split(HALVES, rest='when: {if: a, eq: 1},')}, {write_split(HALVES)}]"
            ),
            [],
        ),
    ],
)
def test_definitions_that_divide_alike(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert list_set_warnings(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("fields", "is_warning"),
    [
        ("status: active", False),
        ("status: draft", True),
        ("status: paused", True),
        ("status: completed", True),
        ("status: completed, serve: a", False),
        ("status: draft, changes: [{at: 2027-01-01T00:00:00Z, set: {status: active}}]", False),
    ],
)
def test_a_flag_that_serves_an_experiment_that_does_not_run(
    tmp_path: Path, fields: str, is_warning: bool
) -> None:
    experiment = f"experiments: [{{key: e, variants: {{a: 1, b: 1}}, {fields}}}]"
    flag = write_flags("key: f, rules: [{serve: {experiment: e}, else: off}]")
    status = fields.partition(",")[0].removeprefix("status: ")
    expected = [
        f"flag f: rules[0].serve.experiment: experiment e is {status} and assigns nobody: "
        "activate it, or remove the rule"
    ]
    assert list_set_warnings(tmp_path, f"{experiment}\n{flag}") == expected * is_warning


# No warnings


BLOCKS = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "rules.md").read_text(), re.DOTALL)
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))


@pytest.mark.parametrize("text", [*BLOCKS, *(file.read_text() for file in EXAMPLES)])
def test_the_page_and_the_examples_have_none(tmp_path: Path, text: str) -> None:
    assert list_warnings(tmp_path, text) == []
    assert list_set_warnings(tmp_path, text) == []
