"""Imported definitions answer as the other system does: cases made by hand, for each system.

Those with a hash lie on a bound and next to it. `tests.support.vendor_hashes` has the formulas.
"""

import json
from pathlib import Path

import pytest

from realtime.migration.checking import Report, check_file
from realtime.migration.vendors import VENDORS
from tests.support.paths import ROOT

CASES = ROOT / "tests" / "conformance" / "imports"
FILES = sorted(CASES.glob("*.jsonl"))


def test_each_system_has_cases() -> None:
    assert {path.stem for path in FILES} == set(VENDORS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_case_is_answered(path: Path) -> None:
    report = Report()
    check_file(path, report)
    assert report.differences == []
    assert report.passed >= 15


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_wrong_answer_is_found(path: Path, tmp_path: Path) -> None:
    (tmp_path / "definitions").symlink_to(CASES / "definitions")
    case = json.loads(path.read_text().splitlines()[0])
    wrong = {name: f"not {value}" for name, value in case["expect"].items()}
    changed = tmp_path / path.name
    changed.write_text(json.dumps(case | {"expect": wrong}))
    report = Report()
    check_file(changed, report)
    assert report.passed == 0
    [(_, line, difference)] = report.differences
    assert (line, difference.case) == (1, case["case"])
    assert difference.answered == case["expect"]
