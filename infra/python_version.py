"""Which Python builds for which environment: byte-code fits no other version than the one that made it."""

from infra import environments
from infra.bundle import PYTHON
from infra.environments import Environment


def check_python(environment: Environment, python: str = PYTHON) -> None:
    """Raise ValueError, with the remedy, if this Python may not build for ``environment``."""
    if environment.python not in (None, python):
        raise ValueError(_explain(environment.name, str(environment.python), python))


def describe_other_python(python: str = PYTHON) -> str:
    """Lines that name the environments this Python may not build for, and the remedy; or an empty text."""
    names: dict[str, list[str]] = {}
    for environment in map(environments.load, environments.NAMES):
        if environment.python not in (None, python):
            names.setdefault(str(environment.python), []).append(environment.name)
    return "\n".join(_explain(", ".join(group), version, python) for version, group in names.items())


def _explain(names: str, version: str, python: str) -> str:
    return (
        f"not for {names}: Python {version} runs there,\n"
        f"and byte-code of {python} does not fit. Build with the other:\n"
        f"  rm -rf .venv && make package PYTHON=python{version}"
    )
