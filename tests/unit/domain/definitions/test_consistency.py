"""What `publish` refuses about a set of definitions."""

from typing import Any

from chalicelib.domain.definitions.compiler import parse_experiment, parse_flag
from chalicelib.domain.definitions.consistency import check_set
from tests.support.experiments import document


def find_problems(
    experiments: list[dict[str, Any]] | None = None, flags: list[dict[str, Any]] | None = None
) -> list[str]:
    parsed_experiments = [parse_experiment(experiment) for experiment in experiments or []]
    parsed_flags = [parse_flag(flag) for flag in flags or []]
    return [f"{key}.{problem}" for (_, key), problem in check_set(parsed_experiments, parsed_flags)]


def make_layered(key: str, start: float, end: float, **fields: Any) -> dict[str, Any]:
    return document(key, layer={"key": "checkout", "start": start, "end": end}, **fields)


def make_held_out(key: str, share: float, name: str = "q1", **fields: Any) -> dict[str, Any]:
    return document(key, holdout={"key": name, "share": share} | fields)


def make_flag(key: str, *prerequisites: tuple[str, str]) -> dict[str, Any]:
    required = [{"flag": name, "variants": [variant]} for name, variant in prerequisites]
    return {"key": key, "type": "boolean", "prerequisites": required}


def test_experiments_that_share_a_layer_may_touch() -> None:
    assert find_problems([make_layered("a", 0, 0.5), make_layered("b", 0.5, 1), document("c")]) == []


def test_an_overlap_in_a_layer_is_refused() -> None:
    assert find_problems([make_layered("a", 0.4, 1), make_layered("b", 0, 0.5)]) == [
        "a.layer: overlaps experiment 'b', which owns [0.0, 0.5) of 'checkout'"
    ]


def test_an_overlap_with_a_wide_range_is_seen_behind_a_narrow_one() -> None:
    problems = find_problems(
        [make_layered("wide", 0, 0.9), make_layered("narrow", 0.1, 0.2), make_layered("late", 0.8, 1)]
    )
    assert [problem.split(":")[0] for problem in problems] == ["narrow.layer", "late.layer"]


def test_the_same_range_of_two_layers_does_not_overlap() -> None:
    search = document("b", layer={"key": "search", "start": 0.0, "end": 1.0})
    assert find_problems([make_layered("a", 0, 1), search]) == []


def test_a_completed_experiment_gives_its_range_back() -> None:
    assert find_problems([make_layered("a", 0, 0.5, status="completed"), make_layered("b", 0, 0.5)]) == []
    assert find_problems([make_layered("a", 0, 0.5, status="paused"), make_layered("b", 0, 0.5)]) != []


def test_a_holdout_has_one_share() -> None:
    assert (
        find_problems([make_held_out("a", 0.05), make_held_out("b", 0.05), make_held_out("c", 0.1, "other")])
        == []
    )
    assert find_problems([make_held_out("a", 0.05), make_held_out("b", 0.1)]) == [
        "b.holdout.share: must be 0.05, the share of holdout 'q1' in experiment 'a'"
    ]


def test_a_holdout_of_all_has_to_be_named_by_every_experiment() -> None:
    assert find_problems([make_held_out("a", 0.05, of_all=True), make_held_out("b", 0.05)]) == []
    assert find_problems([make_held_out("a", 0.05, of_all=True), document("b")]) == [
        "b.holdout: must name holdout 'q1', which experiment 'a' says is one of all experiments"
    ]


def test_two_experiments_of_one_id_are_refused() -> None:
    assert find_problems([document("a", id="x"), document("b", id="x")]) == [
        "b.id: 'x' is the id of experiment 'a' already"
    ]
    assert find_problems([document("a"), document("b", id="a")]) != []


def test_prerequisites_have_to_exist_with_their_variants() -> None:
    assert find_problems(flags=[make_flag("a", ("b", "on")), make_flag("b")]) == []
    assert find_problems(flags=[make_flag("a", ("b", "on"))]) == [
        "a.prerequisites[0].flag: there is no flag 'b'"
    ]
    assert find_problems(flags=[make_flag("a", ("b", "blue")), make_flag("b")]) == [
        "a.prerequisites[0].variants: flag 'b' has no variant 'blue'; it has on, off"
    ]


def test_prerequisites_have_at_most_20_levels() -> None:
    chain = [make_flag(f"f{number}", (f"f{number + 1}", "on")) for number in range(20)]
    assert find_problems(flags=[*chain, make_flag("f20")]) == []
    longer = [make_flag(f"f{number}", (f"f{number + 1}", "on")) for number in range(2000)]
    (problem,) = find_problems(flags=[*longer, make_flag("f2000")])
    assert problem == "f1979.prerequisites: are 21 levels deep, at most 20 are allowed"


def test_prerequisites_are_at_most_100_flags_in_all() -> None:
    base = [make_flag(f"f{number}") for number in range(101)]
    first = make_flag("first", *((f"f{number}", "on") for number in range(60)))
    second = make_flag("second", *((f"f{number}", "on") for number in range(40, 98)))
    assert (
        find_problems(flags=[*base, first, second, make_flag("both", ("first", "on"), ("second", "on"))])
        == []
    )
    second = make_flag("second", *((f"f{number}", "on") for number in range(40, 101)))
    (problem,) = find_problems(
        flags=[*base, first, second, make_flag("both", ("first", "on"), ("second", "on"))]
    )
    assert problem == "both.prerequisites: are 103 flags in all, at most 100 are allowed"


def test_prerequisites_must_not_go_in_a_circle() -> None:
    circle = [make_flag("a", ("b", "on")), make_flag("b", ("c", "on")), make_flag("c", ("a", "on"))]
    (problem,) = find_problems(flags=circle)
    assert "go in a circle" in problem
    assert find_problems(flags=[make_flag("a", ("a", "on"))]) == ["a.prerequisites: go in a circle: a → a"]
