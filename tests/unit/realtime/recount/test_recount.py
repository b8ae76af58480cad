"""`recount`: counters are rebuilt from the archive, compared, and corrected without a second count."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from chalicelib.domain.event_types import ASSIGNED
from chalicelib.domain.results import compute_results
from chalicelib.domain.stream.counters import Counter, Entry, Sums, Tally
from chalicelib.domain.stream.folded_days import POSITION_SECONDS
from realtime.analysis.archive.folder import FolderArchive
from realtime.analysis.model import ArchiveError
from realtime.commands.recount import recount
from realtime.recount.differences import Correction
from tests.support.experiments import published, published_flag
from tests.support.flags import flag
from tests.support.plane import EventPlane, FixedDefinitions, purchase_experiment
from tests.support.streams import ARRIVED, kinesis, purchase

LATER = ARRIVED + 3600.0
DAY = int(ARRIVED // 86_400)


class Audit:
    """A plane whose archive is written to a folder before each recount."""

    def __init__(self, folder: Path, *experiments: Any, **replaced: Any) -> None:
        self.plane = EventPlane(*experiments, **replaced)
        self.plane.definitions.publish([published(metrics=["purchase"]), published_flag("f")], 0, ARRIVED)
        self.folder = folder
        self.output = ""
        self.spoilt = 0

    def run(self, now: float = LATER, **options: Any) -> int:
        for key, body in self.plane.archive.objects.items():
            path = self.folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
        console = Console(file=io.StringIO(), width=60)
        plane, archive = self.plane, FolderArchive(self.folder)
        status = recount(console, plane.definitions, plane.counters, archive, now, **options)
        assert isinstance(console.file, io.StringIO)
        self.output = " ".join(console.file.getvalue().split())
        return status

    def spoil(self, variant: str, number: int = 1) -> None:
        """As a mistake in the service would: counters have more events than the archive, or fewer."""
        self.spoilt += 1
        counter = Counter("checkout", variant, "purchase", DAY, f"spoilt-{self.spoilt}")
        assert self.plane.counters.add(Correction(counter, {10: Sums(number)}, "0011"), None) is None


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    made = Audit(tmp_path)
    made.plane.assign("u1", "control")
    made.plane.assign("u2", "treatment")
    events = [
        purchase("u1", value=12.5, currency="EUR"),
        purchase("u1", value=0.1, currency="eur"),
        purchase("u1", value=3, currency="USD"),
        purchase("u2"),
        purchase("u3", value=-2.000000000000000001),
        purchase("u1", event_type="gift", experiment_key="checkout", value=7, currency="EUR"),
        {
            **purchase("u1", event_type="evaluation", flag_key="f"),
            "properties": {"variant": "on", "reason": "STATIC"},
        },
    ]
    made.plane.deliver(kinesis(events))
    made.plane.deliver(kinesis(events[:2]))  # delivered once more
    return made


def test_what_was_counted_agrees_with_the_archive_also_after_a_second_delivery(audit: Audit) -> None:
    assert audit.run() == 0
    assert "6 counters compared with 7 events" in audit.output
    assert "All agree." in audit.output


def test_a_fold_of_closed_days_changes_nothing(audit: Audit) -> None:
    audit.plane.counters.fold("checkout", DAY + 1, ARRIVED + 86_400)
    assert audit.run() == 0
    audit.plane.counters.fold("checkout", DAY + 1, LATER + 2 * POSITION_SECONDS)  # positions are gone
    assert audit.run(now=LATER + 2 * POSITION_SECONDS) == 0
    assert "All agree." in audit.output


@pytest.mark.parametrize("number", [1, -1])
@pytest.mark.parametrize("is_folded", [False, True])
def test_a_difference_is_shown_corrected_once_and_then_agrees(
    audit: Audit, number: int, is_folded: bool
) -> None:
    before = audit.plane.counted()
    audit.spoil("treatment", number)
    if is_folded:
        audit.plane.counters.fold("checkout", DAY + 1, LATER)
    assert audit.run() == 1
    day = "2026-11-22"
    assert f"checkout treatment purchase {day}: counted {1 + number}, archived 1" in audit.output
    assert "1 differ." in audit.output
    assert audit.run() == 1  # nothing was written
    assert audit.run(repair=True) == 0
    assert "1 are corrected, each by an entry of its own" in audit.output
    assert audit.plane.counted() == before
    for _ in range(2):
        writes = audit.plane.counters.writes
        assert audit.run(repair=True) == 0
        assert audit.plane.counters.writes == writes
    audit.spoil("treatment", 5)
    assert audit.run(repair=True) == 0  # a second correction, in the same entry
    assert audit.run() == 0


def test_two_repairs_at_once_correct_once(audit: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    before = audit.plane.counted()
    audit.spoil("treatment")
    add = audit.plane.counters.add

    def repair_first(tally: Any, counted: str | None) -> str | None:
        monkeypatch.setattr(audit.plane.counters, "add", add)
        assert Audit.run(audit, repair=True) == 0
        return add(tally, counted)

    monkeypatch.setattr(audit.plane.counters, "add", repair_first)
    assert audit.run(repair=True) == 1
    assert "somebody else corrects it just now" in audit.output
    assert audit.plane.counted() == before


def test_what_is_archived_and_not_counted_yet_is_late_and_never_corrected(audit: Audit) -> None:
    counters = audit.plane.counters
    counters._items = {key: item for key, item in counters._items.items() if key.variant != "treatment"}
    assert audit.run(now=ARRIVED + 60) == 0  # on its way
    assert audit.run(repair=True) == 1
    assert "checkout: 1 archived events are not counted yet" in audit.output
    assert audit.run(now=LATER + POSITION_SECONDS, repair=True) == 0  # it cannot be delivered any more
    assert ("treatment", "purchase", DAY, 10) in audit.plane.counted()


def test_days_that_the_archive_lost_are_named_and_never_subtracted(audit: Audit) -> None:
    old = Counter("checkout", "control", "purchase", DAY - 500, "s")
    audit.plane.counters.add(Tally(old, [Entry("0011", 3)]), None)
    assert audit.run(repair=True) == 0
    assert "Not compared: 1 days from 2025-07-10 to 2025-07-10" in audit.output
    assert ("control", "purchase", DAY - 500, 3) in audit.plane.counted()


def test_assigned_users_are_not_compared(audit: Audit) -> None:
    users = Counter("checkout", "control", ASSIGNED, DAY, "s")
    audit.plane.counters.add(Tally(users, [Entry("0011", 3)]), None)
    assert audit.run() == 0


def test_a_type_that_is_named_later_is_counted_back(audit: Audit) -> None:
    assert audit.run() == 0
    assert "1 events of gift counted as $other" in audit.output
    with pytest.raises(ValueError, match="no definition counts gift"):
        audit.run(metric="gift")
    named = ["purchase", "gift"]
    audit.plane.definitions.publish([published(metrics=named)], 1, ARRIVED)
    audit.plane.experiments.by_key = {"checkout": purchase_experiment(metrics=named)}
    audit.plane.processor = audit.plane.new_container()
    more = purchase("u1", event_type="gift", value=1, currency="EUR")
    audit.plane.deliver(kinesis([more], start=100))
    assert audit.run(metric="gift") == 0
    hour = 10
    assert audit.plane.counted()["control", "gift", DAY, hour][0] == 2
    assert audit.plane.counted()["control", "$other", DAY, hour] == (0, 0, 0)
    assert audit.run() == 0  # it stays counted back
    assert "counted as $other" not in audit.output
    writes = audit.plane.counters.writes
    assert audit.run(metric="gift") == 0
    assert audit.plane.counters.writes == writes
    results = compute_results(purchase_experiment(metrics=named), audit.plane.counters.read("checkout"))
    assert results["variants"]["control"]["events"]["gift"] == {
        "count": 2,
        "sum": 8.0,
        "sum_squares": 50.0,
        "currencies": {"EUR": {"count": 2, "sum": 8.0, "sum_squares": 50.0}},
    }
    assert "$other" not in results["variants"]["control"]["events"]


def test_counting_back_waits_for_a_repair(audit: Audit) -> None:
    audit.plane.definitions.publish([published(metrics=["purchase", "gift"])], 1, ARRIVED)
    audit.spoil("treatment")
    with pytest.raises(ValueError, match="differ already"):
        audit.run(metric="gift")


def test_one_experiment_or_flag_can_be_named(audit: Audit) -> None:
    assert audit.run(flag="f") == 0
    assert "1 counters compared" in audit.output
    assert audit.run(experiment="checkout") == 0
    assert "5 counters compared" in audit.output
    with pytest.raises(ValueError, match="no experiment 'none' was ever published"):
        audit.run(experiment="none")


def test_iterations_are_scopes_of_their_own(tmp_path: Path) -> None:
    audit = Audit(tmp_path, purchase_experiment(iteration=2), flags=FixedDefinitions(flag("f")))
    audit.plane.assign("u1", "control", iteration=2)
    audit.plane.deliver(kinesis([purchase("u1")]))
    audit.plane.definitions.publish([published(metrics=["purchase"], iteration=2)], 1, ARRIVED)
    assert audit.run() == 0
    assert "1 counters compared with 1 events" in audit.output


def test_json_has_each_difference(audit: Audit, capsys: pytest.CaptureFixture[str]) -> None:
    audit.spoil("treatment")
    assert audit.run(as_json=True) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["differences"] == [
        {
            "scope": "checkout",
            "variant": "treatment",
            "event_type": "purchase",
            "currency": "",
            "day": "2026-11-22",
            "counted": {"count": 2, "sum": 0.0, "sum_squares": 0.0},
            "archived": {"count": 1, "sum": 0.0, "sum_squares": 0.0},
        }
    ]
    assert (answer["counters"], answer["corrected"], answer["late"]) == (6, 0, {})


def test_an_archive_without_events_is_an_error(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    with pytest.raises(ArchiveError, match="has no events"):
        audit.run()


def test_a_correction_is_read_as_what_was_missing(audit: Audit) -> None:
    missing = {3: Sums(-2, -5, 10**40), 4: Sums(0, 7, 7)}
    counter = Counter("other", "a", "b", DAY, "recount")
    assert audit.plane.counters.add(Correction(counter, missing, "0011"), None) is None
    (item,) = audit.plane.counters.read("other")
    assert dict(item.hours) == missing
