"""What `publish` refuses about a set of definitions."""

from typing import Any

from chalicelib.domain.definitions.compiler import parse_experiment, parse_flag
from chalicelib.domain.definitions.consistency import check
from tests.support.experiments import document


def problems(
    experiments: list[dict[str, Any]] | None = None, flags: list[dict[str, Any]] | None = None
) -> list[str]:
    found = check(
        [parse_experiment(one) for one in experiments or []], [parse_flag(one) for one in flags or []]
    )
    return [f"{key}.{problem}" for (_, key), problem in found]


def layer(key: str, start: float, end: float, **fields: Any) -> dict[str, Any]:
    return document(key, layer={"key": "checkout", "start": start, "end": end}, **fields)


def holdout(key: str, share: float, name: str = "q1", **fields: Any) -> dict[str, Any]:
    return document(key, holdout={"key": name, "share": share} | fields)


def flag(key: str, *prerequisites: tuple[str, str]) -> dict[str, Any]:
    wanted = [{"flag": name, "variants": [variant]} for name, variant in prerequisites]
    return {"key": key, "type": "boolean", "prerequisites": wanted}


def test_experiments_that_share_a_layer_may_touch() -> None:
    assert problems([layer("a", 0, 0.5), layer("b", 0.5, 1), document("c")]) == []


def test_an_overlap_in_a_layer_is_refused() -> None:
    assert problems([layer("a", 0.4, 1), layer("b", 0, 0.5)]) == [
        "a.layer: overlaps experiment 'b', which owns [0.0, 0.5) of 'checkout'"
    ]


def test_an_overlap_with_a_wide_range_is_seen_behind_a_narrow_one() -> None:
    found = problems([layer("wide", 0, 0.9), layer("narrow", 0.1, 0.2), layer("late", 0.8, 1)])
    assert [problem.split(":")[0] for problem in found] == ["narrow.layer", "late.layer"]


def test_the_same_range_of_two_layers_does_not_overlap() -> None:
    other = document("b", layer={"key": "search", "start": 0.0, "end": 1.0})
    assert problems([layer("a", 0, 1), other]) == []


def test_a_completed_experiment_gives_its_range_back() -> None:
    assert problems([layer("a", 0, 0.5, status="completed"), layer("b", 0, 0.5)]) == []
    assert problems([layer("a", 0, 0.5, status="paused"), layer("b", 0, 0.5)]) != []


def test_a_holdout_has_one_share() -> None:
    assert problems([holdout("a", 0.05), holdout("b", 0.05), holdout("c", 0.1, "other")]) == []
    assert problems([holdout("a", 0.05), holdout("b", 0.1)]) == [
        "b.holdout.share: must be 0.05, the share of holdout 'q1' in experiment 'a'"
    ]


def test_a_holdout_of_all_has_to_be_named_by_every_experiment() -> None:
    assert problems([holdout("a", 0.05, of_all=True), holdout("b", 0.05)]) == []
    assert problems([holdout("a", 0.05, of_all=True), document("b")]) == [
        "b.holdout: must name holdout 'q1', which experiment 'a' says is one of all experiments"
    ]


def test_two_experiments_of_one_id_are_refused() -> None:
    assert problems([document("a", id="x"), document("b", id="x")]) == [
        "b.id: 'x' is the id of experiment 'a' already"
    ]
    assert problems([document("a"), document("b", id="a")]) != []


def test_prerequisites_have_to_exist_with_their_variants() -> None:
    assert problems(flags=[flag("a", ("b", "on")), flag("b")]) == []
    assert problems(flags=[flag("a", ("b", "on"))]) == ["a.prerequisites[0].flag: there is no flag 'b'"]
    assert problems(flags=[flag("a", ("b", "blue")), flag("b")]) == [
        "a.prerequisites[0].variants: flag 'b' has no variant 'blue'; it has on, off"
    ]


def test_prerequisites_have_at_most_20_levels() -> None:
    chain = [flag(f"f{number}", (f"f{number + 1}", "on")) for number in range(20)]
    assert problems(flags=[*chain, flag("f20")]) == []
    longer = [flag(f"f{number}", (f"f{number + 1}", "on")) for number in range(2000)]
    (found,) = problems(flags=[*longer, flag("f2000")])
    assert found == "f1979.prerequisites: are 21 levels deep, at most 20 are allowed"


def test_prerequisites_are_at_most_100_flags_in_all() -> None:
    base = [flag(f"f{number}") for number in range(101)]
    some = flag("some", *((f"f{number}", "on") for number in range(60)))
    more = flag("more", *((f"f{number}", "on") for number in range(40, 98)))
    assert problems(flags=[*base, some, more, flag("both", ("some", "on"), ("more", "on"))]) == []
    more = flag("more", *((f"f{number}", "on") for number in range(40, 101)))
    (found,) = problems(flags=[*base, some, more, flag("both", ("some", "on"), ("more", "on"))])
    assert found == "both.prerequisites: are 103 flags in all, at most 100 are allowed"


def test_prerequisites_must_not_go_in_a_circle() -> None:
    circle = [flag("a", ("b", "on")), flag("b", ("c", "on")), flag("c", ("a", "on"))]
    (found,) = problems(flags=circle)
    assert "go in a circle" in found
    assert problems(flags=[flag("a", ("a", "on"))]) == ["a.prerequisites: go in a circle: a → a"]
