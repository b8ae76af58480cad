"""Tests whose work grows with the size of a value look at the time that is left before they do it.

So do tests of each element of a list. All others take some microseconds, whatever the context.
"""

from collections.abc import Mapping
from typing import Any

from chalicelib.domain.general_form.compiled import Compiled
from chalicelib.domain.general_form.state import Context, State

_OPERATORS = frozenset(
    {
        *("contains", "not_contains", "contains_all", "contains_any", "starts_with", "ends_with"),
        *("match_regex", "json_path", "array_length", "semantic_version", "percentage_bucket"),
    }
)
_EQUALITIES = frozenset({"eq", "neq", "in", "not_in"})
_RELATIONS = frozenset({"match", "match-start", "meets", "superset", "subset", "equals", "contains"})
_READERS = frozenset({"json-list", "cbor", "identity-1.0"})


def is_sized(test: Mapping[str, Any]) -> bool:
    name = test["test"]
    if not isinstance(name, str):
        return False
    dialect, _, operator = name.rpartition("/")
    if dialect:
        return operator in _OPERATORS or (operator in _EQUALITIES and _has_containers(test.get("value")))
    of = test.get("of")
    return "with" in test or name in _RELATIONS or (isinstance(of, dict) and of.get("as") in _READERS)


def check_time_before(compiled: Compiled) -> Compiled:
    """Looks at the time before the condition."""
    if compiled.constant is not None:
        return compiled
    condition = compiled.condition

    def holds(user: str | None, context: Context, state: State) -> bool | None:
        check_time(state)
        return condition(user, context, state)

    return Compiled(holds, compiled.is_two_valued)


def check_time(state: State | None) -> None:
    """A definition with few tests may be decided without a state."""
    if state is not None:
        state.time.check()


def _has_containers(value: Any) -> bool:
    if isinstance(value, dict):
        return True
    return isinstance(value, list) and any(isinstance(each, list | dict) for each in value)
