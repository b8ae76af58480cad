"""The SAM template that `chalice package` makes of app.py, in a copy of the project."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, cast

from chalice.deploy.packager import LambdaDeploymentPackager
from chalice.utils import UI, OSUtils

from infra.bundle import PYTHON, ROOT


def make_template(bundle: Path) -> dict[str, Any]:
    """A new copy for each stack. Chalice uses ``bundle`` instead of building its own package."""
    template: dict[str, Any] = json.loads(_run_chalice_package(bundle))
    return template


@cache
def _run_chalice_package(bundle: Path) -> str:
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        project.mkdir()
        for name in ("app.py", "requirements.txt"):
            shutil.copy(ROOT / name, project)
        for name in ("chalicelib", ".chalice"):
            ignored = shutil.ignore_patterns("__pycache__", "deployments", "deployed")
            shutil.copytree(ROOT / name, project / name, ignore=ignored)
        _seed_package_cache(project, bundle)
        command = [
            sys.executable,
            "-c",
            "from chalice.cli import main; main()",
            "--project-dir",
            str(project),
        ]
        command += ["package", "--stage", "dev", "--template-format", "json", str(Path(folder) / "out")]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("REALTIME_")}
        environment |= {"AWS_DEFAULT_REGION": "us-east-1", "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(  # noqa: S603  # our own command
            command, env=environment, cwd=project, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"`chalice package` failed:\n{done.stderr}")
        return (Path(folder) / "out" / "sam.json").read_text()


def _seed_package_cache(project: Path, bundle: Path) -> None:
    """Chalice finds a package under this name, takes it for its own, and asks no package index."""
    architecture = json.loads((project / ".chalice" / "config.json").read_text())["lambda_architecture"]
    packager = LambdaDeploymentPackager(OSUtils(), cast(Any, None), UI(), architecture)
    cached = Path(packager.deployment_package_filename(str(project), f"python{PYTHON}"))
    cached.parent.mkdir()
    shutil.copy(bundle, cached)
