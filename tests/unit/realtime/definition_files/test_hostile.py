"""Definition files that grow, loop or lie: each is refused by one line that names the file and the fix."""

import os
from pathlib import Path

import pytest

from realtime.definition_files.files import list_files
from realtime.definition_files.read import MAX_SET_BYTES, read_definitions
from realtime.definition_files.syntax import MAX_BYTES, MAX_YAML_BYTES, parse_documents
from tests.support.limits import run_limited
from tests.support.timing import assert_takes_less

FLAG = "flags: [{key: x, type: string, description: %s}]"
MANY = ", ".join(["*a{0}"] * 10)
GROWING = {
    "laughs": "x-a0: &a0 [ha, ha]\n"
    + "".join(f"x-{i}: &a{i} [{MANY.format(i - 1)}]\n" for i in range(1, 40)),
    "fields": "x-a0: &a0 {a: 1}\n"
    + "".join(f"x-{i}: &a{i} {{a: *a{i - 1}, b: *a{i - 1}}}\n" for i in range(1, 60)),
    "merges": "x-a0: &a0 {a: 1}\n"
    + "".join(f"x-{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}\n" for i in range(1, 60)),
    "text": f"x-a: &a {'a' * 1_000_000}\nx-b: [{', '.join(['*a'] * 1_000)}]\n",
}


@pytest.mark.parametrize("name", GROWING)
def test_aliases_may_not_make_a_file_huge(tmp_path: Path, name: str) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(GROWING[name] + "flags: []\n")
    (problem,) = read_definitions([file]).problems
    assert_takes_less(lambda: read_definitions([file]), 2)
    assert str(problem).startswith(f"{file}: line ")
    assert str(problem).endswith("with its aliases written out, the file has over 8 MB; split it")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flags: [&a {key: x, b: [*a]}]", "line 1: *a contains itself"),
        ("flags:\n- &a {key: x,\n  <<: *a}", "line 3: *a contains itself"),
        ("x-a: &a\n  b: &b [*a]", "line 2: *a contains itself"),
        ("flags: [*nothing]", "line 1, column 9: found undefined alias 'nothing'"),
        ("flags: []\n---\nx-a: &a 1\n---\nflags: [*a]", "line 5, column 9: found undefined alias 'a'"),
        (
            FLAG % ("9" * 100_000),
            "line 1: has a number of over 1,000 digits; quote it, if it is text",
        ),
        (FLAG % ("0x" + "9" * 5_000), "line 1: has a number of over 1,000 digits; quote it"),
        (FLAG % ("0." + "9" * 5_000), "line 1: has a number of over 1,000 digits; quote it"),
        (FLAG % "!!bool yes", "line 1: !!bool does not fit 'yes'; remove it"),
        (FLAG % "!!int 1:30", "line 1: !!int does not fit '1:30'; remove it"),
        (FLAG % "!!int 1_000", "line 1: !!int does not fit '1_000'; remove it"),
        (FLAG % "!!float 1_0.5", "line 1: !!float does not fit '1_0.5'; remove it"),
        (FLAG % "!!null something", "line 1: !!null does not fit 'something'; remove it"),
        (FLAG % "!!python/object/apply:os.system [id]", "could not determine a constructor for the tag"),
        (FLAG % "!!omap [a: 1]", "flags[0] (x).description[0]: must be a JSON value, not a tuple"),
        ("flags:\n- key: x\n  deep:\n    a: 1\n    a: 2", "line 5: 'a' is written twice; keep one"),
        ("flags:\n- key: x\n  'key': y", "line 3: 'key' is written twice; keep one"),
        ("flags:\n- <<: {a: 1}\n  <<: {b: 1}", "line 3: '<<' is written twice; keep one"),
        (
            "flags: " + "[" * 101 + "]" * 101,
            "is nested too deeply, or contains itself; 100 levels are allowed",
        ),
        ("- " * 100_000, "line 1: is nested too deeply"),
        ("? " * 100_000, "line 1: is nested too deeply"),
        ("flags: [{[a]: 1}]", "line 1, column 10: found unhashable key"),
        ("%YAML 9.9\n---\nflags: []", "line 1, column 1: found incompatible YAML document"),
        (f"flags: []\n#{'x' * MAX_YAML_BYTES}", "has over 8 MB; split it, or write it as JSON"),
        ("x" * (MAX_BYTES + 1), "has over 16 MB; split it"),
    ],
)
def test_yaml_that_loops_or_lies_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(text)
    problem = str(read_definitions([file]).problems[0])
    assert problem.startswith(f"{file}: ")
    assert message in problem
    assert "\n" not in problem


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"flags": [],\n"flags": []}', "line 2: 'flags' is written twice; keep one"),
        ('{"flags": [],\n"fl\\u0061gs": []}', "line 2: 'flags' is written twice; keep one"),
        ('{"flags": [{"a": {"b": [{"c": 1,\n\n"c": 2}]}}]}', "line 3: 'c' is written twice; keep one"),
        ('{"flags":\n[' + "9" * 100_000 + "]}", "line 2: has a number of over 1,000 digits; quote it"),
        ('{"flags": [0.' + "9" * 100_000 + "]}", "line 1: has a number of over 1,000 digits; quote it"),
        ('{"flags": ' + "[" * 101 + "]" * 101 + "}", "is nested too deeply"),
        ('{"flags": ' + "[" * 100_000, "is nested too deeply"),
        ('{"flags": [NaN]}', "flags[0]: must be a finite number, not nan"),
        ('{"flags": [1e999]}', "flags[0]: must be a finite number, not inf"),
        ('{"flags": []} {"flags": []}', "line 1, column 15: is not JSON: Extra data"),
        ('{"flags": [\0]}', "has a NUL at byte 11; save it as UTF-8"),
        ('{"flags": [{"key": "\\ud800"}]}', "must be valid Unicode: it has a lone surrogate"),
        ('{"flags": [{"key": "x", "\\ud800": 1}]}', "must be valid Unicode: it has a lone surrogate"),
    ],
)
def test_json_that_loops_or_lies_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "f.json"
    file.write_text(text)
    problem = str(read_definitions([file]).problems[0])
    assert problem.startswith(f"{file}: ")
    assert message in problem


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff", "is not UTF-8: byte 0 is wrong"),
        ("flags: []".encode("utf-32"), "is UTF-32; save it as UTF-8"),
        (b"\x00\x00\xfe\xff" + "flags: []".encode("utf-32-be"), "is UTF-32; save it as UTF-8"),
        ("flags: []".encode("utf-16-le"), "has a NUL at byte 1; save it as UTF-8"),
        (b"\xff\xfef\x00l\x00\x00\xd8", "is not UTF-16"),
        (b"flags: ['\xed\xa0\x80']", "is not UTF-8: byte 9 is wrong"),
        (b"+AGYAbABhAGc-: []", "must hold experiments"),  # UTF-7 is nothing that anybody reads
    ],
)
@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_other_encodings_are_named(tmp_path: Path, suffix: str, data: bytes, message: str) -> None:
    file = tmp_path / f"f.{suffix}"
    file.write_bytes(data)
    problem = str(read_definitions([file]).problems[0])
    assert message in problem or (suffix == "json" and "is not JSON" in problem)


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    os.symlink("/dev/zero", tmp_path / "b.yaml")
    os.symlink("c.yaml", tmp_path / "c.yaml")
    os.symlink("/no/such/file", tmp_path / "d.yaml")
    os.symlink(".", tmp_path / "e")
    os.mkfifo(tmp_path / ".gitignore")
    problems = [str(problem) for problem in read_definitions([tmp_path]).problems]
    assert problems[:3] == [
        f"{tmp_path}/.gitignore: is a pipe; save what it gives as a file",
        f"{tmp_path}/a.yaml: is a pipe; save what it gives as a file",
        f"{tmp_path}/b.yaml: is a device; save what it gives as a file",
    ]
    assert "Too many levels of symbolic links" in problems[3]
    assert "No such file or directory" in problems[4]
    for name, problem in zip("ab", problems[1:3], strict=True):
        assert [str(each) for each in read_definitions([tmp_path / f"{name}.yaml"]).problems] == [problem]


def test_a_set_of_files_has_a_limit_as_well(tmp_path: Path) -> None:
    for number in range(MAX_SET_BYTES // MAX_BYTES + 1):
        with (tmp_path / f"{number}.json").open("wb") as file:
            file.truncate(MAX_BYTES)  # takes no room on the disk
    (problem,) = read_definitions([tmp_path]).problems
    assert str(problem) == f"{tmp_path}: the files have over 64 MB in all; name fewer"


def test_a_pattern_of_many_stars_takes_no_time(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*a" * 40 + "b.yaml\n")
    (tmp_path / ("a" * 200 + ".yaml")).write_text("flags: []")
    assert len(list_files(tmp_path, [])[0]) == 1
    assert_takes_less(lambda: list_files(tmp_path, []), 0.05)


def test_a_name_that_is_no_text_is_shown_by_escapes(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.yaml")).write_text('flags: [{key: "\\e[31m", type: boolean}]')
    (problem,) = read_definitions([tmp_path]).problems
    assert "must be 1 to 128 of" in str(problem)


def test_hostile_files_need_little_memory(tmp_path: Path) -> None:
    """All of them together, and the program, in 1 GB of address space."""
    for name, text in GROWING.items():
        (tmp_path / f"{name}.yaml").write_text(text + "flags: []\n")
    (tmp_path / "deep.json").write_text('{"flags": ' + "[" * 10_000_000)
    (tmp_path / "digits.json").write_text('{"flags": [' + "9" * 10_000_000 + "]}")
    os.symlink("/dev/zero", tmp_path / "zero.json")
    code = """
import sys
from pathlib import Path
from realtime.definition_files.read import read_definitions
for problem in read_definitions([Path(sys.argv[1])]).problems:
    print(problem)
"""
    lines = run_limited(code, tmp_path, megabytes=1_000).splitlines()
    assert [line.partition(":")[0].rpartition("/")[2] for line in lines] == sorted(
        ["deep.json", "digits.json", "zero.json", *(f"{name}.yaml" for name in GROWING)]
    )


@pytest.mark.parametrize(
    ("written", "value"),
    [
        *(
            (text, text)
            for text in ("no", "Yes", "on", "OFF", "y", "N", "2026-01-31", "12:30", "1_000", "0b11")
        ),
        *((text, text) for text in ("0o8", "1e", "0x", "+", ".", "1.2.3", "<<x", "=", "१२", "1,5")),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("1e3", 1000.0),
        ("12345678901234567890", 12345678901234567890),
        ("!!str 12", "12"),
        ("!!int 12", 12),
        ("!!int '12'", 12),
        ("!!bool true", True),
        ("null", None),
        ("", None),
    ],
)
def test_a_scalar_is_text_unless_yaml_1_2_and_json_read_it_alike(written: str, value: object) -> None:
    (document,) = parse_documents(f"a: {written}\n".encode(), ".yaml")
    assert (document["a"], type(document["a"])) == (value, type(value))
