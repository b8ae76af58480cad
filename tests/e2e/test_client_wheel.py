"""The client's wheel answers as the service does, where nothing is installed but what it requires."""

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from chalicelib.domain.definitions.compiler import parse_flag
from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.errors import InvalidInput, RealtimeError
from chalicelib.domain.publishing.documents import build_row
from chalicelib.settings import Settings
from infra.client_wheel import NEEDED, build, list_requirements
from realtime.definition_files.read import read_definitions
from realtime.demo.cdnow import DEFINITIONS
from realtime.migration.finishing import import_documents
from realtime.migration.vendors import VENDORS
from tests.support.flags import variants
from tests.support.paths import ROOT
from tests.support.service import KEY, Service, serve_service

CONFORMANCE = ROOT / "tests" / "conformance"
PROGRAM = """
import json, sys
sys.path[:0] = sys.argv[1:3]
from realtime_client import Client
from realtime_client.provider import Provider

for line in sys.stdin:
    url, key, cases = json.loads(line)
    client = Client(url, key, start_seconds=60)
    answers = []
    for name, user_id, context in cases:
        found = client.details(name, "default", user_id, context)
        reason = found.metadata.get("reason", "").replace("STICKY", "ASSIGNED") or None
        answers.append([found.value, found.variant, reason, found.error_code])
    client.close()
    foreign = {"boto3", "botocore", "chalice", "chalicelib", "realtime"} & set(sys.modules)
    print(json.dumps([answers, [*foreign, Provider.__module__]]), flush=True)
"""
PAGE = ROOT / "docs" / "local-evaluation.md"
EXAMPLES = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE.read_text(), re.DOTALL)
Case = tuple[str, str | None, dict[str, Any]]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("wheel") / "client")


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel unpacked, and the packages that it requires with what they require."""
    unpacked = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    packages = tmp_path_factory.mktemp("packages")
    for name in find_required(NEEDED):
        found = distribution(name)
        for top in {Path(str(file)).parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
            link = packages / top
            if not link.exists():
                link.symlink_to(Path(str(found.locate_file(top))))
    return unpacked, packages


def find_required(names: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    waiting = [*names]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            for text in distribution(name).requires or ():
                requirement = Requirement(text)
                if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                    waiting.append(requirement.name)
    return found


def read_targeting() -> Iterator[tuple[dict[str, Any], Case]]:
    """A flag with the rules of each case, and the case."""
    for name in ("targeting_operators", "targeting_rules", "targeting_v2"):
        for number, line in enumerate((CONFORMANCE / f"{name}.jsonl").read_text().splitlines()):
            case = json.loads(line)
            rules = case.get("targeting_rules")
            if rules is None and "condition" in case:
                rule = {"id": "r", "rule": {"conditions": [case["condition"]]}}
                rules = {"version": case.get("version", "1.0"), "rules": [rule]}
            key = f"{name}-{number}"
            flag = {"key": key, "type": "string", "default_variant": "a", "variants": variants(a=0.5, b=0.5)}
            context = case.get("context")
            if rules is not None and isinstance(context, dict):
                user = context.get("user_id")
                yield (
                    flag | {"targeting_rules": rules},
                    (key, user if isinstance(user, str) else "u", context),
                )


def read_imports() -> Iterator[tuple[dict[str, list[Any]], list[Case]]]:
    """Of each system the definitions of its one document, and the cases."""
    for vendor in VENDORS:
        cases = map(json.loads, (CONFORMANCE / "imports" / f"{vendor}.jsonl").read_text().splitlines())
        name = f"definitions/{vendor}.json"
        document = json.loads((CONFORMANCE / "imports" / name).read_text())
        imported = import_documents(vendor, [document], {})
        asked = [
            (case["key"], case["user"], case["context"])
            for case in cases
            if case["definitions"] == name and not case.get("options")
        ]
        yield (
            {
                "segment": [each.data for each in imported.segments],
                "experiment": [each.data for each in imported.experiments],
                "flag": [each.data for each in imported.flags],
            },
            asked,
        )


def publish(service: Service, definitions: dict[str, list[Any]]) -> None:
    rows = [
        DefinitionRow(kind, data["key"], json.dumps(data), data.get("status", "active"))  # type: ignore[arg-type]
        for kind, each in definitions.items()
        for data in each
    ]
    for start in range(0, len(rows), 100):
        version = service.definitions.get_changes(None).version
        service.definitions.publish(rows[start : start + 100], version, 0.0)


def ask_service(service: Service, case: Case) -> list[Any]:
    key, user_id, context = case
    try:
        found = service.plane.evaluate(user_id, key, {**context})
    except RealtimeError as error:
        codes = {"flag_not_found": "FLAG_NOT_FOUND", "targeting_key_missing": "TARGETING_KEY_MISSING"}
        return ["default", None, None, codes.get(error.code, "INVALID_CONTEXT")]
    reason = str(found.reason).replace("STICKY", "ASSIGNED")  # when it is asked, the assignment is stored
    return [found.value if found.has_value else "default", found.variant, reason, None]


Ask = Callable[[str, list[Case]], list[Any]]


@pytest.fixture(scope="module")
def ask(environment: tuple[Path, Path]) -> Iterator[Ask]:
    """Answers of the client of one process, without the site packages: what is not required is not there."""
    command = [sys.executable, "-I", "-S", "-c", PROGRAM, *map(str, environment)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        asking, answering = process.stdin, process.stdout
        assert asking is not None
        assert answering is not None

        def ask(url: str, cases: list[Case]) -> list[Any]:
            asking.write(json.dumps([url, KEY, cases]) + "\n")
            asking.flush()
            answers, names = json.loads(answering.readline())
            assert names == ["realtime_client.provider"]
            return list(answers)

        yield ask
        asking.close()


def test_it_answers_every_targeting_case(ask: Ask) -> None:
    flags, cases = [], []
    for flag, case in read_targeting():
        try:
            parse_flag(flag)
        except InvalidInput:
            continue
        flags.append(flag)
        cases.append(case)
    assert len(cases) > 3_000
    with serve_service() as (url, service):
        publish(service, {"flag": flags})
        answers = ask(url, cases)
        expected = [ask_service(service, case) for case in cases]
    assert [each for each in zip(cases, answers, expected, strict=True) if each[1] != each[2]] == []
    assert len({json.dumps(each) for each in expected}) >= 4


def test_it_answers_every_case_of_an_import(ask: Ask) -> None:
    """Each system's definitions alone, since their keys repeat."""
    asked = 0
    for definitions, cases in read_imports():
        with serve_service(Settings.from_env({})) as (url, service):
            publish(service, definitions)
            answers = ask(url, cases)
            expected = [ask_service(service, case) for case in cases]
        differing = [each for each in zip(cases, answers, expected, strict=True) if each[1] != each[2]]
        assert differing == []
        asked += len(cases)
    assert asked > 200


@pytest.mark.parametrize(("code", "expected"), EXAMPLES)
def test_an_example_prints_what_the_page_says(
    environment: tuple[Path, Path], code: str, expected: str
) -> None:
    with serve_service() as (url, service):
        documents = read_definitions([DEFINITIONS]).documents.values()
        service.definitions.publish([build_row(document) for document in documents], 0, 0.0)
        done = subprocess.run(
            [sys.executable, "-"],
            input=code.replace("http://127.0.0.1:8000", url),
            env={**os.environ, "PYTHONPATH": str(environment[0])},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.stdout, done.returncode) == (expected, 0), done.stderr


def test_every_example_of_the_page_is_run() -> None:
    assert len(EXAMPLES) == PAGE.read_text().count("```python") > 2


def test_the_same_files_make_the_same_bytes(wheel: Path, tmp_path: Path) -> None:
    assert build(tmp_path / "again").read_bytes() == wheel.read_bytes()


def test_it_has_one_package_of_its_own_with_types_and_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = archive.read("realtime_client-0.1.0.dist-info/METADATA").decode()
    assert {name.split("/")[0] for name in names} == {"realtime_client", "realtime_client-0.1.0.dist-info"}
    assert "realtime_client/py.typed" in names
    assert "realtime_client-0.1.0.dist-info/licenses/LICENSE" in names
    for requirement in list_requirements():
        assert f"Requires-Dist: {Requirement(requirement)}" in metadata.replace(" ", "") or (
            Requirement(requirement).name in metadata
        )
    assert wheel.stat().st_size < 250_000
