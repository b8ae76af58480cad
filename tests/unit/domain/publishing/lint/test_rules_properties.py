"""Random valid definitions: the lint never fails, and what it calls impossible never happens."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.definitions.compiler import (
    compile_flag,
    compile_segment,
    parse_experiment,
    parse_flag,
    parse_segment,
)
from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.general_form.state import State, Stop
from chalicelib.domain.publishing.lint.numbers import find_small_percentages
from chalicelib.domain.publishing.lint.outcomes import find_outcomes
from chalicelib.domain.publishing.lint.rules import lint_written_rules
from chalicelib.domain.publishing.lint.sets import lint_set
from chalicelib.domain.publishing.lint.written_rules import Condition, make_place
from tests.support import rule_strategies
from tests.support.condition_strategies import ATTRIBUTES, conditions, list_values
from tests.support.general_strategies import CONTEXTS, TIMES, USERS

UNKNOWN_FLAG = compile_flag(parse_flag({"key": "search", "rules": [], "default": "off"})).definition


def make_state(now: float) -> State:
    segment = compile_segment(parse_segment({"key": "s", "when": {"if": "country", "eq": "DE"}}))
    return State(now, lambda _key: UNKNOWN_FLAG, lambda _key: segment.condition, lambda _key: None)


@given(rule_strategies.flags(), rule_strategies.experiments(), rule_strategies.segments())
def test_the_lint_never_fails(flag: Any, experiment: Any, segment: Any) -> None:
    try:
        documents: tuple[Any, ...] = (
            parse_flag(flag),
            parse_experiment(experiment),
            parse_segment(segment),
        )
    except InvalidInput:  # a bucket that is too large for the scheme of a rule inside
        return
    for document, data in zip(documents, (flag, experiment, segment), strict=True):
        warnings = [*lint_written_rules(document), *find_small_percentages(data)]
        assert all(problem.path and problem.message for problem in warnings)
    twin = documents[0].model_copy(update={"key": "twin"})
    names = ("flag", "written"), ("experiment", "written"), ("segment", "written"), ("flag", "twin")
    list(lint_set(dict(zip(names, (*documents, twin), strict=True))))  # type: ignore[arg-type]


SINGLE = ["eq", "neq", "in", "not_in", "gt", "gte", "lt", "lte", "between", "before", "after", "starts_with"]


@st.composite
def draw_tests_of_one_attribute(draw: st.DrawFn) -> Any:
    """Contradictions are frequent among them."""
    attribute = draw(st.sampled_from([each for each in ATTRIBUTES if isinstance(each, str)]))
    options = [{}, {}, {"missing": "unknown"}, {"list": "whole"}, {"missing": True}, {"unreadable": True}]
    tests = []
    for operator in draw(st.lists(st.sampled_from(SINGLE), min_size=1, max_size=3)):
        reader = draw(st.sampled_from([None, None, "fold", "semver", "number-or-text"]))
        value = draw(st.sampled_from(list_values(operator, reader) or list_values(operator, None)))
        is_read = reader is not None and bool(list_values(operator, reader))
        read_as = {"as": reader} if is_read else {}
        tests.append({"if": attribute, operator: value, **read_as, **draw(st.sampled_from(options))})
    return tests


@given(st.one_of(conditions(), draw_tests_of_one_attribute()), USERS, CONTEXTS, TIMES)
def test_a_condition_is_only_what_the_lint_says_that_it_may_be(
    written: Any, user: str | None, context: dict[str, Any], now: float
) -> None:
    """Of lists the lint takes what is compared in order for one value: see lint_contradictions."""
    segment = parse_segment({"key": "s", "when": written})
    plain = {name: value for name, value in context.items() if not isinstance(value, list)}
    try:
        outcome = compile_segment(segment).condition(user, plain, make_state(now))
    except Stop:
        return
    assert outcome in find_outcomes(Condition("when", written), make_place(segment))


@given(rule_strategies.flags(), USERS, CONTEXTS, TIMES)
def test_a_rule_that_is_never_reached_changes_no_answer(
    data: Any, user: str | None, context: dict[str, Any], now: float
) -> None:
    try:
        document = parse_flag(data)
    except InvalidInput:
        return
    paths = [problem.path for problem in lint_written_rules(document) if "never reached" in problem.message]
    first = min((int(path[6:-1]) for path in paths if path.count("[") == 1), default=None)
    if first is None or len(data["rules"]) == first:
        return
    shorter = {**data, "rules": data["rules"][:first]}
    plain = {name: value for name, value in context.items() if not isinstance(value, list)}
    answers = []
    for each in (data, shorter):
        try:
            answer = compile_flag(parse_flag(each)).definition.decide(user, plain, make_state(now))
        except Stop as error:
            answer = repr(error)
        answers.append(answer if isinstance(answer, str) else getattr(answer, "variant", None))
    assert answers[0] == answers[1]
