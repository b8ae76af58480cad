"""Which files of a folder are read, and what is said of the others."""

import shutil
import subprocess
from collections.abc import Mapping
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.definition_files.files import list_files
from realtime.definition_files.read import read_definitions

FLAG = "flags:\n  - {key: KEY, type: boolean}\n"


def write_files(folder: Path, files: Mapping[str, str | bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def read_keys(folder: Path) -> list[str]:
    definitions = read_definitions([folder])
    assert definitions.problems == []
    return [flag.key for flag in definitions.flags]


def read_skipped(folder: Path) -> dict[str, str]:
    skipped = read_definitions([folder]).skipped
    return {str(item).removeprefix(f"{folder}/"): item.reason for item in skipped}


@pytest.mark.parametrize("name", ["FLAGS.YAML", "flags.Yml", "flags.JSON", ".flags.yaml"])
def test_a_suffix_is_read_in_any_case(tmp_path: Path, name: str) -> None:
    write_files(tmp_path, {name: '{"flags": [{"key": "a", "type": "boolean"}]}'})
    assert read_keys(tmp_path) == ["a"]


def test_json_is_read_as_json_whatever_the_case_of_its_suffix(tmp_path: Path) -> None:
    write_files(tmp_path, {"f.JSON": "flags: []"})
    (problem,) = read_definitions([tmp_path]).problems
    assert "Expecting value" in problem.message


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbf" + FLAG.encode(),
        FLAG.encode("utf-16"),
        b"\xfe\xff" + FLAG.encode("utf-16-be"),
        b"flags: []\n\xef\xbb\xbf---\n" + FLAG.encode(),
        FLAG.replace("\n", "\r\n").encode(),
        f"%YAML 1.2\n---\n{FLAG}...\n".encode(),
        f"$schema: https://example.org/definitions.json\n{FLAG}".encode(),
        f"---\n{FLAG}---\n---\n# nothing\n".encode(),
        b"x-common: &common {type: boolean}\nx-dates: [2026-01-01]\nflags: [{key: KEY, <<: *common}]",
    ],
)
def test_what_an_editor_or_a_pipeline_adds_is_read(tmp_path: Path, text: bytes) -> None:
    write_files(tmp_path, {"f.yaml": text})
    assert read_keys(tmp_path) == read_keys(tmp_path / "f.yaml") == ["KEY"]
    assert read_skipped(tmp_path) == {}


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_json_may_have_a_schema_and_a_byte_order_mark(tmp_path: Path, start: bytes) -> None:
    write_files(
        tmp_path,
        {"f.json": start + b'{"$schema": "s", "x-a": 1, "flags": [{"key": "a", "type": "boolean"}]}'},
    )
    assert read_keys(tmp_path) == ["a"]


def test_several_documents_are_one_set_and_each_place_is_named(tmp_path: Path) -> None:
    write_files(tmp_path, {"f.yaml": f"{FLAG}---\nkind: ConfigMap\n---\n{FLAG}"})
    definitions = read_definitions([tmp_path / "f.yaml"])
    file = tmp_path / "f.yaml"
    assert [str(problem) for problem in definitions.problems] == [
        f"{file} (document 3): flags[0].key: 'KEY' is already defined in {file} (document 1): flags[0]"
    ]
    assert read_skipped(tmp_path) == {"f.yaml (document 2)": "without definitions"}


def test_a_file_without_definitions_is_skipped_in_a_folder_and_a_mistake_by_itself(tmp_path: Path) -> None:
    others: dict[str, str | bytes] = {
        "compose.yaml": "services: {}",
        "ships.yaml": "{flagship: 1, fl: 2, tags: []}",
        "list.json": "[1, 2]",
        "tsconfig.json": '{"compilerOptions": {} // a comment\n}',
        "chart.yaml": "name: {{ .Values.name }}",
        "stack.yaml": "Value: !Ref Name",
        "latin.yaml": b"name: caf\xe9",
        "later.yaml": "# flags: later\n",
    }
    write_files(tmp_path, {"flags.yaml": FLAG, **others})
    assert read_keys(tmp_path) == ["KEY"]
    assert read_skipped(tmp_path) == {
        "compose.yaml": "without definitions",
        "ships.yaml": "without definitions",
        "list.json": "without definitions",
        "later.yaml": "blank",
        **dict.fromkeys(
            ("tsconfig.json", "chart.yaml", "stack.yaml", "latin.yaml"),
            "unreadable, without definitions by all signs",
        ),
    }
    for name in others:
        definitions = read_definitions([tmp_path / name])
        assert len(definitions.problems) == 1
        assert definitions.skipped == []


def test_a_file_may_hold_segments(tmp_path: Path) -> None:
    segments = (
        "segments:\n  - {key: testers, include: [ada]}\n  - key: germans\n    when: {if: country, eq: DE}\n"
    )
    write_files(tmp_path, {"s.yaml": segments, "f.yaml": FLAG, "none.json": '{"segments": []}'})
    definitions = read_definitions([tmp_path])
    assert definitions.problems == []
    assert sorted(definitions.documents) == [
        ("flag", "KEY"),
        ("segment", "germans"),
        ("segment", "testers"),
    ]
    assert definitions.locate(("segment", "germans")) == f"{tmp_path}/s.yaml: segments[1] (germans)"


@pytest.mark.parametrize(
    ("segment", "problem"),
    [
        ("{key: s, whem: true}", "(s).whem: unknown field; did you mean when?"),
        ("{key: s, when: }", "(s).when: must be a condition"),
        ("{key: s, when: {if: age, gte: x, as: number}}", "(s).when"),
        ("{key: s, include: ada}", "(s).include: "),
        ("{key: s, share: 150%}", "(s)"),
        ("{key: 's s'}", "(s s).key: "),
    ],
)
def test_a_mistake_in_a_segment_is_named_by_its_place(tmp_path: Path, segment: str, problem: str) -> None:
    write_files(tmp_path, {"s.yaml": f"segments: [{segment}]"})
    (found,) = read_definitions([tmp_path]).problems
    assert str(found).startswith(f"{tmp_path}/s.yaml: segments[0] {problem}")


@pytest.mark.parametrize(
    "text",
    [
        "flag: [{key: a}]",
        "segment: [{key: a}]",
        "segments: [",
        "flags: [",
        b"flags:\n- {key: caf\xe9}",
        "experiments:\n\t- a",
        '{"flags" : [}',
        FLAG.encode("utf-16")[2:],
        "flags: {{ .Values.flags }}",
    ],
)
def test_a_file_that_should_hold_definitions_is_never_skipped(tmp_path: Path, text: str | bytes) -> None:
    write_files(tmp_path, {"good.yaml": FLAG, "bad.yaml": text})
    definitions = read_definitions([tmp_path])
    assert [problem.path.partition(":")[0] for problem in definitions.problems] == [f"{tmp_path}/bad.yaml"]
    assert definitions.skipped == []


def test_a_folder_without_any_definition_is_a_mistake(tmp_path: Path) -> None:
    write_files(tmp_path, {"compose.yaml": "services: {}", ".venv/f.yaml": FLAG})
    (problem,) = read_definitions([tmp_path]).problems
    assert str(problem) == f"{tmp_path}: holds no definitions; write flags: [] if none are meant"


IGNORING = {
    ".git/config": "",
    ".gitignore": "/build/\n*.local.yaml\n!keep.local.yaml\n[z-a]\n!\n",
    "flags.yaml": FLAG.replace("KEY", "root"),
    "build/f.yaml": "flags: [",
    "a.local.yaml": "flags: [",
    "keep.local.yaml": FLAG.replace("KEY", "kept"),
    ".venv/lib/f.yaml": "flags: [",
    "a.yaml/.hidden/f.yaml": "flags: [",
    "team/build/f.yaml": FLAG.replace("KEY", "nested"),
    "team/.gitignore": "*\n!build\n!f.yaml\n",
    "team/g.yaml": "flags: [",
    "venv/.gitignore": "*",
    "venv/f.yaml": "flags: [",
    "team/build/b.local.yaml": "flags: [",
}


def test_hidden_and_ignored_folders_are_skipped(tmp_path: Path) -> None:
    write_files(tmp_path, IGNORING)
    assert read_keys(tmp_path) == ["root", "kept", "nested"]
    assert read_skipped(tmp_path) == {
        ".git": "hidden",
        ".venv": "hidden",
        "a.local.yaml": "ignored by .gitignore",
        "a.yaml/.hidden": "hidden",
        "build": "ignored by .gitignore",
        "team/build/b.local.yaml": "ignored by .gitignore",
        "team/g.yaml": "ignored by .gitignore",
        "venv/f.yaml": "ignored by .gitignore",
    }


def test_the_rules_of_the_repository_hold_in_a_folder_of_it(tmp_path: Path) -> None:
    write_files(tmp_path, IGNORING)
    assert read_keys(tmp_path / "team") == ["nested"]


@pytest.mark.parametrize("name", ["build", ".venv/lib", "venv", "a.local.yaml"])
def test_what_is_named_is_read_although_it_is_hidden_or_ignored(tmp_path: Path, name: str) -> None:
    write_files(tmp_path, {**IGNORING, "venv/.gitignore": ""})
    (problem,) = read_definitions([tmp_path / name]).problems
    assert "expected the node content" in problem.message


def test_rules_outside_of_a_repository_are_not_asked(tmp_path: Path) -> None:
    write_files(tmp_path, {".gitignore": "*", "set/f.yaml": FLAG})
    assert read_keys(tmp_path / "set") == ["KEY"]


def test_a_link_to_a_file_is_read_and_one_to_a_folder_is_skipped(tmp_path: Path) -> None:
    write_files(tmp_path, {"elsewhere/f.yaml": FLAG, "set/a.txt": ""})
    (tmp_path / "set" / "f.yaml").symlink_to(tmp_path / "elsewhere" / "f.yaml")
    (tmp_path / "set" / "more").symlink_to(tmp_path / "elsewhere")
    assert read_keys(tmp_path / "set") == ["KEY"]
    assert read_skipped(tmp_path / "set") == {"more": "links to folders"}


def test_a_link_to_nothing_is_a_mistake_unless_it_is_an_editors_lock(tmp_path: Path) -> None:
    write_files(tmp_path, {"f.yaml": FLAG, "._f.yaml": b"\0\5\x16\7"})
    (tmp_path / ".#f.yaml").symlink_to("user@host.1234")
    assert read_keys(tmp_path) == ["KEY"]
    (tmp_path / "g.yaml").symlink_to(tmp_path / "nothing")
    (problem,) = read_definitions([tmp_path]).problems
    assert problem.path == f"{tmp_path}/g.yaml"


GIT = shutil.which("git")
NAMES = ("a", "b", "ab", "c.yaml")
FILES = [
    f"{'/'.join(folders)}/f.yaml".lstrip("/") for size in range(3) for folders in product(NAMES, repeat=size)
]
PATTERNS = st.lists(
    st.builds(
        "".join,
        st.tuples(
            st.sampled_from(("", "!")),
            st.sampled_from(("", "/", "**/", "a/")),
            st.sampled_from(("*", "a", "b", "a*", "[ab]", "?", "*.yaml", "f.yaml")),
            st.sampled_from(("", "/", "/*", "/**", "/f.yaml")),
        ),
    ),
    max_size=4,
)


@pytest.mark.skipif(not GIT, reason="compares with Git")
@settings(max_examples=25, deadline=None)
@given(outer=PATTERNS, inner=PATTERNS)
def test_git_ignores_the_same(
    tmp_path_factory: pytest.TempPathFactory, outer: list[str], inner: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("repository")
    write_files(folder, dict.fromkeys(FILES, "flags: []"))
    write_files(folder, {".gitignore": "\n".join(outer), "a/.gitignore": "\n".join(inner)})
    run = [str(GIT), "-c", "core.excludesFile=", "-C", str(folder)]
    subprocess.run([*run, "init", "-q"], check=True)
    listed = subprocess.run(
        [*run, "ls-files", "--others", "--exclude-standard"], check=True, capture_output=True, text=True
    )
    ours = [str(path.relative_to(folder)) for path in list_files(folder, [])[0]]
    assert sorted(ours) == sorted(name for name in listed.stdout.split("\n") if name.endswith("f.yaml"))
