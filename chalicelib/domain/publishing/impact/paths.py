"""Where in a context a test of the general form finds its value, as the steps that lead there."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

Path: TypeAlias = tuple[str, ...]
USER: Path = ("user_id",)


def find_path(operand: Any) -> Path | None:
    """None for what no context changes, such as the clock, and for a whole context."""
    return next(list_paths(operand), None)


def list_paths(operand: Any) -> Iterator[Path]:
    """Of the attributes that an operand reads. ``a.b`` that may be an object's field is one."""
    if operand == "user":
        yield USER
    if not isinstance(operand, dict):
        return
    if operand.get("attr"):
        attribute = operand["attr"]
        yield (attribute,) if isinstance(attribute, str) else tuple(attribute)
    parts = (*operand.get("first", ()), *operand.get("args", ()))
    paths = [path for part in parts for path in list_paths(part)]
    for path in paths:
        if not any(len(other) > 1 and (".".join(other),) == path for other in paths):
            yield path


def find_test_path(form: Mapping[str, Any]) -> Path | None:
    """Of a test, or of a ``some``."""
    if "attribute" in form:  # an operator of targeting rules
        attribute, is_v2 = form["attribute"], form["test"].startswith("realtime-2.0/")
        return tuple(attribute.split(".")) if is_v2 else (attribute,)
    return find_path(form["some"] if "some" in form else form["of"])


def set_value(context: Mapping[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """A copy of ``context`` with ``value`` within it. What stands in the way of an object is replaced."""
    step, *rest = path
    inner = context.get(step)
    if rest:
        value = set_value(inner if isinstance(inner, dict) else {}, tuple(rest), value)
    return {**context, step: value}


def has_value(context: Mapping[str, Any], path: Path) -> bool:
    value: Any = context
    for step in path:
        if not isinstance(value, Mapping) or step not in value:
            return False
        value = value[step]
    return True
