"""The verdict as a headline."""

import pytest

from realtime.analysis.model import Verdict
from realtime.analysis.reports.words import split_verdict


@pytest.mark.parametrize(
    ("verdict", "parts"),
    [
        (
            Verdict("keep_running", "Keep running: revenue is not decided yet. Half are there."),
            ("Keep running", "Revenue is not decided yet. Half are there."),
        ),
        (
            Verdict("do_not_ship", "Do not ship b on this evidence: the plan is reached."),
            ("Do not ship b on this evidence", "The plan is reached."),
        ),
        (
            Verdict("stop_data_problem", "Stop: the data cannot be trusted. Users are missing."),
            ("Stop: the data cannot be trusted", "Users are missing."),
        ),
        (Verdict("keep_running", "Keep running."), ("Keep running", "")),
        (Verdict("keep_running", "It is too early."), ("Keep running", "It is too early.")),
    ],
)
def test_a_headline_is_not_said_twice(verdict: Verdict, parts: tuple[str, str]) -> None:
    assert split_verdict(verdict) == parts
