"""The zip that every function runs: the service, its wheels for Lambda, Chalice's two files, and byte-code.

Chalice's own packager leaves the byte-code out: each cold start would compile all modules again, since
/var/task is read-only. It also drops a wheel that does not fit with only a warning, and caches the broken
package.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import chalice

ROOT = Path(__file__).parents[1]
BUILD_FOLDER = ROOT / "build"
LOCK = ROOT / "locks" / "bundle.txt"
"""What requirements.txt names, with the hashes of its wheels."""
MAX_BUNDLE_BYTES = 10 * 1024 * 1024
ELF_MACHINES = {"x86_64": 0x3E, "aarch64": 0xB7}
_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip can hold


class BundleError(Exception):
    """The bundle cannot be built; one line with the reason."""


@dataclass(frozen=True, slots=True)
class BuildTarget:
    """The interpreter and the machine for which a bundle is built."""

    python: str
    machine: str
    glibc: int
    """The minor version of its glibc. Wheels for a newer one do not load."""

    @property
    def runtime(self) -> str:
        return f"python{self.python}"


PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
LAMBDA_TARGET = BuildTarget(
    PYTHON, "aarch64", 34 if sys.version_info >= (3, 12) else 26
)  # Amazon Linux 2023, or 2
HOST_TARGET = BuildTarget(PYTHON, platform.machine(), int(platform.libc_ver()[1].split(".")[1] or 17))
"""This machine: tests and the local emulator run the bundle here."""


def get_wheels(target: BuildTarget) -> Path:
    """A folder with the wheels of the lock file for ``target``; only the first call asks the index."""
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    folder = Path(sys.prefix) / "wheels" / f"{target.runtime}-{target.machine}-{digest}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            _download(target, Path(temporary))
            _move_into_place(Path(temporary), folder)
    return folder


def build_bundle(target: BuildTarget) -> Path:
    """Build the bundle of the present code. The same code and wheels give the same bytes."""
    if target.python != PYTHON:
        raise BundleError(f"byte-code for Python {target.python} needs that interpreter; this is {PYTHON}")
    files = collect_files(target)
    digest = hashlib.sha256(f"{target}{sys.version}".encode())
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    bundle = BUILD_FOLDER / "bundle" / f"{target.runtime}-{target.machine}-{digest.hexdigest()[:16]}.zip"
    if not bundle.exists():
        bundle.parent.mkdir(parents=True, exist_ok=True)
        temporary = bundle.with_suffix(f".{os.getpid()}")
        assemble(files, target, temporary)
        temporary.rename(bundle)
    if bundle.stat().st_size > MAX_BUNDLE_BYTES:
        raise BundleError(f"the bundle has {bundle.stat().st_size:,} bytes; {MAX_BUNDLE_BYTES:,} are allowed")
    return bundle


def assemble(files: dict[str, bytes], target: BuildTarget, bundle: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _write(files, Path(folder))
        _compile(Path(folder))
        check_libraries(Path(folder), target, get_wheels(target))
        _zip(Path(folder), bundle)


def check_libraries(folder: Path, target: BuildTarget, wheels: Path) -> None:
    """Raise BundleError unless the libraries of all compiled wheels are there, for the target's machine."""
    libraries = {str(path.relative_to(folder)): path for path in folder.rglob("*.so*")}
    for wheel in wheels.glob("*.whl"):
        if wheel.stem.endswith("-any"):
            continue
        with zipfile.ZipFile(wheel) as archive:
            expected = {name for name in archive.namelist() if ".so" in Path(name).suffixes}
        if not expected or not expected <= libraries.keys():
            raise BundleError(f"{wheel.name}: its libraries are missing from the bundle: {expected or 'all'}")
    for name, path in libraries.items():
        machine = int.from_bytes(path.read_bytes()[18:20], "little")
        if machine != ELF_MACHINES[target.machine]:
            raise BundleError(f"{name} is built for another machine than {target.machine} ({machine:#x})")


def _download(target: BuildTarget, folder: Path) -> None:
    tags = [f"manylinux_2_{minor}_{target.machine}" for minor in range(target.glibc, 16, -1)]
    platforms = [
        option for tag in [*tags, f"manylinux2014_{target.machine}"] for option in ("--platform", tag)
    ]
    abi = f"cp{target.python.replace('.', '')}"
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
        *("--no-deps", "--only-binary=:all:", "--require-hashes"),
        *("--requirement", str(LOCK), "--dest", str(folder)),
        *("--python-version", target.python, "--implementation", "cp", *platforms),
        *("--abi", abi, "--abi", "abi3", "--abi", "none"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own command
    if done.returncode:
        reason = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise BundleError(f"no wheels for {target.runtime} on {target.machine}: {' '.join(reason[:1])}")


def _move_into_place(temporary: Path, folder: Path) -> None:
    """If another process was faster, its folder stays: it has the same wheels."""
    staged = temporary.with_suffix(".whole")
    shutil.copytree(temporary, staged)
    try:
        staged.rename(folder)
    except OSError:
        shutil.rmtree(staged)


def collect_files(target: BuildTarget) -> dict[str, bytes]:
    """The contents of all files except byte-code, by their paths in the bundle."""
    files: dict[str, bytes] = {}
    for wheel in sorted(get_wheels(target).glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            files |= {name: archive.read(name) for name in archive.namelist() if _is_shipped(name)}
    for name in ("__init__.py", "app.py"):  # Chalice needs no others in Lambda
        files[f"chalice/{name}"] = Path(chalice.__file__).with_name(name).read_bytes()
    files["app.py"] = (ROOT / "app.py").read_bytes()
    for path in (ROOT / "chalicelib").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            files[str(path.relative_to(ROOT))] = path.read_bytes()
    return files


def _is_shipped(name: str) -> bool:
    return not name.endswith(("/", ".pyi", "/RECORD")) and "/tests/" not in name


def _write(files: dict[str, bytes], folder: Path) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _compile(folder: Path) -> None:
    """Python does not compare this byte-code with its source; tracebacks name /var/task."""
    command = [sys.executable, "-s", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    command += ["-s", str(folder), "-p", "/var/task", str(folder)]
    environ = {**os.environ, "PYTHONHASHSEED": "0"}  # the order of a set is part of the byte-code
    subprocess.run(command, check=True, env=environ, stdout=subprocess.DEVNULL)  # noqa: S603  # our own command


def main() -> None:
    """Download the wheels, so that `make synth`, `make package` and the tests need no network."""
    for target in {LAMBDA_TARGET, HOST_TARGET}:
        get_wheels(target)


def _zip(folder: Path, bundle: Path) -> None:
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(str(path.relative_to(folder)), _DATE)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, path.read_bytes(), compresslevel=9)


if __name__ == "__main__":
    main()
