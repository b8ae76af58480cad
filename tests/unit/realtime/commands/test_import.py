"""`import` and `check-import`: what they print, and how they end."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from realtime.commands.validate import validate
from tests.support.paths import ROOT
from tests.unit.realtime.commands.conftest import Run

CASES = ROOT / "tests" / "conformance" / "imports"
LOT = {"name": "gradualRolloutRandom", "parameters": {"percentage": "50"}}
STICKY = {"name": "flexibleRollout", "parameters": {"rollout": "50", "stickiness": "default"}}


def write(name: str, *features: Any) -> None:
    Path(name).write_text(json.dumps({"version": 2, "features": list(features)}))


def toggle(name: str, *strategies: Any) -> Any:
    return {"name": name, "enabled": True, "strategies": list(strategies)}


def test_all_flags_are_imported_into_a_valid_file(run: Run) -> None:
    write("toggles.json", toggle("a"), toggle("b c"))
    assert run("import", "unleash", "toggles.json", "--out", "flags.yaml") == (
        0,
        "flags.yaml: 2 flags and 0 segments imported, 0 refused.\n",
        "",
    )
    text = Path("flags.yaml").read_text()
    assert text.startswith("# Imported from Unleash: toggles.json. Every user keeps the variant")
    assert "alias: b c" in text
    assert validate(Console(quiet=True), [Path("flags.yaml")], strict=True) == 0


def test_a_refusal_has_its_path_and_reason_and_ends_with_1(run: Run) -> None:
    write("toggles.json", toggle("a"), toggle("lot [b]x[/b]\x1b", LOT), toggle("sticky", STICKY))
    status, out, err = run("import", "unleash", "toggles.json", "--out", "flags.yaml")
    assert (status, err) == (1, "")
    assert out == (
        "refused lot [b]x[/b]\\x1b (features[lot [b]x[/b]\\x1b].strategies[0]): draws a lot for each "
        "request, so that no answer can be repeated\n"
        "note sticky (features[sticky].strategies[0]): without userId and sessionId Unleash draws a lot; "
        "here: off\n"
        "flags.yaml: 2 flags and 0 segments imported, 1 refused.\n"
    )


def test_several_documents_are_one_file_of_json(run: Run) -> None:
    write("one.json", toggle("a"))
    write("two.json", toggle("b"))
    assert run("import", "unleash", "one.json", "two.json", "--out", "flags.json")[0] == 0
    assert [flag["key"] for flag in json.loads(Path("flags.json").read_text())["flags"]] == ["a", "b"]


def test_an_option_says_what_the_document_does_not(run: Run) -> None:
    text = (CASES / "definitions" / "flagd.json").read_text()
    Path("flagd.json").write_text(text)
    schemes = {}
    for version in ("v1", "v2", "v3"):
        assert (
            run("import", "flagd", "flagd.json", "--out", "x.yaml", "--option", f"fractional={version}")[0]
            == 0
        )
        schemes[version] = "murmur32-abs-percent" in Path("x.yaml").read_text()
    assert schemes == {"v1": True, "v2": False, "v3": False}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["import", "unleash", "no.json", "--out", "x.yaml"], "no.json: No such file or directory"),
        (["import", "unleash", "bad.json", "--out", "x.yaml"], "bad.json: line 1, column 2: is not JSON"),
        (
            ["import", "unleash", "eppo.json", "--out", "x.yaml"],
            "eppo.json: is no document of Unleash: it has neither features nor events",
        ),
        (
            ["import", "unleesh", "eppo.json", "--out", "x.yaml"],
            "unleesh is not known; did you mean unleash?",
        ),
        (
            ["import", "eppo", "eppo.json", "--out", "x.yaml", "--option", "a"],
            "--option a: must be NAME=VALUE",
        ),
        (
            ["import", "eppo", "eppo.json", "--out", "x.yaml", "--option", "a=b"],
            "--option a=b: eppo takes no",
        ),
        (["import", "eppo", "eppo.json", "--out", "none/x.yaml"], "none/x.yaml: No such file or directory"),
        (["check-import", "no.jsonl"], "no.jsonl: No such file or directory"),
        (["check-import", "bad.json"], "bad.json:1: line 1, column 2: is not JSON"),
        (["check-import", "eppo.json"], "eppo.json:1: is no case: vendor must be text"),
    ],
)
def test_what_cannot_be_read_ends_with_2(run: Run, arguments: list[str], message: str) -> None:
    Path("bad.json").write_text("{")
    Path("eppo.json").write_text('{"flags": {}}')
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith(f"realtime: {message}")
    assert err.count("\n") == 1


def test_cases_that_agree_end_with_0(run: Run) -> None:
    count = len((CASES / "eppo.jsonl").read_text().splitlines())
    assert run("check-import", str(CASES / "eppo.jsonl")) == (0, f"{count} passed, 0 failed\n", "")


def test_a_case_that_differs_is_shown_and_ends_with_1(run: Run) -> None:
    document = {"version": 2, "features": [toggle("a"), toggle("lot", LOT)]}
    case = {"vendor": "unleash", "case": "first", "definitions": document, "user": None, "context": {}}
    lines = [
        case | {"key": "a", "expect": {"enabled": False}},
        case | {"key": "lot", "expect": {"enabled": True}},
    ]
    Path("cases.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert run("check-import", "cases.jsonl") == (
        1,
        'cases.jsonl:1: first: expected {"enabled": false}, answered {"enabled": true}\n'
        'cases.jsonl:2: first: expected {"enabled": true}, answered {"enabled": false} '
        "(refused: draws a lot for each request, so that no answer can be repeated)\n"
        "0 passed, 2 failed\n",
        "",
    )


def test_without_cases_nothing_is_checked(run: Run) -> None:
    Path("empty.jsonl").write_text("\n")
    assert run("check-import", "empty.jsonl") == (1, "0 passed, 0 failed\n", "")
