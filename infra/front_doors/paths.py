"""Which function answers which path, behind every front door."""

from infra.environments import FunctionName

PATH_OWNERS: tuple[tuple[str, FunctionName], ...] = (
    ("/assign", "assignment"),
    ("/identify", "assignment"),
    ("/flags", "feature_flags"),
    ("/ofrep", "feature_flags"),
    ("/evidently/projects", "feature_flags"),
    ("/", "ingest"),
)
"""The first prefix that matches a path names its function. `ingest` also has the rarely called routes."""
ROUTED_FUNCTIONS: tuple[FunctionName, ...] = ("assignment", "feature_flags", "ingest")


def get_owner(path: str) -> FunctionName:
    return next(name for prefix, name in PATH_OWNERS if path.startswith(prefix))
