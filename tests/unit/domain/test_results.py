"""From counters to results."""

from typing import Any

import pytest

from chalicelib.domain.event_types import ASSIGNED
from chalicelib.domain.results import compute_results
from chalicelib.domain.sample_ratio import Publication
from chalicelib.domain.stream.amounts import SCALE
from chalicelib.domain.stream.counters import Counter, CounterItem, Sums
from tests.support.experiments import shares
from tests.support.plane import purchase_experiment

CHECKOUT = purchase_experiment()
DAY = 20_779
UNIT = SCALE // 10_000


def counted(
    variant: str,
    event_type: str,
    sums: Sums,
    *,
    day: int = DAY,
    hour: int = 10,
    shard: str = "s/0",
    currency: str = "",
) -> CounterItem:
    return CounterItem(Counter("checkout", variant, event_type, day, shard, currency), {hour: sums})


def test_results_of_an_experiment_that_nobody_has_seen() -> None:
    computed = compute_results(CHECKOUT, [])
    nothing: dict[str, Any] = {
        "assigned": 0,
        "exposures": 0,
        "conversions": 0,
        "events_per_user": None,
        "total_value": 0.0,
        "mean_value": None,
        "events": {},
    }
    assert computed["variants"] == {"control": nothing, "treatment": nothing}
    assert computed["windows"] == {"day": {}, "hour": {}}
    assert [note["code"] for note in computed["notes"]] == ["too_few_assigned", "too_few_conversions"]


def test_counters_of_all_shards_hours_and_days_are_added() -> None:
    computed = compute_results(
        CHECKOUT,
        [
            counted("control", ASSIGNED, Sums(1000)),
            counted("treatment", ASSIGNED, Sums(1010)),
            counted("control", "exposure", Sums(900)),
            counted("control", "purchase", Sums(40, 1_234_500 * UNIT, 10**10 * UNIT**2)),
            counted("control", "purchase", Sums(10, 5_500 * UNIT, 10**8 * UNIT**2), shard="s/1"),
            counted("control", "purchase", Sums(5, 0, 0), day=DAY + 1, hour=0),
            counted("control", "refund", Sums(2, -100 * UNIT, 10_000 * UNIT**2)),
            counted("$unassigned", "purchase", Sums(7, 70_000 * UNIT, 10_000 * UNIT**2)),
        ],
    )
    control = computed["variants"]["control"]
    assert control == {
        "assigned": 1000,
        "exposures": 900,
        "conversions": 55,
        "events_per_user": 0.055,
        "total_value": 124.0,
        "mean_value": pytest.approx(124 / 55),
        "events": {
            "exposure": {"count": 900, "sum": 0.0, "sum_squares": 0.0},
            "purchase": {"count": 55, "sum": 124.0, "sum_squares": 101.0},
            "refund": {"count": 2, "sum": -0.01, "sum_squares": 0.0001},
        },
    }
    assert computed["unassigned"] == {"events": {"purchase": {"count": 7, "sum": 7.0, "sum_squares": 0.0001}}}
    assert computed["windows"]["day"]["2026-11-23"]["control"]["events"]["purchase"]["count"] == 5
    assert computed["windows"]["hour"]["2026-11-22T10"]["control"]["assigned"] == 1000
    assert [note["code"] for note in computed["notes"]] == ["too_few_conversions"]
    assert "treatment" in computed["notes"][0]["message"]


def test_a_sum_is_the_number_that_is_closest_to_the_exact_one() -> None:
    computed = compute_results(CHECKOUT, [counted("control", "purchase", Sums(3, 25_003_156_300 * UNIT, 1))])
    assert computed["variants"]["control"]["events"]["purchase"]["sum"] == 2_500_315.63


def test_a_variant_that_was_removed_keeps_its_numbers() -> None:
    computed = compute_results(CHECKOUT, [counted("old", ASSIGNED, Sums(3))])
    assert list(computed["variants"]) == ["control", "treatment", "old"]
    assert computed["variants"]["old"]["assigned"] == 3


def test_only_the_latest_hours_are_shown() -> None:
    computed = compute_results(
        CHECKOUT, [counted("control", "purchase", Sums(1), day=day, hour=day % 24) for day in range(100)]
    )
    assert len(computed["windows"]["hour"]) == 48
    assert len(computed["windows"]["day"]) == 100
    assert max(computed["windows"]["hour"]) == "1970-04-10T03"


def test_without_metrics_every_event_but_an_exposure_is_a_conversion() -> None:
    plain = purchase_experiment(metrics=[])
    computed = compute_results(
        plain, [counted("control", "signup", Sums(3)), counted("control", "exposure", Sums(9))]
    )
    assert computed["variants"]["control"]["conversions"] == 3


def test_an_alarm_comes_with_a_note() -> None:
    skewed = [counted("control", ASSIGNED, Sums(900)), counted("treatment", ASSIGNED, Sums(600))]
    assert "sample_ratio_mismatch" in [note["code"] for note in compute_results(CHECKOUT, skewed)["notes"]]


@pytest.mark.parametrize(("metrics", "is_noted"), [([], True), (["exposure"], True), (["purchase"], False)])
def test_metrics_without_a_conversion_come_with_a_note(metrics: list[str], is_noted: bool) -> None:
    notes = compute_results(purchase_experiment(metrics=metrics), [])["notes"]
    assert ("no_metrics" in [note["code"] for note in notes]) is is_noted


def test_a_changed_split_comes_with_a_note_and_no_alarm() -> None:
    start = DAY * 86_400.0 + 12.5 * 3600
    changed = purchase_experiment(variants=shares(control=0.2, treatment=0.8))
    items = [
        counted("control", ASSIGNED, Sums(500)),
        counted("treatment", ASSIGNED, Sums(500)),
        counted("control", ASSIGNED, Sums(200), hour=14),
        counted("treatment", ASSIGNED, Sums(800), hour=14),
    ]
    assert compute_results(changed, items)["srm"]["alarm"] is True
    publications = [Publication(0.0, CHECKOUT), Publication(start, changed)]
    computed = compute_results(changed, items, publications)
    assert computed["srm"]["alarm"] is False
    assert [note["code"] for note in computed["notes"]] == ["split_changed", "too_few_conversions"]


def test_variants_between_which_users_moved_come_with_a_note() -> None:
    renamed = purchase_experiment(variants=shares(control=0.2, other=0.8))
    publications = [Publication(0.0, CHECKOUT), Publication(DAY * 86_400.0, renamed)]
    notes = compute_results(renamed, [], publications)["notes"]
    assert [note["code"] for note in notes] == ["split_changed", "split_not_testable", "too_few_conversions"]
    assert "other, treatment" in notes[1]["message"]


def worth(count: int, value: int) -> Sums:
    return Sums(count, value * SCALE, value * value * SCALE * SCALE)


def test_amounts_of_several_currencies_are_counted_apart() -> None:
    items = [
        counted("control", "purchase", worth(1, 10), currency="USD"),
        counted("control", "purchase", worth(2, 1500), currency="JPY"),
        counted("control", "purchase", Sums(3)),  # without a value
        counted("treatment", "purchase", worth(4, 20), currency="USD"),
    ]
    computed = compute_results(CHECKOUT, items)
    control, treatment = computed["variants"]["control"], computed["variants"]["treatment"]
    assert (control["conversions"], control["total_value"], control["mean_value"]) == (6, None, None)
    purchases = control["events"]["purchase"]
    assert (purchases["count"], purchases["sum"], purchases["sum_squares"]) == (6, None, None)
    assert {code: each["sum"] for code, each in purchases["currencies"].items()} == {
        "": 0.0,
        "JPY": 1500.0,
        "USD": 10.0,
    }
    assert (treatment["total_value"], treatment["mean_value"]) == (20.0, 5.0)
    assert treatment["events"]["purchase"]["sum"] == 20.0
    [note] = [note for note in computed["notes"] if note["code"] == "several_currencies"]
    assert "JPY, USD" in note["message"]


def test_one_currency_is_a_sum_as_without_any() -> None:
    items = [
        counted("control", "purchase", worth(1, 10), currency="USD"),
        counted("control", "purchase", Sums(3)),
    ]
    computed = compute_results(CHECKOUT, items)
    assert computed["variants"]["control"]["total_value"] == 10.0
    assert "several_currencies" not in [note["code"] for note in computed["notes"]]


def test_event_types_that_were_too_many_come_with_a_note() -> None:
    computed = compute_results(CHECKOUT, [counted("control", "$other", Sums(3))])
    assert "unnamed_event_types" in [note["code"] for note in computed["notes"]]
