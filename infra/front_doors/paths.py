"""Which function answers which path, behind every front door."""

from infra.environments import Environment, FunctionName

PATH_OWNERS: tuple[tuple[str, FunctionName], ...] = (
    ("/assign", "assignment"),
    ("/identify", "assignment"),
    ("/flags", "feature_flags"),
    ("/definitions", "feature_flags"),
    ("/evaluations", "feature_flags"),
    ("/ofrep", "feature_flags"),
    ("/evidently/projects", "feature_flags"),
    ("/admin", "admin"),
    ("/console", "admin"),
    ("/", "ingest"),
)
"""The first prefix that matches a path names its function. `ingest` also has the rarely called routes."""
ROUTED_FUNCTIONS: tuple[FunctionName, ...] = ("assignment", "feature_flags", "ingest", "admin")


def get_owner(path: str) -> FunctionName:
    return next(name for prefix, name in PATH_OWNERS if path.startswith(prefix))


def list_routed(environment: Environment) -> tuple[FunctionName, ...]:
    """The functions that requests reach in this environment."""
    return tuple(name for name in ROUTED_FUNCTIONS if name in environment.functions)
