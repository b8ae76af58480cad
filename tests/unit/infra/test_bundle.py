"""What ships: byte-code for every module, libraries for the right machine, the same bytes every time."""

import marshal
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from infra.bundle import (
    HOST_TARGET,
    LAMBDA_TARGET,
    MAX_BUNDLE_BYTES,
    BuildTarget,
    BundleError,
    assemble,
    build_bundle,
    check_libraries,
    collect_files,
    get_wheels,
)
from infra.cold_start import link_runtime_packages, measure_cold_start, unpack

UNCHECKED = 0b01
HEADER = 16  # bytes: magic number, flags, hash of the source


@pytest.fixture(scope="module")
def bundle() -> zipfile.ZipFile:
    return zipfile.ZipFile(build_bundle(LAMBDA_TARGET))


def test_it_is_for_lambdas_processor_and_small_enough() -> None:
    assert build_bundle(LAMBDA_TARGET).stat().st_size <= MAX_BUNDLE_BYTES
    assert LAMBDA_TARGET.machine == "aarch64"


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
    tag = f"cpython-{LAMBDA_TARGET.python.replace('.', '')}"
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
    again = tmp_path / "again"
    assemble(collect_files(LAMBDA_TARGET), LAMBDA_TARGET, again)
    assert again.read_bytes() == build_bundle(LAMBDA_TARGET).read_bytes()


def test_a_missing_library_fails_the_build(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="its libraries are missing from the bundle"):
        check_libraries(tmp_path, LAMBDA_TARGET, get_wheels(LAMBDA_TARGET))


def test_a_library_for_another_machine_fails_the_build(tmp_path: Path) -> None:
    with zipfile.ZipFile(build_bundle(LAMBDA_TARGET)) as archive:
        archive.extractall(tmp_path)
    check_libraries(tmp_path, LAMBDA_TARGET, get_wheels(LAMBDA_TARGET))
    with pytest.raises(BundleError, match="is built for another machine than x86_64"):
        check_libraries(tmp_path, replace(LAMBDA_TARGET, machine="x86_64"), get_wheels(LAMBDA_TARGET))


def test_byte_code_of_another_python_is_refused() -> None:
    with pytest.raises(BundleError, match=r"byte-code for Python 3\.9 needs that interpreter"):
        build_bundle(BuildTarget("3.9", "aarch64", 26))


def test_byte_code_about_halves_the_cold_start_and_nothing_is_missing() -> None:
    """`make package` shows the share, 44 % where it was measured; a busy machine gets some slack."""
    compiled, plain = measure_cold_start(build_bundle(HOST_TARGET), rounds=3)
    assert compiled < 0.55 * plain


def test_the_driver_of_postgresql_needs_nothing_that_lambda_does_not_have(tmp_path: Path) -> None:
    """It is imported by the first write only, long after a cold start has succeeded."""
    unpack(build_bundle(HOST_TARGET), tmp_path / "code")
    paths = [str(tmp_path / "code"), str(link_runtime_packages(tmp_path / "runtime"))]
    code = f"import sys; sys.path[:0] = {paths}; import pg8000.native"
    subprocess.run([sys.executable, "-I", "-S", "-B", "-c", code], check=True)
