"""What is wrong with a document of the general form."""

from collections.abc import Collection, Mapping
from typing import Any

from chalicelib.domain.errors import Problem


class InvalidForm(ValueError):
    """``problem`` has the path of the mistake and the fix."""

    def __init__(self, path: str, message: str) -> None:
        self.problem = Problem(path, message)
        super().__init__(str(self.problem))


def require_object(
    value: Any, path: str, required: Collection[str], optional: Collection[str] = ()
) -> Mapping[str, Any]:
    """``value`` as an object with these fields and no others."""
    if not isinstance(value, dict):
        raise InvalidForm(path, "must be an object")
    for field in required:
        if field not in value:
            raise InvalidForm(f"{path}.{field}", "required")
    for field in value:
        if field not in required and field not in optional:
            raise InvalidForm(f"{path}.{field}", "unknown field; remove it or correct its spelling")
    return value


def require_list(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidForm(path, "must be a list")
    return value


def require_choice(value: Any, choices: Collection[str], path: str) -> str:
    if not isinstance(value, str) or value not in choices:
        raise InvalidForm(path, f"must be one of {', '.join(sorted(choices))}")
    return value
