"""The verdicts of one attempt hold for every later attempt."""

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.stream.attribution import Attribution
from chalicelib.domain.stream.counters import format_position
from chalicelib.domain.stream.verdicts import Verdict, Verdicts, pack, unpack
from tests.support.streams import FIRST

verdicts: st.SearchStrategy[Verdict] = st.sampled_from(
    [None, (), (Attribution("a", 1, "x"),), (Attribution("a", 1, "$unassigned"), Attribution("b", 2, "y"))]
)


@st.composite
def batches(draw: st.DrawFn) -> tuple[list[str], Verdicts]:
    """Consecutive records of a shard, some of them without an event."""
    gaps = draw(st.lists(st.integers(1, 10**30), min_size=1, max_size=20))
    positions, number = [], FIRST
    for gap in gaps:
        number += gap
        positions.append(format_position(str(number)))
    parts = st.dictionaries(st.tuples(st.sampled_from(positions), st.integers(0, 2)), verdicts)
    return positions, Verdicts(positions[0], positions[-1], draw(parts))


@given(batches(), st.data())
def test_verdicts_are_unpacked_for_any_of_their_records(
    batch: tuple[list[str], Verdicts], data: st.DataObject
) -> None:
    positions, verdicts = batch
    asked = data.draw(st.lists(st.sampled_from(positions), unique=True).map(sorted))
    expected = {part: verdict for part, verdict in verdicts.by_event.items() if part[0] in asked}
    unpacked = unpack(verdicts.first, verdicts.last, pack(verdicts, positions), asked)
    assert unpacked == verdicts._replace(by_event=expected)


def test_positions_outside_of_the_verdicts_are_not_mistaken_for_others() -> None:
    inside, outside = format_position("1000001"), format_position("2000001")
    packed = pack(Verdicts(inside, inside, {(inside, 0): None}), [inside])
    assert unpack(inside, inside, packed, [inside, outside]).by_event == {(inside, 0): None}


def test_an_earlier_verdict_wins_and_only_new_ones_are_added() -> None:
    a, b = (Attribution("e", 1, "a"),), (Attribution("e", 1, "b"),)
    earlier = Verdicts("1", "3", {("2", 0): a, ("3", 0): a})
    later = Verdicts("2", "4", {("2", 0): b, ("3", 0): b, ("4", 0): b})
    assert later.continue_from(earlier) == Verdicts("2", "4", {("2", 0): a, ("3", 0): a, ("4", 0): b})


def test_records_before_the_first_verdict_are_done() -> None:
    earlier = Verdicts("5", "9", {("5", 0): ()})
    assert Verdicts("1", "3", {("2", 0): ()}).continue_from(earlier).first == "5"
    assert Verdicts("1", "6", {("2", 0): (), ("6", 0): ()}).continue_from(earlier).first == "5"


def test_five_hundred_verdicts_take_few_bytes() -> None:
    positions = [format_position(str(FIRST + number * 33_554_467)) for number in range(500)]
    options = [(Attribution("checkout", 1, variant),) for variant in ("control", "treatment")]
    by_event = {(position, 0): options[number * 7 % 3 % 2] for number, position in enumerate(positions)}
    assert len(pack(Verdicts(positions[0], positions[-1], by_event), positions)) < 4000
