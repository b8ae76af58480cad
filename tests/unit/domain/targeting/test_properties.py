"""The compiled engine against the interpreter. ``make long`` runs 20,000 examples of each property."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.domain.definitions.targeting_rules import Rules
from chalicelib.domain.targeting import InvalidRules, parse
from chalicelib.domain.targeting.lint.rules import lint_rules
from tests.support.targeting_interpreter import match
from tests.support.targeting_strategies import CONTEXTS, JSON, TEXT, conditions, documents

pytestmark = pytest.mark.timeout(3600)

NOW = 1_714_557_600.0
VERSIONS = pytest.mark.parametrize("is_v2", [False, True], ids=["1.0", "2.0"])


def decide(document: Any, context: Any) -> str | None:
    rule = Rules(parse(document), "salt").match(context, NOW, context.get("user_id"))
    return rule.id if rule else None


@VERSIONS
@given(data=st.data())
def test_compiled_rules_decide_as_the_interpreter_does(is_v2: bool, data: st.DataObject) -> None:
    document = data.draw(documents(is_v2))
    rules = Rules(parse(document), "salt")
    for context in data.draw(st.lists(CONTEXTS, min_size=1, max_size=4)):
        rule = rules.match(context, NOW, context.get("user_id"))
        assert (rule.id if rule else None) == match(document, context, NOW, "salt")


@VERSIONS
@given(data=st.data())
def test_one_condition_holds_exactly_when_the_interpreter_says_so(is_v2: bool, data: st.DataObject) -> None:
    rule = {"id": "r", "rule": {"conditions": [data.draw(conditions(is_v2))]}}
    document = {"version": "2.0" if is_v2 else "1.0", "rules": [rule]}
    context = data.draw(CONTEXTS)
    assert decide(document, context) == match(document, context, NOW, "salt")


@VERSIONS
@given(data=st.data(), context=st.dictionaries(st.sampled_from(["a", "b", "user", "user_id"]) | TEXT, JSON))
@example(data=None, context={"a": [[]] * 3, "user_id": "\ud800"})
def test_no_context_makes_evaluation_raise(is_v2: bool, data: Any, context: dict[str, Any]) -> None:
    everybody = {
        "version": "2.0" if is_v2 else "1.0",
        "rules": [{"id": "r", "rule": {}, "rollout_percentage": 50}],
    }
    document = data.draw(documents(is_v2)) if data else everybody
    Rules(parse(document)).match(context, NOW, context.get("user_id"))


@VERSIONS
@given(data=st.data())
def test_equal_documents_behave_equally(is_v2: bool, data: st.DataObject) -> None:
    document = data.draw(documents(is_v2))
    copy = json.loads(json.dumps(document, sort_keys=True))
    context = data.draw(CONTEXTS)
    assert decide(document, context) == decide(copy, context)


@given(first=conditions(True), second=conditions(True), context=CONTEXTS)
def test_de_morgan_holds_in_version_2(
    first: dict[str, Any], second: dict[str, Any], context: dict[str, Any]
) -> None:
    def holds(group: dict[str, Any]) -> bool:
        return decide({"version": "2.0", "rules": [{"id": "r", "rule": group}]}, context) == "r"

    both = {"operator": "and", "conditions": [first, second]}
    either = {"operator": "or", "conditions": [first, second]}
    nots = [{"operator": "not", "conditions": [first]}, {"operator": "not", "conditions": [second]}]
    assert holds({"operator": "not", "groups": [both]}) == holds({"operator": "or", "groups": nots})
    assert holds({"operator": "not", "groups": [either]}) == holds({"operator": "and", "groups": nots})
    assert holds({"operator": "not", "conditions": [first, second]}) == holds(
        {"operator": "and", "groups": nots}
    )


@VERSIONS
@given(data=st.data())
def test_lint_reads_every_document(is_v2: bool, data: st.DataObject) -> None:
    assert all(warning.path and warning.message for warning in lint_rules(parse(data.draw(documents(is_v2)))))


@given(
    document=JSON | st.fixed_dictionaries({"rules": st.lists(JSON, max_size=3)}, optional={"version": JSON})
)
def test_whatever_is_not_a_document_is_refused_as_such(document: Any) -> None:
    with contextlib.suppress(InvalidRules):
        parse(document)
