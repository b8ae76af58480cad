"""The sample-ratio test, by periods of one split; the χ² distribution against scipy's values."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.definitions.model import Experiment
from chalicelib.domain.event_types import ASSIGNED
from chalicelib.domain.sample_ratio import (
    Publication,
    check_sample_ratio,
    chi_square_p_value,
    list_periods,
)
from chalicelib.domain.stream.counters import Counter, CounterItem, Sums, to_day_and_hour
from tests.support.experiments import experiment, shares

DAY = 20_779
NOON = DAY * 86_400.0 + 12 * 3600.0
HALF_PAST = NOON + 1800.0

# scipy.stats.chi2.sf(x, df), scipy 1.17.1
SCIPY = [
    (0.0, 1, 1.0),
    (0.5, 1, 0.47950012218695337),
    (3.841458820694124, 1, 0.04999999999999989),
    (10.827566170662733, 1, 0.0010000000000000007),
    (50.0, 1, 1.537459794428033e-12),
    (700.0, 1, 2.990226975124623e-154),
    (1.0, 2, 0.6065306597126334),
    (13.815510557964274, 2, 0.0010000000000000002),
    (2.5, 3, 0.4752910833430205),
    (16.26623619623813, 3, 0.0010000000000000007),
    (9.0, 4, 0.06109948096033269),
    (11.0, 7, 0.13861902087329556),
    (40.0, 9, 7.598525229464264e-06),
    (25.0, 30, 0.7250318841806004),
    (1e-09, 5, 1.0),
]


@pytest.mark.parametrize(("chi_square", "degrees", "p_value"), SCIPY)
def test_p_values_are_scipys(chi_square: float, degrees: int, p_value: float) -> None:
    assert chi_square_p_value(chi_square, degrees) == pytest.approx(p_value, rel=1e-11)


def counted(hour: int = 10, **users: int) -> list[CounterItem]:
    """Users by variant, all assigned in one hour of one day."""
    return [
        CounterItem(Counter("checkout", variant, ASSIGNED, DAY, "s/0"), {hour: Sums(number)})
        for variant, number in users.items()
    ]


def split(
    *, sticky: bool = True, status: str = "active", iteration: int = 1, **allocations: float
) -> Experiment:
    return experiment(sticky=sticky, status=status, iteration=iteration, variants=shares(**allocations))


def check(items: list[CounterItem], *versions: tuple[float, Experiment]) -> dict[str, Any]:
    """The test after ``versions``, the last of which is in force."""
    publications = [Publication(published_at, version) for published_at, version in versions]
    return check_sample_ratio(list_periods(versions[-1][1], publications), items)


EVEN, SKEWED = split(control=0.5, treatment=0.5), split(control=0.2, treatment=0.8)


def test_an_even_split_raises_no_alarm_and_a_skewed_one_does() -> None:
    even = check(counted(control=5050, treatment=4950), (0.0, EVEN))
    assert even["chi_square"] == pytest.approx(1.0)
    assert even["p_value"] == pytest.approx(0.31731050786291415)
    assert even["alarm"] is False
    assert check(counted(control=5300, treatment=4700), (0.0, EVEN))["alarm"] is True


def test_the_split_is_the_one_of_the_definition() -> None:
    three = split(a=0.8, b=0.2, off=0.0)
    srm = check(counted(a=800, b=200, off=3), (0.0, three))
    assert srm["chi_square"] == pytest.approx(0.0, abs=1e-9)
    assert srm["p_value"] == pytest.approx(1.0)


@pytest.mark.parametrize("assigned", [{}, {"control": 4, "treatment": 5}])
def test_too_few_users_are_no_test(assigned: dict[str, int]) -> None:
    srm = check(counted(**assigned), (0.0, EVEN))
    assert (srm["chi_square"], srm["p_value"], srm["alarm"]) == (None, None, False)


def test_without_a_history_the_current_split_is_tested() -> None:
    periods = list_periods(SKEWED, [])
    assert check_sample_ratio(periods, counted(control=200, treatment=800))["p_value"] == pytest.approx(1.0)


def test_each_period_is_tested_against_its_own_split_and_the_values_are_added() -> None:
    before, after = counted(10, control=520, treatment=480), counted(13, control=220, treatment=780)
    srm = check([*before, *after], (0.0, EVEN), (HALF_PAST, SKEWED))
    first, second = srm["periods"]
    assert (first["chi_square"], second["chi_square"]) == (pytest.approx(1.6), pytest.approx(2.5))
    assert first["degrees"] == second["degrees"] == 1
    assert srm["chi_square"] == pytest.approx(4.1)
    assert srm["p_value"] == pytest.approx(0.12873490358780423)  # scipy.stats.chi2.sf(4.1, 2)
    assert srm["alarm"] is False
    assert (first["start"], second["start"]) == (None, "2026-11-22T12:30:00.000Z")
    assert second["assigned"] == {"control": 220, "treatment": 780}


def test_a_mismatch_in_one_period_is_an_alarm() -> None:
    before, after = counted(10, control=900, treatment=600), counted(13, control=200, treatment=800)
    assert check([*before, *after], (0.0, EVEN), (HALF_PAST, SKEWED))["alarm"] is True


def test_a_mismatch_against_the_current_split_alone_is_none() -> None:
    """Before, a changed split was an alarm for ever."""
    srm = check(counted(10, control=5000, treatment=5000), (0.0, EVEN), (HALF_PAST, SKEWED))
    assert srm["alarm"] is False


@pytest.mark.parametrize(
    ("hour", "published_at", "is_left_out"),
    [
        (12, HALF_PAST, True),
        (11, HALF_PAST, False),
        (13, HALF_PAST, False),
        (12, NOON + 3570, True),
        (13, NOON + 3570, True),  # for some seconds after the publish, containers have the old definition
        (11, NOON + 30, True),  # the publisher's clock may be late
        (12, NOON + 120, True),
        (11, NOON + 120, False),
    ],
)
def test_an_hour_in_which_the_split_changes_is_left_out(
    hour: int, published_at: float, is_left_out: bool
) -> None:
    srm = check(counted(hour, control=90, treatment=10), (0.0, EVEN), (published_at, SKEWED))
    assert (sum(sum(period["assigned"].values()) for period in srm["periods"]) == 0) is is_left_out


def test_versions_that_keep_the_split_or_assign_nobody_are_no_period() -> None:
    draft = split(status="draft", control=0.1, treatment=0.9)
    paused = split(status="paused", control=0.1, treatment=0.9)
    other_iteration = split(iteration=2, control=0.1, treatment=0.9)
    versions = [draft, EVEN, EVEN, paused, other_iteration, EVEN]
    srm = check(counted(12, control=520, treatment=480), *((HALF_PAST, version) for version in versions))
    assert [period["assigned"] for period in srm["periods"]] == [{"control": 520, "treatment": 480}]


def test_a_renamed_variant_is_the_same_one_whatever_its_users_are_called() -> None:
    renamed = split(control=0.5, other=0.5)
    before = counted(10, control=500, treatment=280)  # 220 came back and have the new name, at a later hour
    after = counted(13, control=100, other=95 + 220)
    srm = check([*before, *after], (0.0, EVEN), (HALF_PAST, renamed))
    (period,) = srm["periods"]
    assert period["assigned"] == {"control": 600, "other": 595}
    assert srm["alarm"] is False


def test_a_variant_that_is_renamed_twice_and_back_stays_one() -> None:
    versions = [EVEN, split(control=0.5, other=0.5), split(control=0.5, third=0.5), EVEN]
    items = counted(13, control=300, treatment=100, other=100, third=100)
    srm = check(items, *((HALF_PAST + index, version) for index, version in enumerate(versions)))
    assert [period["assigned"] for period in srm["periods"]] == [{"control": 300, "treatment": 300}]


def test_variants_whose_users_move_are_not_tested() -> None:
    """The third variant ends. Its users come back and get one of the others, which then has too many."""
    three = split(a=0.25, b=0.25, c=0.25, d=0.25)
    two = split(a=0.25, b=0.25, c=0.5)  # all former users of d get c
    before = counted(10, a=1000, b=1000, c=1000, d=300)
    after = counted(13, a=500, b=500, c=1000 + 700)
    srm = check([*before, *after], (0.0, three), (HALF_PAST, two))
    first, second = srm["periods"]
    assert (first["not_tested"], first["degrees"]) == (["d"], 2)
    assert (second["not_tested"], second["degrees"]) == (["c"], 1)
    assert srm["alarm"] is False


def test_where_all_users_move_nothing_is_tested() -> None:
    loose = [split(sticky=False, control=0.5, treatment=0.5), split(sticky=False, control=0.2, treatment=0.8)]
    items = [*counted(10, control=400, treatment=900), *counted(13, control=100, treatment=900)]
    srm = check(items, (0.0, loose[0]), (HALF_PAST, loose[1]))
    assert [period["not_tested"] for period in srm["periods"]] == [["control"], ["treatment"]]
    assert (srm["p_value"], srm["alarm"]) == (None, False)


@given(
    st.randoms(use_true_random=False),
    st.lists(st.sampled_from([0.1, 0.25, 0.5, 0.8]), min_size=1, max_size=4),
)
def test_users_who_are_split_as_asked_for_raise_no_alarm(
    chance: random.Random, controls: list[float]
) -> None:
    """Whatever changes of the split there were; each period is at most one standard deviation off."""
    versions = [
        (HALF_PAST + 10_800 * index, split(control=share, treatment=1 - share))
        for index, share in enumerate(controls)
    ]
    items = []
    for start, version in versions:
        share = version.split[0][0] / 2**64
        control = round(
            1000 * share + min(1, max(-1, chance.gauss(0, 1))) * (1000 * share * (1 - share)) ** 0.5
        )
        _, hour = to_day_and_hour(start + 3600)
        items += counted(hour, control=control, treatment=1000 - control)
    srm = check(items, *versions)
    assert srm["alarm"] is False
    assert sum(sum(period["assigned"].values()) for period in srm["periods"]) == 1000 * len(controls)
