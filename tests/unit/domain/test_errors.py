"""An error as one line of text."""

from chalicelib.domain.errors import InvalidInput, Problem

REQUIRED = Problem("user_id", "required"), Problem("experiment_key", "required")


def test_details_that_the_message_contains_are_not_repeated() -> None:
    reason = Problem("user_id", "must not be empty")
    assert str(InvalidInput("invalid_user_id", "user_id must not be empty.", (reason,))) == (
        "user_id must not be empty."
    )


def test_other_details_follow_the_message() -> None:
    error = InvalidInput("invalid_request", "The request is not valid: user_id: required.", REQUIRED)
    assert str(error) == "The request is not valid: user_id: required. (experiment_key: required)"
