"""Published versions of an experiment, with the changes that the clock has made."""

from typing import Any

from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.publications import read_publications
from chalicelib.domain.timestamps import format_timestamp
from tests.support.experiments import published, shares


def publish(at: str, **fields: Any) -> DefinitionRow:
    row = published(**fields)
    return DefinitionRow(row.kind, row.key, row.text, row.status, published_at=at)


def list_shares(*rows: DefinitionRow) -> list[tuple[str, float]]:
    """When each version came, and the share of its first variant."""
    newest_first = rows[::-1]
    return [
        (format_timestamp(each.published_at, "seconds"), round(each.experiment.split[0][0] / 2**64, 3))
        for each in read_publications(newest_first)
    ]


def change(at: str, first: float) -> dict[str, Any]:
    return {"at": at, "set": {"variants": shares(control=first, treatment=1 - first), "description": "x"}}


def test_a_change_by_the_clock_is_a_version_of_its_own() -> None:
    changes = [change("2026-02-01T00:00:00Z", 0.25), change("2026-03-01T00:00:00Z", 0.75)]
    assert list_shares(publish("2026-01-01T00:00:00Z", changes=changes)) == [
        ("2026-01-01T00:00:00Z", 0.5),
        ("2026-02-01T00:00:00Z", 0.25),
        ("2026-03-01T00:00:00Z", 0.75),
    ]


def test_another_publication_ends_the_changes_of_the_one_before() -> None:
    first = publish("2026-01-01T00:00:00Z", changes=[change("2026-03-01T00:00:00Z", 0.25)])
    second = publish("2026-02-01T00:00:00Z", variants=shares(control=0.1, treatment=0.9))
    assert list_shares(first, second) == [("2026-01-01T00:00:00Z", 0.5), ("2026-02-01T00:00:00Z", 0.1)]


def test_a_change_before_the_publication_is_in_force_from_it_on() -> None:
    row = publish("2026-05-01T00:00:00Z", changes=[change("2026-03-01T00:00:00Z", 0.25)])
    assert list_shares(row) == [("2026-05-01T00:00:00Z", 0.25)]


def test_a_change_of_other_fields_is_no_version() -> None:
    other = {"at": "2026-03-01T00:00:00Z", "set": {"description": "x", "metrics": ["purchase"]}}
    assert list_shares(publish("2026-01-01T00:00:00Z", changes=[other])) == [("2026-01-01T00:00:00Z", 0.5)]
