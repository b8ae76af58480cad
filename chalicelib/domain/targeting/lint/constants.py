"""Groups that hold for everybody or for nobody, whatever the context is."""

from chalicelib.domain.targeting.document import Group
from chalicelib.domain.targeting.value_test import build_value_test
from chalicelib.domain.targeting.values import never


def find_constant(group: Group, is_v2: bool) -> bool | None:
    """None if the context matters. A condition never holds for everybody: its attribute may be absent."""
    parts = [False if build_value_test(condition, is_v2) is never else None for condition in group.conditions]
    parts += [find_constant(inner, is_v2) for inner in group.groups]
    if not parts:
        return True
    if group.operator == "and":
        return _find_all(parts)
    if group.operator == "or":
        return _negate(_find_all([_negate(part) for part in parts]))
    return _find_all([_negate(part) for part in parts]) if is_v2 else _negate(_find_all(parts))


def _find_all(parts: list[bool | None]) -> bool | None:
    return False if False in parts else None if None in parts else True


def _negate(constant: bool | None) -> bool | None:
    return None if constant is None else not constant
