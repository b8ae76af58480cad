"""Where a run stands: it continues for the same people, and names nobody."""

from pathlib import Path

import pytest

from realtime.user_data.people import Person
from realtime.user_data.position import open_position
from realtime.user_data.stores import Finding

USERS = [Person(("customer-7", "visitor-7")), Person(("customer-8",))]
WEEK = 604_800.0


def test_a_run_continues_for_the_same_people_in_any_order(tmp_path: Path) -> None:
    position = open_position(tmp_path, USERS, "remove")
    position.add(Finding(3, 1))
    position.advance("raw/events/", "raw/events/a")
    again = open_position(tmp_path, USERS[::-1], "remove")
    assert (again.after, again.own, again.mentions) == ({"raw/events/": "raw/events/a"}, 3, 1)
    assert again.salt == position.salt
    assert open_position(tmp_path, USERS[:1], "remove").salt != position.salt
    [file] = tmp_path.iterdir()
    assert not any(name in file.read_text() for name in ("customer", "visitor"))


def test_a_run_may_begin_again_with_the_same_salt(tmp_path: Path) -> None:
    position = open_position(tmp_path, USERS, "remove")
    position.advance("raw/events/", "raw/events/a")
    again = open_position(tmp_path, USERS, "remove", restart=True)
    assert (again.is_interrupted, again.salt) == (False, position.salt)


def test_a_run_in_another_mode_is_refused(tmp_path: Path) -> None:
    open_position(tmp_path, USERS, "remove").save()
    with pytest.raises(ValueError, match=r"was to remove: do the same, or delete .*\.json"):
        open_position(tmp_path, USERS, "pseudonymise")


def test_the_last_run_is_the_one_that_finds_nothing_after_the_stream(tmp_path: Path) -> None:
    position = open_position(tmp_path, USERS, "remove")
    assert not position.finish(5, now=0.0, stream_seconds=WEEK)
    assert position.stream_until == WEEK
    assert not position.finish(0, now=100.0, stream_seconds=WEEK)
    assert position.stream_until == WEEK
    assert not position.finish(1, now=WEEK, stream_seconds=WEEK)  # the user was still active
    assert position.stream_until == 2 * WEEK
    assert position.finish(0, now=2 * WEEK, stream_seconds=WEEK)
    assert list(tmp_path.iterdir()) == []
