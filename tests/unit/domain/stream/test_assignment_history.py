"""Which records have a row for the history, and what becomes of several for one id."""

from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.stream.assignment_history import (
    HistoryRow,
    RowChange,
    merge_rows,
    read_changes,
)
from chalicelib.domain.stream.counters import format_position
from tests.support.assignments import Image, change
from tests.support.assignments import row as image
from tests.support.history import row, second


def assigned(user: str = "u1", variant: str = "control", at: int = 0) -> Image:
    return image(user, variant, second(at))


def test_a_new_row_and_a_changed_one_are_taken_as_they_are_now() -> None:
    moved = change(2, assigned(variant="treatment", at=5), assigned())
    moved["dynamodb"]["ApproximateCreationDateTime"] = 1_795_341_600.0
    changes = read_changes([change(1, assigned()), moved])
    first = HistoryRow("a-u1", "checkout", "control", "u1", second(0), second(0))
    second_ = HistoryRow("a-u1", "checkout", "treatment", "u1", second(5), second(5))
    numbers = f"{1:030d}", f"{2:030d}"
    assert changes == [
        RowChange(format_position(numbers[0]), numbers[0], 0.0, first),
        RowChange(format_position(numbers[1]), numbers[1], 1_795_341_600.0, second_),
    ]


def test_what_expires_stays_in_the_history() -> None:
    assert read_changes([change(1, None, assigned())]) == []


def test_what_something_else_has_written_is_no_assignment() -> None:
    images = [
        {"id": {"S": "x"}},
        {name: value for name, value in assigned().items() if name != "assignment_id"},
        assigned() | {"timestamp": {"S": "then"}},
        assigned() | {"user_id": {"N": "1"}},
    ]
    assert read_changes(change(number, image_) for number, image_ in enumerate(images, 1)) == []


def test_times_are_stored_as_utc_with_milliseconds() -> None:
    image_ = assigned() | {"timestamp": {"S": "2026-11-22T12:30:00+02:00"}}
    [stored] = read_changes([change(1, image_)])
    assert stored.row.updated_at == "2026-11-22T10:30:00.000Z"


def test_a_user_who_moved_keeps_the_first_time_and_has_the_latest_variant() -> None:
    moved = merge_rows([row(at=1), row(at=9, variant_id="treatment"), row(at=5, variant_id="third"), row(2)])
    assert moved == [row(since=1, at=9, variant_id="treatment"), row(2)]


@given(st.lists(st.integers(0, 59), min_size=1, unique=True), st.data())
def test_order_and_repetition_make_no_difference(times: list[int], data: st.DataObject) -> None:
    one_by_one = [row(at=at, variant_id=f"v{at}") for at in times]
    again = data.draw(st.permutations(one_by_one + data.draw(st.lists(st.sampled_from(one_by_one)))))
    expected = row(since=min(times), at=max(times), variant_id=f"v{max(times)}")
    assert reduce(HistoryRow.merge, again) == expected
