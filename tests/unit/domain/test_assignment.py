"""`decide`: each of its outcomes, and its properties."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.assignment import decide, make_assignment_id
from chalicelib.domain.definitions.model import Assignment, Decision, Experiment
from chalicelib.domain.reasons import Reason
from tests.support.experiments import experiment, shares

NOW = 1_800_000_000.0
USERS = [f"user-{number}" for number in range(20_000)]
users = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=40)
share = st.integers(0, 1000).map(lambda thousandths: thousandths / 1000)
germans = {
    "version": "1.0",
    "rules": [
        {
            "id": "germans",
            "rule": {
                "operator": "and",
                "conditions": [{"attribute": "country", "operator": "eq", "value": "DE"}],
            },
        }
    ],
}


def decide_for(
    definition: Experiment, user: str = "u", row: Assignment | None = None, **context: Any
) -> Decision:
    return decide(definition, user, context, NOW, lambda: row)


def get_reason(
    definition: Experiment, user: str = "u", row: Assignment | None = None, **context: Any
) -> Reason:
    return decide_for(definition, user, row, **context).reason


def make_row(variant: str = "control", **fields: Any) -> Assignment:
    return replace(Assignment(variant, "id", NOW - 60), **fields)


# outcomes


def test_a_new_user_is_assigned() -> None:
    decision = decide_for(
        experiment(variants=[{"key": "only", "allocation": 1.0, "payload": {"colour": "red"}}])
    )
    assert decision == Decision("only", Reason.ASSIGNED, {"colour": "red"})


@pytest.mark.parametrize("status", ["draft", "paused", "completed"])
def test_only_an_active_experiment_serves_anybody(status: str) -> None:
    inactive = experiment(status=status, overrides={"u": "control"})
    assert decide_for(inactive, row=make_row()) == Decision(None, Reason(status.upper()))


def test_a_schedule_is_half_open() -> None:
    now = "2027-01-15T08:00:00Z"  # NOW
    assert get_reason(experiment(start_at=now)) == Reason.ASSIGNED
    assert get_reason(experiment(start_at="2027-01-15T08:00:00.001Z"), row=make_row()) == Reason.NOT_STARTED
    assert get_reason(experiment(end_at=now), row=make_row()) == Reason.ENDED
    assert get_reason(experiment(end_at="2027-01-15T10:00:00.001+02:00")) == Reason.ASSIGNED


def test_an_override_wins_over_everything_but_status_and_schedule() -> None:
    overridden = experiment(
        overrides={"tester": "treatment"},
        holdout={"key": "h", "share": 1.0},
        traffic_allocation=0.0,
        targeting_rules=germans,
    )
    assert decide_for(overridden, "tester", make_row("control")) == Decision("treatment", Reason.OVERRIDE)
    assert get_reason(overridden) == Reason.HOLDOUT


def test_a_holdout_keeps_out_even_those_who_are_assigned() -> None:
    held_out = experiment(holdout={"key": "h", "share": 1.0}, layer={"key": "l", "start": 0.0, "end": 1.0})
    assert get_reason(held_out, row=make_row()) == Reason.HOLDOUT
    assert get_reason(experiment(holdout={"key": "h", "share": 0.0})) == Reason.ASSIGNED


def test_who_belongs_to_another_part_of_the_layer_is_out() -> None:
    left = experiment("left", layer={"key": "l", "start": 0.0, "end": 0.5})
    right = experiment("right", layer={"key": "l", "start": 0.5, "end": 1.0})
    reasons = {(get_reason(left, user), get_reason(right, user)) for user in USERS[:200]}
    assert reasons == {(Reason.ASSIGNED, Reason.NOT_IN_LAYER), (Reason.NOT_IN_LAYER, Reason.ASSIGNED)}


def test_who_matches_no_rule_is_not_targeted() -> None:
    targeted = experiment(targeting_rules=germans)
    assert get_reason(targeted, country="DE") == Reason.ASSIGNED
    assert get_reason(targeted, country="FR") == Reason.NOT_TARGETED
    assert get_reason(targeted) == Reason.NOT_TARGETED


def test_traffic_0_and_1_let_in_nobody_and_everybody() -> None:
    nobody, everybody = experiment(traffic_allocation=0.0), experiment()
    assert {get_reason(nobody, user) for user in USERS} == {Reason.NOT_IN_TRAFFIC}
    assert {get_reason(everybody, user) for user in USERS} == {Reason.ASSIGNED}


# sticky


@pytest.mark.parametrize(
    "changed",
    [
        {"variants": shares(control=0.0, treatment=1.0)},
        {"traffic_allocation": 0.0},
        {"targeting_rules": germans},
        {"salt": "another"},
    ],
)
def test_who_is_in_stays_in_whatever_is_changed(changed: dict[str, Any]) -> None:
    changed_experiment = experiment(**changed)
    decisions = {decide_for(changed_experiment, user, make_row()) for user in USERS[:100]}
    assert decisions == {Decision("control", Reason.STICKY)}


def test_who_is_not_sticky_follows_the_hash() -> None:
    not_sticky = experiment(sticky=False, variants=shares(control=0.0, treatment=1.0))
    assert decide_for(not_sticky, row=make_row("treatment")) == Decision("treatment", Reason.STICKY)
    assert decide_for(not_sticky, row=make_row("control")) == Decision("treatment", Reason.REASSIGNED)
    assert (
        get_reason(experiment(sticky=False, traffic_allocation=0.0), row=make_row()) == Reason.NOT_IN_TRAFFIC
    )


def test_who_was_in_a_removed_variant_is_reassigned() -> None:
    treatment_only = experiment(variants=shares(treatment=1.0))
    assert decide_for(treatment_only, row=make_row("control")) == Decision("treatment", Reason.REASSIGNED)


def test_an_expired_row_counts_as_absent() -> None:
    treatment_only = experiment(variants=shares(control=0.0, treatment=1.0))
    assert decide_for(treatment_only, row=make_row(expires_at=NOW)) == Decision("treatment", Reason.ASSIGNED)
    assert decide_for(treatment_only, row=make_row(expires_at=NOW + 1)) == Decision("control", Reason.STICKY)


def test_a_new_iteration_forgets_the_rows_and_the_buckets_of_the_one_before() -> None:
    first, second = experiment(), experiment(iteration=2)
    assert get_reason(second, row=make_row(iteration=1)) == Reason.ASSIGNED
    assert get_reason(second, row=make_row(iteration=2)) == Reason.STICKY
    moved = sum(decide_for(first, user).variant != decide_for(second, user).variant for user in USERS)
    assert abs(moved / len(USERS) - 0.5) < 0.02


def test_the_row_is_not_read_if_something_before_it_decides() -> None:
    def refuse() -> Assignment | None:
        raise AssertionError

    gated = experiment(status="paused"), experiment(overrides={"u": "control"})
    for decided_early in (*gated, experiment(holdout={"key": "h", "share": 1.0})):
        decide(decided_early, "u", {}, NOW, refuse)


# identity


def test_an_assignment_id_is_a_function_of_experiment_iteration_and_user() -> None:
    original = experiment("a", id="x")
    assert make_assignment_id(original, "u") == make_assignment_id(
        experiment("renamed", id="x", salt="s"), "u"
    )
    others = {
        make_assignment_id(original, "v"),
        make_assignment_id(experiment("a", id="y"), "u"),
        make_assignment_id(experiment("a", id="x", iteration=2), "u"),
    }
    assert len(others - {make_assignment_id(original, "u")}) == 3


# properties and distributions


@given(users, share, share)
def test_raising_traffic_removes_nobody_and_moves_nobody(user: str, first: float, second: float) -> None:
    low, high = sorted([first, second])
    before = decide_for(experiment(traffic_allocation=low), user)
    if before.variant is not None:
        assert decide_for(experiment(traffic_allocation=high), user) == before


@given(users, st.from_regex(r"\A[a-z]{1,8}\Z"))
def test_changing_one_experiments_salt_changes_no_other(user: str, salt: str) -> None:
    other = experiment("other")
    before = decide_for(other, user)
    experiment("one", salt=salt)
    assert decide_for(other, user) == before
    assert decide_for(experiment("elsewhere", salt="other"), user).variant == before.variant


@given(users, share)
def test_the_variant_does_not_depend_on_the_traffic(user: str, traffic: float) -> None:
    inside = decide_for(experiment(traffic_allocation=traffic), user)
    assert inside.variant in {None, decide_for(experiment(), user).variant}


def test_shares_are_exact_to_half_a_point() -> None:
    split = experiment(variants=shares(a=0.5, b=0.3, c=0.2), traffic_allocation=0.4)
    users_by_variant = Counter(decide_for(split, f"user-{number}").variant for number in range(200_000))
    for variant, expected in {None: 0.6, "a": 0.2, "b": 0.12, "c": 0.08}.items():
        assert abs(users_by_variant[variant] / 200_000 - expected) < 0.005


def test_two_experiments_are_independent() -> None:
    first, second = (
        experiment("one", variants=shares(a=0.3, b=0.7)),
        experiment("other", traffic_allocation=0.5),
    )
    users_by_variants = Counter(
        (decide_for(first, user).variant, decide_for(second, user).variant) for user in USERS
    )
    chi_square = 0.0
    for variant, part in {"a": 0.3, "b": 0.7}.items():
        for cell, share in {None: 0.5, "control": 0.25, "treatment": 0.25}.items():
            expected = len(USERS) * part * share
            chi_square += (users_by_variants[variant, cell] - expected) ** 2 / expected
    assert chi_square < 20.52  # p > 0.001 at 5 degrees of freedom


def test_a_layer_is_independent_of_the_variants_inside_of_it() -> None:
    layered = experiment(layer={"key": "checkout", "start": 0.0, "end": 0.5})
    users_by_variant = Counter(decide_for(layered, user).variant for user in USERS)
    assert (
        abs(users_by_variant["control"] / (users_by_variant["control"] + users_by_variant["treatment"]) - 0.5)
        < 0.02
    )


def test_layers_own_disjoint_parts_that_add_up() -> None:
    bounds = [(0.0, 0.2), (0.2, 0.5), (0.5, 1.0)]
    parts = [
        experiment(f"e{index}", layer={"key": "l", "start": start, "end": end})
        for index, (start, end) in enumerate(bounds)
    ]
    for user in USERS[:2000]:
        assert sum(decide_for(part, user).variant is not None for part in parts) == 1


def test_a_holdout_is_the_same_users_in_every_experiment_that_names_it() -> None:
    first, second = (experiment(key, holdout={"key": "q1", "share": 0.1}) for key in ("a", "b"))
    held_out = [user for user in USERS if get_reason(first, user) == Reason.HOLDOUT]
    assert held_out == [user for user in USERS if get_reason(second, user) == Reason.HOLDOUT]
    assert abs(len(held_out) / len(USERS) - 0.1) < 0.01
