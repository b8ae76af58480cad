"""What `check-rules`, `check-import` and `approvals` say to a script."""

import json
from pathlib import Path

import pytest

from chalicelib.domain.definitions.model import DefinitionRow
from realtime.cli import program
from realtime.testing.proposals import MemoryProposals
from tests.support.paths import ROOT
from tests.support.service import Service, run_service
from tests.unit.realtime.commands.conftest import Run

IMPORTS = ROOT / "tests" / "conformance" / "imports"


def test_check_rules(run: Run, tmp_path: Path) -> None:
    case = {"id": "c1", "operator": "eq", "context": {"a": 1}, "expected": True}
    case |= {"condition": {"attribute": "a", "operator": "eq", "value": 1}}
    file = tmp_path / "cases.jsonl"
    file.write_text(f"{json.dumps(case)}\n{json.dumps(case | {'id': 'c2', 'expected': False})}\n")
    status, output, _ = run("check-rules", str(file), "--json")
    assert (status, json.loads(output)) == (
        1,
        {"passed": 1, "failed": 1, "failures": [f"{file}:2: c2: expected false, got true"]},
    )


def test_check_import(run: Run, tmp_path: Path) -> None:
    file = IMPORTS / "unleash.jsonl"
    status, output, _ = run("check-import", str(file), "--json")
    answer = json.loads(output)
    assert (status, answer["failed"], answer["differences"]) == (0, 0, [])
    assert answer["passed"] > 10
    case = json.loads(file.read_text().splitlines()[0])
    (tmp_path / "definitions").symlink_to(IMPORTS / "definitions")
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text(json.dumps(case | {"expect": dict.fromkeys(case["expect"], "not this")}))
    status, output, _ = run("check-import", str(wrong), "--json")
    [difference] = json.loads(output)["differences"]
    assert (status, difference["place"], difference["case"]) == (1, f"{wrong}:1", case["case"])
    assert difference["answered"] == case["expect"]


@pytest.mark.parametrize("approvals", [0, 1])
def test_approvals(run: Run, monkeypatch: pytest.MonkeyPatch, approvals: int) -> None:
    with run_service(proposals=MemoryProposals()) as service:
        published: Service = service
        published.definitions.publish([DefinitionRow("flag", "f", "{}", "active")], 0, 0.0)
        published.proposals.set_approvals(approvals)
        monkeypatch.setattr(program, "plane", lambda: published.plane)
        assert run("approvals", "--json") == (0, f'{{"approvals": {approvals}}}\n', "")
