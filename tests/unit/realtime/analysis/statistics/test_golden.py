"""Numbers that independent implementations agree on: scipy.stats, tea-tasting, gbstats and statsmodels."""

import os
from fractions import Fraction
from itertools import islice
from typing import NamedTuple

import pytest

from realtime.analysis.model import Interval, Moments, Sums
from realtime.analysis.statistics.estimates import Estimates, add_sums, estimate_variants
from realtime.analysis.statistics.horizons import FixedHorizon, SequentialHorizon, find_sequence_k
from realtime.analysis.statistics.pair import Pair, make_pair
from realtime.analysis.statistics.split import compare_split
from tests.support.golden_moments import build_golden, make_design, read_golden

DIGITS = 1e-11
ALPHA = 0.05


class Row(NamedTuple):
    metric: str
    has_pre_period: bool
    control: float
    treatment: float
    p_value: float
    difference: tuple[float, float]
    lift: tuple[float, float]
    theta: float | None = None


Q2 = [
    Row(
        *("conversion", False, 0.228934010152, 0.224936170213, 0.463770513082),
        (-0.0146930862366, 0.00669740635758),
        (-0.0627340084686, 0.0299620649529),
    ),
    Row(
        *("orders", False, 0.415482233503, 0.402212765957, 0.362103852247),
        (-0.0418074861943, 0.0152685511041),
        (-0.0972540064963, 0.0381154103861),
    ),
    Row(
        *("revenue", False, 15.3149780034, 14.8892612766, 0.572522989978),
        (-1.90429627239, 1.05286281882),
        (-0.119434575418, 0.0718675511047),
    ),
    Row(
        *("revenue", True, 15.204562167, 15.0003349095, 0.768830767701),
        (-1.56621335176, 1.15775883677),
        (-0.0988648308563, 0.0796450175106),
        0.295869357807,
    ),
    Row(
        *("capped-revenue", True, 13.6085677262, 13.2389437852, 0.395906326091),
        (-1.22299495154, 0.483747069614),
        (-0.0871710142856, 0.0367205721129),
        0.296080215073,
    ),
    Row(
        *("order-value", False, 36.8607289758, 37.0183707152, 0.889204106742),
        (-2.06030343417, 2.37558691301),
        (-0.0545326168528, 0.0661578890187),
    ),
    Row(
        *("order-value", True, 36.7982245019, 37.0819057657, 0.791668030607),
        (-1.82132602436, 2.38868855189),
        (-0.0482813811946, 0.0666419002011),
        0.618136174162,
    ),
]


@pytest.mark.parametrize("row", Q2, ids=lambda row: f"{row.metric}{'-cuped' * row.has_pre_period}")
def test_the_second_quarter_of_all_customers(row: Row) -> None:
    estimates = estimate("q2", row.metric, has_pre_period=row.has_pre_period)
    assert estimates.theta == approx(row.theta)
    pair = pair_of(estimates)
    k, z = FixedHorizon().find_k(pair, ALPHA), pair.find_z()
    assert (pair.control, pair.treatment) == approx((row.control, row.treatment))
    assert FixedHorizon().find_p(pair, z, ALPHA) == approx(row.p_value)
    assert pair.find_interval(k) == approx(row.difference)
    assert pair.find_lift_interval(k) == approx(row.lift)


def test_the_always_valid_sequence() -> None:
    pair, horizon = pair_of(estimate("q2", "revenue", has_pre_period=False)), SequentialHorizon(20_000)
    k = horizon.find_k(pair, ALPHA)
    assert k == approx(3.03631796034)
    assert pair.find_interval(k) == approx(Interval(-2.71616887034, 1.86473541676))
    assert pair.find_lift_interval(k) == approx(Interval(-0.166896264039, 0.130677543974))
    assert horizon.find_p(pair, pair.find_z(), ALPHA) == 1


def test_the_sequence_sees_three_dollars_more_for_each_treated_user() -> None:
    control, treatment = read_golden("q2")["revenue"].sums
    more = add_to_each(treatment, Fraction(3))
    pair = pair_of(estimate_variants([control, more], is_ratio=False, has_pre_period=False))
    assert SequentialHorizon(20_000).find_p(pair, pair.find_z(), ALPHA) == approx(0.0167096549208)


def test_k_of_the_sequence_at_its_plan() -> None:
    assert find_sequence_k(20_000, 20_000, 0.05) == approx(3.0352089904)
    assert find_sequence_k(777, 777, 0.025) == approx(3.2792141028)


RUNS = [
    ("sample", "orders", 1.2285336856, 1.24685138539, 0.622103554846),
    ("sample", "revenue", 43.6350198151, 41.5634130982, 0.453802101225),
    ("sample", "capped-revenue", None, None, 0.500736363325),
    ("sample", "order-value", 35.5179677419, 33.3346969697, 0.244475510765),
    ("full", "revenue", None, None, 0.574302708939),
    ("full", "capped-revenue", None, None, 0.415151327442),
]


@pytest.mark.parametrize(("name", "metric", "control", "treatment", "p_value"), RUNS)
def test_the_demo_of_make_run(
    name: str, metric: str, control: float | None, treatment: float | None, p_value: float
) -> None:
    pair = pair_of(estimate(name, metric, has_pre_period=False))
    if control is not None:
        assert (pair.control, pair.treatment) == approx((control, treatment))
    assert FixedHorizon().find_p(pair, pair.find_z(), ALPHA) == approx(p_value)


@pytest.mark.parametrize(
    ("name", "cap", "pre_cap"), [("q2", 219.71, 280.89), ("sample", 234.84, None), ("full", 253.51, None)]
)
def test_caps(name: str, cap: float, pre_cap: float | None) -> None:
    moments = read_golden(name)["capped-revenue"]
    assert moments.cap is not None
    assert float(moments.cap) == cap
    assert (moments.pre_cap and float(moments.pre_cap)) == pre_cap


@pytest.mark.parametrize(
    ("name", "users", "chi_square", "p_value"),
    [
        ("q2", [11_820, 11_750], 0.2078913873568, 0.6484251568185),
        ("sample", [757, 794], 0.882656350744, None),
        ("full", [6_014, 6_247], None, None),
    ],
)
def test_splits(name: str, users: list[int], chi_square: float | None, p_value: float | None) -> None:
    sums = read_golden(name)["revenue"].sums
    assert [one.users for one in sums] == users
    split = compare_split({one.variant: one.users for one in sums}, make_design(name).shares)
    assert split is not None
    assert chi_square is None or split.value == approx(chi_square)
    assert p_value is None or split.p_value == approx(p_value)


def test_moments_of_control() -> None:
    golden = read_golden("q2")
    revenue, orders = golden["revenue"].sums[0], golden["orders"].sums[0]
    assert {name: revenue.totals[name] * 10**4 for name in "yx"} == {"y": 1810230400, "x": 5419054200}
    assert {name: revenue.products[name] * 10**8 for name in ("yy", "yx", "xx")} == {
        "yy": 3784026140800000,
        "yx": 2593856979900000,
        "xx": 11407550963020000,
    }
    assert [orders.totals["y"], orders.products["yy"]] == [4911, 17359]


def test_the_file_has_what_the_data_say() -> None:
    [(key, moments)] = islice(build_golden("sample"), 1)
    assert moments == read_golden("sample")[key]


@pytest.mark.skipif(os.environ.get("HYPOTHESIS_PROFILE") != "long", reason="takes 20 seconds: make long")
@pytest.mark.parametrize("name", ["q2", "sample", "full"])
def test_the_whole_file_has_what_the_data_say(name: str) -> None:
    assert dict(build_golden(name)) == read_golden(name)


def estimate(name: str, metric: str, *, has_pre_period: bool) -> Estimates:
    moments: Moments = read_golden(name)[metric]
    return estimate_variants(moments.sums, is_ratio=moments.metric.is_ratio, has_pre_period=has_pre_period)


def pair_of(estimates: Estimates) -> Pair:
    pair = make_pair(*estimates.adjusted.values())
    assert pair is not None
    return pair


def add_to_each(sums: Sums, amount: Fraction) -> Sums:
    """As if ``amount`` were added to y of every user."""
    y, yy = sums.totals["y"], sums.products["yy"]
    totals = dict(sums.totals) | {"y": y + amount * sums.users}
    products = dict(sums.products) | {"yy": yy + 2 * amount * y + amount**2 * sums.users}
    return add_sums(sums.variant, [sums._replace(totals=totals, products=products)])


def approx(number: object) -> object:
    return number if number is None else pytest.approx(number, rel=DIGITS, abs=0)
