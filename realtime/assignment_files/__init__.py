"""Assignments that another system stored, as rows of the assignments table: users keep their variant."""
