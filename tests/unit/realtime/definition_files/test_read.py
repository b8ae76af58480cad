import json
from pathlib import Path

import pytest

from chalicelib.domain.definitions.compiler import load_experiment
from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.publishing.documents import parse_row
from realtime.definition_files.read import read_definitions
from realtime.demo.cdnow import DEFINITIONS
from tests.support.experiments import document

FLAG = "flags:\n  - {key: dark-mode, type: boolean, rollout_percentage: 10}\n"


def test_the_demo_is_valid() -> None:
    definitions = read_definitions([DEFINITIONS])
    assert definitions.problems == []
    assert {flag.type for flag in definitions.flags} == {"boolean", "string", "integer", "float", "object"}
    assert len(definitions.experiments) == 3


def test_several_files_and_folders_are_one_set(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "flags.yaml").write_text(FLAG)
    (tmp_path / "more" / "f.json").write_text('{"flags": [{"key": "other", "type": "boolean"}]}')
    definitions = read_definitions([tmp_path])
    assert [flag.key for flag in definitions.flags] == ["dark-mode", "other"]


def test_on_and_off_are_text(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_text("""
flags:
  - key: plan
    type: string
    default_variant: off
    variants: [{key: off, value: no}, {key: on, value: yes, allocation: 1}]
""")
    assert [variant.value for variant in read_definitions([file]).flags[0].variants] == ["no", "yes"]


def test_a_key_defined_twice_is_a_problem_that_names_both_places(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(FLAG)
    (tmp_path / "b.yaml").write_text(FLAG)
    problem = str(read_definitions([tmp_path]).problems[0])
    assert "b.yaml: flags[0].key" in problem
    assert "a.yaml" in problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flags: [{key: x}]", "flags[0] (x).type: required"),
        ("flags: [{key: x, type: boolean, rollout: 3}]", "flags[0] (x).rollout: unknown field"),
        ("flags: {x: 1}", "must be a list"),
        ("- 1", "must hold experiments"),
        (
            "flag: []",
            "flag: unknown field; did you mean flags? a file holds experiments: [...], flags: [...], segm",
        ),
        ("Flags: []", "Flags: unknown field; did you mean flags?"),
        ("experimnets: []", "experimnets: unknown field; did you mean experiments?"),
        (
            "flags: []\nowner: me",
            "owner: unknown field; a file holds experiments: [...], flags: [...], segments: [...] and/or",
        ),
        ("flags: [", "line 1, column 9: expected the node content, but found '<stream end>'"),
        ("flags:\n\t- key: x", "line 2, column 1: found character '\\t' that cannot start any token"),
        ("a: 1\n---\nb: 2", "must hold experiments"),
        ("flags: []\n---\nflags: [{key: x}]", "(document 2): flags[0] (x).type: required"),
        ("flags: []\n---\n- [", "line 3, column 4: expected the node content"),
        ("flags: ['\x00']", "has a NUL at byte 9; save it as UTF-8"),
        ("flags: [{type: boolean}]", "flags[0].key: required"),
        ("flags: [1]", "flags[0]: must be an object"),
        ("flags: [{key: 1, type: boolean}]", "flags[0].key: must be a string; quote a number"),
        (
            "flags:\n  - {key: x, type: boolean, enabled: true, enabled: false}",
            "line 2: 'enabled' is written twice",
        ),
        (
            'flags: [{key: x, type: string, variants: [{key: a, value: "\\ud800"}], default_variant: a}]',
            "surrogate",
        ),
        ("flags: " + "[" * 3000, "nested too deeply"),
        ("flags: [&a {key: x, type: boolean, overrides: *a}]", "line 1: *a contains itself"),
        (
            "experiments: [{key: e, variants: [{key: a, allocation: 0.5}]}]",
            "experiments[0] (e).variants: the allocations sum to 0.5",
        ),
        (
            "flags: [{key: x, type: boolean, targeting_rules: {rules: [{id: r, rule: {operator: xor}}]}}]",
            "targeting_rules.rules[0].rule.operator",
        ),
        (
            "flags: [{key: x, type: boolean,"
            " targeting_rules: {default_rule: {id: d, rule: {}, variant: nope}}}]",
            "flags[0] (x).targeting_rules.default_rule.variant: must be one of on, off",
        ),
    ],
)
def test_a_mistake_is_named_by_file_and_path(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(text)
    problem = str(read_definitions([file]).problems[0])
    assert problem.startswith(str(file))
    assert expected in problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"flags": [{"key": "x", "type": "boolean", "key": "y"}]}', "'key' is written twice"),
        (b'{"flags":' + b"[" * 100_000, "nested too deeply"),
        (b"\xff", "not UTF-8: byte 0"),
    ],
)
def test_json_that_cannot_be_read_as_meant_is_a_problem(tmp_path: Path, text: bytes, expected: str) -> None:
    file = tmp_path / "f.json"
    file.write_bytes(text)
    assert expected in str(read_definitions([file]).problems[0])


def test_a_definition_that_fits_no_row_is_a_problem_that_names_it(tmp_path: Path) -> None:
    users = {f"user-{number:030d}": "on" for number in range(12_000)}
    flags = [
        {"key": "big", "type": "boolean", "overrides": users},
        {"key": "wide", "type": "boolean", "description": "ü" * 175_000},
        {"key": "fits", "type": "boolean", "description": "x" * 349_800},
    ]
    (tmp_path / "f.json").write_text(json.dumps({"flags": flags}))
    problems = [str(problem) for problem in read_definitions([tmp_path]).problems]
    assert len(problems) == 2
    assert f"{tmp_path / 'f.json'}: flags[0] (big): has 516" in problems[0]
    assert "350000 are allowed" in problems[0]
    assert "flags[1] (wide)" in problems[1]


def test_what_would_not_be_done_as_it_is_written_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text("""
flags:
  - {key: fine, type: boolean, rollout_percentage: 33.3333}
  - key: good
    type: boolean
    rollout_percentage: 33.333
    rollout_schedule: [{at: 2026-12-01T09:00:00Z, percentage: 1.0e-4}]
  - key: both
    type: boolean
    targeting_rules:
      version: "2.0"
      rules:
        - {id: a, variant: on, rule: &a {conditions: [{attribute: a, operator: eq, value: b}]}}
        - {id: b, variant: on, allocation: {on: 1}, rule: *a}
""")
    assert [str(problem).partition("flags")[2] for problem in read_definitions([tmp_path]).problems] == [
        "[0] (fine).rollout_percentage: must be a multiple of 0.001: users are divided into 100,000 buckets",
        "[1] (good).rollout_schedule[0].percentage: must be a multiple of 0.001: "
        "users are divided into 100,000 buckets",
        "[2] (both).targeting_rules.rules[1]: must have a variant or an allocation, not both",
    ]


RULE = "targeting_rules: {version: '2.0', rules: [{id: r, rule: {conditions: [CONDITION]}}]}"


def one_condition(folder: Path, condition: str) -> Path:
    file = folder / "f.yaml"
    file.write_text(f"flags: [{{key: x, type: boolean, {RULE.replace('CONDITION', condition)}}}]")
    return file


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("2026-01-31", "2026-01-31"),
        ("2026-01-31T09:00:00Z", "2026-01-31T09:00:00Z"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("=", "="),
        ("010", 10),
        ("0x1F", 31),
        ("0o17", 15),
        ("1e3", 1000.0),
        ("+.5", 0.5),
        ("-7", -7),
        ("~", None),
    ],
)
def test_a_plain_scalar_means_what_yaml_1_2_says(tmp_path: Path, written: str, read_as: object) -> None:
    definitions = read_definitions(
        [one_condition(tmp_path, f"{{attribute: a, operator: eq, value: {written}}}")]
    )
    assert not definitions.problems
    rules = definitions.flags[0].targeting_rules
    assert rules is not None
    value = rules["rules"][0]["rule"]["conditions"][0]["value"]
    assert (value, type(value)) == (read_as, type(read_as))


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        ("1e999", "value", "must be a finite number, not inf"),
        ("[1, -.inf]", "value[1]", "must be a finite number, not -inf"),
        (".nan", "value", "must be a finite number, not nan"),
        ("!!timestamp 2026-01-31", "value", "must be a JSON value, not a date"),
        ("!!set {a, b}", "value", "must be a JSON value, not a set"),
        ("!!binary aGk=", "value", "must be a JSON value, not a bytes"),
        ("{1: 2}", "value", "the field name 1 must be text: quote it"),
    ],
)
def test_what_the_table_could_not_hold_is_refused_with_its_path(
    tmp_path: Path, value: str, path: str, message: str
) -> None:
    file = one_condition(tmp_path, f"{{attribute: a, operator: eq, value: {value}}}")
    (problem,) = read_definitions([file]).problems
    place = f"{file}: flags[0] (x).targeting_rules.rules[0].rule.conditions[0].{path}"
    assert str(problem) == f"{place}: {message}"


def test_json_beyond_a_double_is_refused_as_well(tmp_path: Path) -> None:
    file = tmp_path / "f.json"
    file.write_text('{"flags": [{"key": "x", "type": "boolean", "rollout_percentage": 1e999}]}')
    (problem,) = read_definitions([file]).problems
    assert str(problem) == f"{file}: flags[0] (x).rollout_percentage: must be a finite number, not inf"


def test_a_version_that_is_a_number_is_told_to_be_quoted(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_text("flags: [{key: x, type: boolean, targeting_rules: {version: 2.0}}]")
    (problem,) = read_definitions([file]).problems
    assert str(problem).endswith('targeting_rules.version: must be text: quote it, "2.0"')


def test_a_merged_field_may_be_written_anew(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(
        "flags:\n  - &base {key: x, type: boolean}\n  - &next {<<: *base, key: y}\n  - {<<: *next, key: z}\n"
    )
    definitions = read_definitions([file])
    assert [flag.key for flag in definitions.flags] == ["x", "y", "z"]
    assert not definitions.problems


def test_a_missing_path_and_an_empty_folder_are_problems(tmp_path: Path) -> None:
    definitions = read_definitions([tmp_path / "none.yaml", tmp_path])
    assert [problem.message for problem in definitions.problems] == [
        "no such file or folder",
        "holds no .yaml, .yml or .json file",
    ]


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "{}"])
def test_a_file_that_says_nothing_is_a_problem_unless_it_says_so(tmp_path: Path, text: str) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(text)
    for path in (file, tmp_path):
        expected = f"{path}: holds no definitions; write flags: [] if none are meant"
        assert [str(problem) for problem in read_definitions([path]).problems] == [expected]
    file.write_text("flags: []")
    assert not read_definitions([tmp_path]).problems


EMPTY_FIELDS = {
    "targeting_rules:\n    # rules:": "targeting_rules: is empty: remove the field if everybody is meant, or",
    "targeting_rules: ~": "targeting_rules: is empty",
    "layer:": "layer: is empty: remove the field if everybody is meant",
    "holdout: null": "holdout: is empty: remove the field if everybody is meant",
    "targeting_rules: {rules: }": "targeting_rules.rules: must be a list",
    "targeting_rules: {rules: [{id: r, rule: }]}": "targeting_rules.rules[0].rule: must be an object",
    "targeting_rules: {rules: [{id: r, rule: {conditions: }}]}": "rules[0].rule.conditions: must be a list",
    "targeting_rules: {rules: [{id: r, rule: {groups: }}]}": "targeting_rules.rules[0].rule.groups: is empty",
    "targeting_rules: {default_rule: {id: r, rule: {groups: [{groups: }]}}}": (
        "targeting_rules.default_rule.rule.groups[0].groups: is empty"
    ),
}


@pytest.mark.parametrize(("text", "problem"), EMPTY_FIELDS.items())
def test_a_field_left_empty_never_admits_everybody(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(f"experiments:\n  - key: e\n    variants: [{{key: a, allocation: 1}}]\n    {text}\n")
    assert [problem in str(each) for each in read_definitions([file]).problems] == [True]
    if "layer" not in text and "holdout" not in text:
        file.write_text(f"flags:\n  - key: f\n    type: boolean\n    {text}\n")
        assert [problem in str(each) for each in read_definitions([file]).problems] == [True]


def test_everybody_can_be_written(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    rules = "{id: everybody, rule: {}}, {id: all, rule: {conditions: [], groups: []}}"
    file.write_text(
        f"flags: [{{key: a, type: boolean, targeting_rules: {{rules: [{rules}], default_rule: }}}},"
        "{key: b, type: boolean}]"
    )
    assert read_definitions([file]).problems == []


def test_a_rule_whose_allocation_is_left_empty_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    rule = "{id: r, rule: {}, allocation: }"
    file.write_text(f"flags: [{{key: a, type: boolean, targeting_rules: {{rules: [{rule}]}}}}]")
    (problem,) = read_definitions([file]).problems
    assert "targeting_rules.rules[0].allocation: is empty" in str(problem)


@pytest.mark.parametrize("field", ["targeting_rules", "layer", "holdout"])
def test_a_stored_definition_with_an_empty_field_keeps_loading(field: str) -> None:
    text = json.dumps(document() | {field: None})
    assert load_experiment(text).gates is None
    assert parse_row(DefinitionRow("experiment", "checkout", text, "active")) is not None
