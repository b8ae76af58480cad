"""`make wheel`: the client as a package of its own, with the part of the engine that it needs.

The package is called ``realtime_client``: every project on Chalice has a ``chalicelib``, and names such as
``realtime`` belong to others.
"""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from chalicelib import __version__

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build" / "client"
PACKAGE = "realtime_client"
RENAMED = (("chalicelib.domain", f"{PACKAGE}._engine"), ("realtime.client", PACKAGE))
NEEDED = (
    "cachetools",
    "google-re2",
    "mmh3",
    "openfeature-sdk",
    "orjson",
    "pydantic",
    "tzdata",
    "urllib3",
)
"""What the code imports, some of it late: re2 when a pattern is first matched against a long text."""
PINNED = ("requirements.txt", "requirements-dev.txt", "realtime/requirements.txt")
FIRST_DATE = "315532800"
"""1980, the first year that a wheel can hold: the same files make the same bytes."""


def build(target: Path = BUILD) -> Path:
    """The wheel's path. Raises ValueError for an import that the wheel could not satisfy."""
    source = target / "source"
    shutil.rmtree(target, ignore_errors=True)
    for module in sorted(find_modules()):
        path = find_path(module)
        name = f"{rename(module)}.__init__" if path.name == "__init__.py" else rename(module)
        written = source / f"{name.replace('.', '/')}.py"
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(rename(path.read_text()))
    (source / PACKAGE / "py.typed").touch()
    (source / "pyproject.toml").write_text(describe())
    shutil.copy(ROOT / "LICENSE", source)
    shutil.copy(ROOT / "docs" / "local-evaluation.md", source / "README.md")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    command += [
        "--no-build-isolation",
        "--disable-pip-version-check",
        "--wheel-dir",
        str(target),
        str(source),
    ]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": FIRST_DATE}
    subprocess.run(command, check=True, env=environment)  # noqa: S603 - our own command
    (wheel,) = target.glob("*.whl")
    return wheel


def find_modules() -> set[str]:
    """Of the client, all it imports of this project. Raises ValueError for anything but the engine."""
    folder = ROOT / "realtime" / "client"
    waiting = [f"realtime.client.{path.stem}" for path in folder.glob("*.py")]
    waiting = [name.removesuffix(".__init__") for name in waiting]
    found: set[str] = set()
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        if not module.startswith(tuple(old for old, _ in RENAMED)):
            raise ValueError(f"the client must not import {module}")
        found.add(module)
        waiting += list_imports(module)
        waiting += [parent for parent in list_parents(module) if parent not in found]
    return found


def list_imports(module: str) -> Iterator[str]:
    """Modules of this project that ``module`` imports, also late or for types only."""
    for node in ast.walk(ast.parse(find_path(module).read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            submodules = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name for name in submodules if is_module(name)] or [str(node.module)]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] in ("chalicelib", "realtime"))


def list_parents(module: str) -> Iterator[str]:
    """Packages, up to the one that is renamed."""
    tops = {old for old, _ in RENAMED}
    while module not in tops:
        module = module.rpartition(".")[0]
        yield module


def is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def find_path(module: str) -> Path:
    path = ROOT / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def rename(text: str) -> str:
    for old, new in RENAMED:
        text = text.replace(old, new)
    return text


def describe() -> str:
    """pyproject.toml. The lowest versions are those that are tested here."""
    requirements = "".join(f'  "{each}",\n' for each in list_requirements())
    return f"""[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "realtime-client"
version = "{__version__}"
description = "Evaluates feature flags of realtime in the process, also as an OpenFeature provider."
readme = "README.md"
requires-python = ">=3.11"
license = "Apache-2.0"
license-files = ["LICENSE"]
dependencies = [
{requirements}]

[tool.setuptools.packages.find]
include = ["{PACKAGE}*"]

[tool.setuptools.package-data]
"*" = ["py.typed"]
"""


def list_requirements() -> Iterator[str]:
    """From the version that is tested here up to the next major one."""
    locked = dict(line.split("==") for line in read_lines(*PINNED) if "==" in line)
    for name in NEEDED:
        version = locked[name]
        yield f"{name}>={version},<{int(version.split('.')[0]) + 1}"


def read_lines(*names: str) -> Iterator[str]:
    for name in names:
        for line in (ROOT / name).read_text().splitlines():
            yield line.partition(" ")[0].partition(";")[0]


if __name__ == "__main__":
    built = build()
    print(f"{built.relative_to(ROOT)}: {built.stat().st_size / 1000:.0f} kB")
