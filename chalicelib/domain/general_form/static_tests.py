"""Tests of an operand against a value that is written, each in one closure: they decide nearly everything."""

from typing import Any

from chalicelib.domain.general_form.sized_values import check_time
from chalicelib.domain.general_form.state import Condition, Context, Get, State
from chalicelib.domain.general_form.values import UNREADABLE, Reader, Relation


class StaticTest:
    """``missing`` and ``unreadable`` are what the test is of a value that is not there or cannot be read.

    ``texts``: the test is whether the value is one of these texts, and the reader keeps texts as they are.
    """

    def __init__(
        self,
        reader: Reader | None,
        relation: Relation,
        missing: bool | None,
        unreadable: bool | None,
        texts: frozenset[str] | None = None,
    ) -> None:
        self._read: Reader = reader or _read_nothing
        self._relation = relation
        self._missing = missing
        self._unreadable = unreadable
        self._has_reader = reader is not None
        self._texts = texts

    def of_attribute(self, attribute: str, *, of_elements: bool) -> Condition:
        """``of_elements``: of any element of a list. Calls cost most, so there are as few as can be."""
        holds = self._of_any_attribute(attribute, of_elements)
        texts = self._texts
        if texts is None:
            return holds

        def is_text_in(user: str | None, context: Context, state: State) -> bool | None:
            value = context.get(attribute)
            return value in texts if type(value) is str and value else holds(user, context, state)

        return is_text_in

    def _of_any_attribute(self, attribute: str, of_elements: bool) -> Condition:
        relation, missing, unreadable = self._relation, self._missing, self._unreadable
        read, judge_elements = self._read, self._judge_elements
        if not self._has_reader:

            def holds(_user: str | None, context: Context, state: State) -> bool | None:
                value = context.get(attribute)
                if value is None:
                    return missing
                if of_elements and type(value) is list:
                    return judge_elements(value, state)
                outcome = relation(value)
                return unreadable if outcome is UNREADABLE else outcome

            return holds

        def holds_read(_user: str | None, context: Context, state: State) -> bool | None:
            value = context.get(attribute)
            if value is None:
                return missing
            if of_elements and type(value) is list:
                return judge_elements(value, state)
            value = read(value)
            if value is UNREADABLE:
                return unreadable
            outcome = relation(value)
            return unreadable if outcome is UNREADABLE else outcome

        return holds_read

    def of_operand(self, get: Get, *, of_elements: bool) -> Condition:
        judge, judge_elements = self._judge, self._judge_elements

        def holds(user: str | None, context: Context, state: State) -> bool | None:
            value = get(user, context, state)
            return judge_elements(value, state) if of_elements and type(value) is list else judge(value)

        return holds

    def _judge(self, value: Any) -> bool | None:
        if value is None:
            return self._missing
        value = self._read(value)
        outcome = UNREADABLE if value is UNREADABLE else self._relation(value)
        return self._unreadable if outcome is UNREADABLE else outcome

    def _judge_elements(self, elements: list[Any], state: State) -> bool | None:
        check_time(state)
        outcome: bool | None = False
        for element in elements:
            part = self._judge(element)
            if part:
                return True
            if part is None:
                outcome = None
        return outcome


def _read_nothing(value: Any) -> Any:
    return value
