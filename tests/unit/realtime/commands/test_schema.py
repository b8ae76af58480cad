"""`schema` prints what editors read, without the packages that only tests have."""

import json
import subprocess
import sys

import pytest

from realtime.cli import main
from realtime.definition_files.json_schema.file import make_schema
from tests.support.paths import ROOT


def test_it_prints_the_schema(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["realtime", "schema"])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert not exit_.value.code
    assert json.loads(capsys.readouterr().out) == make_schema()


def test_it_needs_no_jsonschema() -> None:
    script = (
        "import sys; sys.modules['jsonschema'] = None; sys.argv = ['realtime', 'schema'];"
        "from realtime.cli import main; main()"
    )
    made = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert json.loads(made.stdout)["title"]
