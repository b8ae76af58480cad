"""Tests: a relation between an attribute, or another operand, and a value."""

from collections.abc import Callable
from typing import Any, NamedTuple

from chalicelib.domain.general_form.compiled import Compiled, compile_any_text_in, compile_text_in
from chalicelib.domain.general_form.dialects import compile_dialect_test
from chalicelib.domain.general_form.operands import (
    compile_operand,
    compile_read_operand,
    parse_reader,
    parse_value_reader,
)
from chalicelib.domain.general_form.problems import InvalidForm, require_choice, require_object
from chalicelib.domain.general_form.readers import KEEPS_TEXT, LIST_READERS, UNREADABLE, Reader
from chalicelib.domain.general_form.relations import (
    AS_WRITTEN,
    LISTS,
    RELATIONS,
    SETS,
    WITHOUT_VALUE,
    WRITTEN_ONLY,
)
from chalicelib.domain.general_form.sized_values import check_time, check_time_before, is_sized
from chalicelib.domain.general_form.state import Condition, Context, Get, State
from chalicelib.domain.general_form.static_tests import StaticTest
from chalicelib.domain.general_form.values import Relation, UnusableOperand

_PASS = object()
_OUTCOMES = {False: False, True: True, "unknown": None}
Check = Callable[[Any, str | None, Context, State], bool | None]
"""Left value, user, context, state -> outcome."""


def compile_test(condition: Any, path: str) -> Compiled:
    if isinstance(condition["test"], str) and "/" in condition["test"]:
        return compile_dialect_test(condition, path)
    optional = ("missing", "unreadable", "list", "value", "with")
    fields = require_object(condition, path, ("test", "of"), optional)
    name = require_choice(fields["test"], (*RELATIONS, "exists", "readable"), f"{path}.test")
    get, reader = compile_operand(fields["of"], f"{path}.of"), _parse_left_reader(name, fields["of"], path)
    if name == "readable":
        return Compiled(_compile_readable(get, reader), True)
    passes_null = fields.get("missing") == "pass" and name != "exists"
    missing: bool | None = False
    if not passes_null and name != "exists":
        missing = _require_outcome(fields.get("missing", False), f"{path}.missing")
    unreadable = _require_outcome(fields.get("unreadable", False), f"{path}.unreadable")
    simple = _compile_simple(name, fields, reader)
    if simple is not None:
        return simple
    compiled = _compile_relation_test(name, fields, path, passes_null, missing, unreadable)
    return check_time_before(compiled) if is_sized(fields) else compiled


def _compile_relation_test(
    name: str, fields: Any, path: str, passes_null: bool, missing: bool | None, unreadable: bool | None
) -> Compiled:
    get, reader = compile_operand(fields["of"], f"{path}.of"), _parse_left_reader(name, fields["of"], path)
    is_two_valued = missing is not None and unreadable is not None
    of_elements = fields.get("list") is not None
    if of_elements:
        require_choice(fields["list"], ("any",), f"{path}.list")
    relation = _compile_written(name, fields, path)
    if relation is not None and not passes_null:
        static = StaticTest(reader, relation, missing, unreadable, _find_texts(name, fields, reader))
        attribute = fields["of"].get("attr") if isinstance(fields["of"], dict) else None
        if isinstance(attribute, str):
            return Compiled(static.of_attribute(attribute, of_elements=of_elements), is_two_valued)
        return Compiled(static.of_operand(get, of_elements=of_elements), is_two_valued)
    check = _compile_check(name, fields, path, _PASS if passes_null else missing, unreadable)
    test = _Test(get, reader, check, missing, unreadable, passes_null)
    return Compiled(test.evaluate_any_element if of_elements else test.evaluate, is_two_valued)


def _parse_left_reader(name: str, operand: Any, path: str) -> Reader | None:
    reader = parse_reader(operand, f"{path}.of")
    if name in SETS and reader is not None and not _reads_list(operand):
        return _read_elements(reader)
    return reader


def _reads_list(operand: Any) -> bool:
    return isinstance(operand, dict) and operand.get("as") in LIST_READERS


def _compile_written(name: str, fields: Any, path: str) -> Relation | None:
    """The relation to what is written; None if the test compares with another operand."""
    if name == "exists" or "with" in fields:
        return None
    return RELATIONS[name](None) if name in WITHOUT_VALUE else _compile_relation(name, fields, path)


def _compile_check(name: str, fields: Any, path: str, missing: Any, unreadable: bool | None) -> Check:
    """``missing`` is _PASS if null goes on to the relation."""
    if name == "exists":
        return _check_presence
    if name in WITHOUT_VALUE:
        return _check_relation(RELATIONS[name](None), unreadable)
    if "with" not in fields:
        return _check_relation(_compile_relation(name, fields, path), unreadable)
    if name in WRITTEN_ONLY:
        raise InvalidForm(f"{path}.with", f"{name} takes a value, not an operand")
    return _compile_dynamic(name, fields["with"], f"{path}.with", missing, unreadable)


class _Test(NamedTuple):
    get: Get
    reader: Reader | None
    check: Check
    missing: bool | None
    unreadable: bool | None
    passes_null: bool

    def evaluate(self, user: str | None, context: Context, state: State) -> bool | None:
        return self._evaluate_value(self.get(user, context, state), user, context, state)

    def evaluate_any_element(self, user: str | None, context: Context, state: State) -> bool | None:
        """Of a value that is no list, the value itself."""
        left = self.get(user, context, state)
        if not isinstance(left, list):
            return self._evaluate_value(left, user, context, state)
        check_time(state)
        outcome: bool | None = False
        for element in left:
            part = self._evaluate_value(element, user, context, state)
            if part:
                return True
            if part is None:
                outcome = None
        return outcome

    def _evaluate_value(self, left: Any, user: str | None, context: Context, state: State) -> bool | None:
        if left is None:
            return self.check(None, user, context, state) if self.passes_null else self.missing
        if self.reader is not None:
            left = self.reader(left)
        if left is UNREADABLE:
            return self.unreadable
        return self.check(left, user, context, state)


def _read_elements(reader: Reader) -> Reader:
    """An element that cannot be read stays UNREADABLE among the others."""
    return lambda value: (
        [UNREADABLE if element is None else reader(element) for element in value]
        if type(value) is list
        else UNREADABLE
    )


def _compile_relation(name: str, fields: Any, path: str) -> Relation:
    if "value" not in fields:
        raise InvalidForm(f"{path}.value", "required")
    reader = parse_value_reader(fields["of"], f"{path}.of")
    if name in SETS and _reads_list(fields["of"]):
        reader = None  # the left one gives the list, not its elements
    right = _read_all(name, fields["value"], reader)
    if right is UNREADABLE:
        raise InvalidForm(f"{path}.value", "cannot be read by the operand's reader")
    try:
        return RELATIONS[name](right)
    except UnusableOperand as error:
        raise InvalidForm(f"{path}.value", str(error)) from None


def _compile_simple(name: str, fields: Any, reader: Reader | None) -> Compiled | None:
    """Whether an attribute or the user is one of some texts, in one closure; None for other tests."""
    of, value = fields["of"], fields.get("value")
    is_attribute = isinstance(of, dict) and isinstance(of.get("attr"), str)
    is_plain = reader is None and fields.get("missing", False) is False and "with" not in fields
    if name not in ("eq", "in") or not is_plain or not (is_attribute or of == "user"):
        return None
    texts = [value] if name == "eq" else value
    if not isinstance(texts, list) or not texts or {*map(type, texts)} != {str}:
        return None
    if fields.get("list") == "any" and is_attribute:
        return compile_any_text_in(of["attr"], frozenset(texts))
    return (
        None if "list" in fields else compile_text_in(of["attr"] if is_attribute else None, frozenset(texts))
    )


def _find_texts(name: str, fields: Any, reader: Reader | None) -> frozenset[str] | None:
    """Those one of which the value must be; None for other tests, and if the reader changes texts."""
    value = fields.get("value")
    texts = [value] if name == "eq" else value if name == "in" else None
    if not isinstance(texts, list) or {*map(type, texts)} != {str}:
        return None
    as_read = texts if reader is None else [reader(text) for text in texts] if reader in KEEPS_TEXT else []
    return frozenset(texts) if as_read == texts and "" not in texts else None


def _check_presence(_left: Any, _user: str | None, _context: Context, _state: State) -> bool | None:
    return True


def _check_relation(relation: Relation, unreadable: bool | None) -> Check:
    def check(left: Any, _user: str | None, _context: Context, _state: State) -> bool | None:
        outcome = relation(left)
        return unreadable if outcome is UNREADABLE else outcome

    return check


def _compile_dynamic(name: str, operand: Any, path: str, missing: Any, unreadable: bool | None) -> Check:
    """``missing`` is _PASS if null goes on to the relation."""
    get, build = compile_read_operand(operand, path), RELATIONS[name]

    def check(left: Any, user: str | None, context: Context, state: State) -> bool | None:
        right = get(user, context, state)
        if right is None and missing is not _PASS:
            return bool(missing) if missing is not None else None
        try:
            outcome = UNREADABLE if right is UNREADABLE else build(right)(left)
        except UnusableOperand:
            return unreadable
        return unreadable if outcome is UNREADABLE else outcome

    return check


def _read_all(name: str, value: Any, reader: Reader | None) -> Any:
    """Element by element for the relations that take a list."""
    if reader is None or name in AS_WRITTEN:
        return value
    if name in LISTS and isinstance(value, list):
        elements = [UNREADABLE if element is None else reader(element) for element in value]
        return UNREADABLE if UNREADABLE in elements else elements
    return UNREADABLE if value is None else reader(value)


def _compile_readable(get: Get, reader: Reader | None) -> Condition:
    def holds(user: str | None, context: Context, state: State) -> bool:
        value = get(user, context, state)
        return value is not None and (value if reader is None else reader(value)) is not UNREADABLE

    return holds


def _require_outcome(value: Any, path: str) -> bool | None:
    if value is not True and value is not False and value != "unknown":
        raise InvalidForm(path, "must be false, true or unknown")
    return _OUTCOMES[value]
