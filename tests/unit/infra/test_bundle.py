"""What ships: byte-code for every module, libraries for the right machine, the same bytes every time."""

import marshal
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from infra.bundle import HOST, LAMBDA, LIMIT, BundleError, Target, assemble, build, check, contents, wheels
from infra.cold_start import lambdas_own, measure, unpack

UNCHECKED = 0b01
HEADER = 16  # bytes: magic number, flags, hash of the source


@pytest.fixture(scope="module")
def bundle() -> zipfile.ZipFile:
    return zipfile.ZipFile(build(LAMBDA))


def test_it_is_for_lambdas_processor_and_small_enough() -> None:
    assert build(LAMBDA).stat().st_size <= LIMIT
    assert LAMBDA.machine == "aarch64"


def test_it_holds_the_service_chalices_two_files_and_no_tooling(bundle: zipfile.ZipFile) -> None:
    names = {name for name in bundle.namelist() if "__pycache__" not in name}
    assert {"app.py", "chalicelib/wiring.py", "pydantic/__init__.py"} <= names
    assert {name for name in names if name.startswith("chalice/")} == {
        "chalice/__init__.py",
        "chalice/app.py",
    }
    tops = {name.split("/", maxsplit=1)[0] for name in names}
    assert not tops & {"boto3", "botocore", "realtime", "infra", "tests", "pip", "setuptools"}


def test_every_module_has_byte_code_that_is_never_compiled_again(bundle: zipfile.ZipFile) -> None:
    names = set(bundle.namelist())
    tag = f"cpython-{LAMBDA.python.replace('.', '')}"
    for name in names:
        if name.endswith(".py"):
            folder, _, module = name.rpartition("/")
            compiled = f"{folder}/__pycache__/{module[:-3]}.{tag}.pyc".lstrip("/")
            assert compiled in names
            flags = int.from_bytes(bundle.read(compiled)[4:8], "little")
            assert flags == UNCHECKED, compiled


def test_tracebacks_say_where_the_code_is_in_lambda(bundle: zipfile.ZipFile) -> None:
    (name,) = [name for name in bundle.namelist() if name.startswith("__pycache__/app.")]
    code = marshal.loads(bundle.read(name)[HEADER:])  # noqa: S302 - our own byte-code
    assert code.co_filename == "/var/task/app.py"


def test_the_same_code_gives_the_same_bytes(tmp_path: Path) -> None:
    files = contents(LAMBDA)
    for name in ("first", "second"):
        assemble(files, LAMBDA, tmp_path / name)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_a_missing_library_fails_the_build(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="its libraries are missing from the bundle"):
        check(tmp_path, LAMBDA, wheels(LAMBDA))


def test_a_library_for_another_machine_fails_the_build(tmp_path: Path) -> None:
    with zipfile.ZipFile(build(LAMBDA)) as archive:
        archive.extractall(tmp_path)
    check(tmp_path, LAMBDA, wheels(LAMBDA))
    with pytest.raises(BundleError, match="is built for another machine than x86_64"):
        check(tmp_path, replace(LAMBDA, machine="x86_64"), wheels(LAMBDA))


def test_byte_code_of_another_python_is_refused() -> None:
    with pytest.raises(BundleError, match=r"byte-code for Python 3\.9 needs that interpreter"):
        build(Target("3.9", "aarch64", 26))


def test_byte_code_about_halves_the_cold_start_and_nothing_is_missing() -> None:
    """`make package` shows the share, 47 % where it was measured; a busy machine gets some slack."""
    compiled, plain = measure(build(HOST), rounds=3)
    assert compiled < 0.6 * plain


def test_the_driver_of_postgresql_needs_nothing_that_lambda_does_not_have(tmp_path: Path) -> None:
    """It is imported by the first write only, long after a cold start has succeeded."""
    unpack(build(HOST), tmp_path / "code")
    paths = [str(tmp_path / "code"), str(lambdas_own(tmp_path / "runtime"))]
    code = f"import sys; sys.path[:0] = {paths}; import pg8000.native"
    subprocess.run([sys.executable, "-I", "-S", "-B", "-c", code], check=True)
