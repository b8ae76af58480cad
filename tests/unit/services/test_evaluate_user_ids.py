"""A flag is evaluated for the ids that `check_user_id` takes, and for no others."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.domain.context import MAX_USER_ID_BYTES, SHORT_USER_ID, check_user_id
from chalicelib.domain.definitions.model import Flag, Segment
from chalicelib.domain.errors import InvalidInput
from chalicelib.services.evaluate import FlagEvaluator
from tests.support.flags import flag
from tests.support.plane import FixedDefinitions

FLAGS: FixedDefinitions[Flag] = FixedDefinitions(flag("f"))
SEGMENTS: FixedDefinitions[Segment] = FixedDefinitions()
EVALUATOR = FlagEvaluator(FLAGS, SEGMENTS, None)


def find_error(call: Any) -> str | None:
    try:
        call()
    except InvalidInput as error:
        return f"{error.code}: {error}"
    return None


@given(st.text(max_size=3) | st.builds("".join, st.lists(st.text("xé😀\x00\ud800", max_size=400))))
@example("x" * MAX_USER_ID_BYTES)
@example("x" * (MAX_USER_ID_BYTES + 1))
@example("😀" * SHORT_USER_ID)
@example("😀" * (SHORT_USER_ID + 1))
@example("\x7f")
def test_every_text(user_id: str) -> None:
    context: dict[str, Any] = {}
    error = find_error(lambda: EVALUATOR.evaluate(user_id, "f", context, 0.0))
    assert error == find_error(lambda: check_user_id(user_id))
    assert context == ({} if error else {"user_id": user_id})


@pytest.mark.parametrize("user_id", [1, 1.5, True, [], {}, b"u"])
def test_nothing_but_text(user_id: Any) -> None:
    assert find_error(lambda: EVALUATOR.evaluate(user_id, "f", {}, 0.0))
