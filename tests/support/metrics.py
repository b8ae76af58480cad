"""Which metrics the service emits, read from its code."""

import ast
from functools import cache

from chalicelib.metrics import VERSIONED
from tests.support.paths import ROOT


@cache
def recorded() -> set[str]:
    """Names that are given to `Metrics` as they are."""
    names: set[str] = set(VERSIONED)  # `Metrics` counts answers itself
    for path in (ROOT / "chalicelib").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Attribute(attr="record" | "record_peak"),
                    args=[ast.Constant(value=str(name)), *_],
                ):
                    names.add(name)
    return names
