"""Conditions on the server's clock: instants, and weekly windows."""

from typing import Any

from chalicelib.domain.definitions.rules.operands import read_time
from chalicelib.domain.definitions.rules.syntax import Json, require_fields
from chalicelib.domain.general_form.conditions import compile_condition
from chalicelib.domain.general_form.problems import InvalidForm

_WINDOW = ("days", "from", "until", "timezone")


def translate_clock(value: Json, path: str) -> Json:
    """``after`` is inclusive, ``before`` is not; a window belongs to the day it begins in."""
    fields = require_fields(value, path, ("after", "before", *_WINDOW))
    if not fields:
        raise InvalidForm(path, "must have after, before, or days and times")
    tests: list[dict[str, Any]] = []
    for name, relation in (("after", "ge"), ("before", "lt")):
        if name in fields:
            tests.append({"test": relation, "of": "now", "value": read_time(fields[name], f"{path}.{name}")})
    window = {name: fields[name] for name in _WINDOW if name in fields}
    if window:
        test = {"test": "weekly", "of": "now", "value": window}
        try:
            compile_condition(test, "")
        except InvalidForm as error:
            raise InvalidForm(path, error.problem.message) from None
        tests.append(test)
    return tests[0] if len(tests) == 1 else {"all": tests}
