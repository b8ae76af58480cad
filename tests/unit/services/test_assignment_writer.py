"""What a row remembers of the rows that it was written over."""

from chalicelib.services.assignment_writer import AssignmentWriter
from realtime.testing.stores import MemoryAssignments
from tests.support.experiments import experiment

FIRST, RESTARTED = experiment(), experiment(version=2, iteration=2)
NOW = 1_795_341_600.0


def test_the_row_that_the_decision_used_is_remembered() -> None:
    writer = AssignmentWriter(MemoryAssignments(), 90 * 86_400.0)
    first = writer.write(FIRST, "u1", writer.make_row(FIRST, "u1", "control", NOW), None)
    row = writer.make_row(RESTARTED, "u1", "treatment", NOW + 60)
    stored = writer.write(RESTARTED, "u1", row, first)
    assert (stored.variant, stored.replaced) == ("treatment", (first,))


def test_the_row_that_was_in_the_way_is_remembered() -> None:
    writer = AssignmentWriter(MemoryAssignments(), 90 * 86_400.0)
    first = writer.write(FIRST, "u1", writer.make_row(FIRST, "u1", "control", NOW), None)
    row = writer.make_row(RESTARTED, "u1", "treatment", NOW + 60)
    assert writer.write(RESTARTED, "u1", row, None).replaced == (first,)
