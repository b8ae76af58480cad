"""What `publish` refuses about a set of definitions."""

from collections.abc import Sequence
from typing import Any

import pytest

from chalicelib.domain.definitions.compiler import parse_experiment, parse_flag, parse_segment
from chalicelib.domain.definitions.consistency import check_set
from chalicelib.domain.definitions.schema import Definition
from chalicelib.domain.errors import InvalidInput
from tests.support.experiments import document


def find_problems(
    experiments: Sequence[dict[str, Any]] = (),
    flags: Sequence[dict[str, Any]] = (),
    segments: Sequence[dict[str, Any]] = (),
) -> list[str]:
    documents: list[Definition] = [
        *map(parse_experiment, experiments),
        *map(parse_flag, flags),
        *map(parse_segment, segments),
    ]
    return [f"{key}.{problem}" for (_, key), problem in check_set(documents)]


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


# What written rules refer to


def make_ruled(key: str, when: Any = True, serve: Any = "on", **fields: Any) -> dict[str, Any]:
    return {"key": key, "rules": [{"when": when, "serve": serve}]} | fields


def make_segment(key: str, when: Any = True) -> dict[str, Any]:
    return {"key": key, "when": when}


IN_GERMANS = {"segment": "germans"}
NAMED = {"plain": {"value": 1, "name": "Plain"}, "loud": {"value": 2}, "silent": {"value": 3, "name": None}}

FAULTS: dict[str, tuple[dict[str, list[dict[str, Any]]], list[str]]] = {
    "unknown segment": (
        {"flags": [make_ruled("f", {"segment": "germnas"})], "segments": [make_segment("germans")]},
        ["f.rules[0].when.segment: there is no segment 'germnas'; did you mean germans?"],
    ),
    "unknown segment of an experiment": (
        {"experiments": [document("e", when={"all": [True, IN_GERMANS]})]},
        ["e.when.all[1].segment: there is no segment 'germans'"],
    ),
    "unknown segment in a gate": (
        {"experiments": [document("e", gates=[{"not": IN_GERMANS}])]},
        ["e.gates[0].not.segment: there is no segment 'germans'"],
    ),
    "unknown segment of a segment": (
        {"segments": [make_segment("s", {"any": [IN_GERMANS, IN_GERMANS]})]},
        ["s.when.any[0].segment: there is no segment 'germans'"],
    ),
    "a segment does not exist because a flag has its name": (
        {"flags": [make_ruled("germans", IN_GERMANS)]},
        ["germans.rules[0].when.segment: there is no segment 'germans'"],
    ),
    "unknown flag in a condition": (
        {"segments": [make_segment("s", {"flag": "chekout", "value": 1})], "flags": [make_ruled("checkout")]},
        ["s.when.flag: there is no flag 'chekout'; did you mean checkout?"],
    ),
    "unknown flag that is served": (
        {"flags": [make_ruled("f", serve={"flag": "gone"})]},
        ["f.rules[0].serve.flag: there is no flag 'gone'"],
    ),
    "unknown experiment that is served": (
        {"flags": [make_ruled("f", serve={"experiment": "chekout"})], "experiments": [document("checkout")]},
        ["f.rules[0].serve.experiment: there is no experiment 'chekout'; did you mean checkout?"],
    ),
    "unknown variant": (
        {"flags": [make_ruled("f", {"flag": "g", "variants": ["on", "of"]}), make_ruled("g")]},
        ["f.rules[0].when.variants[1]: flag 'g' has no variant 'of'; it has on, off; did you mean off?"],
    ),
    "unknown variant in an experiment": (
        {"flags": [make_ruled("g")], "experiments": [document("e", when={"flag": "g", "variant": "blue"})]},
        ["e.when.variant: flag 'g' has no variant 'blue'; it has on, off"],
    ),
    "a variant by its key that callers know by another name": (
        {
            "flags": [
                make_ruled("f", {"flag": "g", "variant": "plain"}),
                {"key": "g", "rules": [], "variants": NAMED},
            ]
        },
        ["f.rules[0].when.variant: flag 'g' has no variant 'plain'; it has Plain, loud; did you mean Plain?"],
    ),
    "a prerequisite's variant by its key that callers know by another name": (
        {
            "flags": [
                make_flag("f", ("g", "plain")),
                {"key": "g", "rules": [], "variants": NAMED},
            ]
        },
        [
            "f.prerequisites[0].variants: flag 'g' has no variant 'plain'; it has Plain, loud; "
            "did you mean Plain?"
        ],
    ),
    "a flag that serves one of another type": (
        {"flags": [make_ruled("f", serve={"flag": "g"}), make_ruled("g", serve="x", variants={"x": 1.5})]},
        [
            "f.rules[0].serve.flag: flag 'g' is of type float, and this flag of type boolean; "
            "one of them must be of type any"
        ],
    ),
    "another type, served deep inside of a rule": (
        {
            "flags": [
                make_ruled(
                    "f",
                    serve={
                        "rules": [
                            {
                                "serve": {
                                    "split": [{"rest": True, "serve": {"flag": "g"}}],
                                    "of": {"scheme": "realtime-1", "prefix": "x:", "half": "first"},
                                }
                            }
                        ]
                    },
                ),
                make_ruled("g", serve="x", variants={"x": "text"}),
            ]
        },
        [
            "f.rules[0].serve.rules[0].serve.split[0].serve.flag: flag 'g' is of type string, "
            "and this flag of type boolean; one of them must be of type any"
        ],
    ),
    "segments in a circle": (
        {"segments": [make_segment("a", {"segment": "b"}), make_segment("b", {"not": {"segment": "a"}})]},
        ["a.when.segment: goes in a circle: a → b → a"],
    ),
    "a segment of itself": (
        {"segments": [make_segment("a", {"segment": "a"})]},
        ["a.when.segment: goes in a circle: a → a"],
    ),
    "a circle through a prerequisite, a condition and a serve": (
        {
            "flags": [
                make_flag("a", ("b", "on")),
                make_ruled("b", {"flag": "c", "enabled": True}),
                make_ruled("c", serve={"flag": "a"}),
            ]
        },
        ["a.prerequisites: go in a circle: a → b → c → a"],
    ),
    "a circle through a segment and an experiment": (
        {
            "flags": [make_ruled("f", serve={"experiment": "e"})],
            "experiments": [document("e", when={"segment": "s"})],
            "segments": [make_segment("s", {"flag": "f", "enabled": True})],
        },
        ["e.when.segment: goes in a circle: experiment e → segment s → flag f → experiment e"],
    ),
    "a layer's range that an experiment and a flag own": (
        {
            "experiments": [make_layered("e", 0, 0.5)],
            "flags": [make_flag("f") | {"layer": {"key": "checkout", "start": 0.4, "end": 1}}],
        },
        ["f.layer: overlaps experiment 'e', which owns [0.0, 0.5) of 'checkout'"],
    ),
    "a layer's range in a gate of a flag": (
        {
            "experiments": [make_layered("e", 0.6, 1)],
            "flags": [
                make_ruled("f")
                | {
                    "rules": [
                        {
                            "gates": [{"layer": "checkout", "ranges": [["0%", "20%"], ["50%", "70%"]]}],
                            "serve": "on",
                        }
                    ]
                }
            ],
        },
        ["e.layer: overlaps flag 'f', which owns [0.5, 0.7) of 'checkout'"],
    ),
    "a layer's range in a gate of an experiment": (
        {
            "experiments": [
                document("d", gates=[{"layer": "checkout", "ranges": [["0%", "10%"], ["90%", "100%"]]}]),
                make_layered("e", 0.05, 0.5),
            ],
        },
        ["e.layer: overlaps experiment 'd', which owns [0.0, 0.1) of 'checkout'"],
    ),
    "a flag's holdout has the share that experiments give it": (
        {
            "experiments": [make_held_out("e", 0.05)],
            "flags": [make_flag("f") | {"holdout": {"key": "q1", "share": 0.1}}],
        },
        ["f.holdout.share: must be 0.05, the share of holdout 'q1' in experiment 'e'"],
    ),
    "an alias that is another's key": (
        {"flags": [make_flag("a") | {"alias": "b"}, make_flag("b")]},
        ["a.alias: 'b' is the key of another flag"],
    ),
    "an alias that is another's alias": (
        {"experiments": [document("a", alias="Grüner Knopf"), document("b", alias="Grüner Knopf")]},
        ["b.alias: 'Grüner Knopf' is the alias of experiment 'a' already"],
    ),
}


@pytest.mark.parametrize(("documents", "problems"), FAULTS.values(), ids=FAULTS)
def test_a_fault_between_definitions_is_refused_with_its_place(
    documents: dict[str, list[dict[str, Any]]], problems: list[str]
) -> None:
    assert find_problems(**documents) == problems


SOUND: dict[str, dict[str, list[dict[str, Any]]]] = {
    "a segment that others use twice": {
        "segments": [
            make_segment("germans"),
            make_segment("a", IN_GERMANS),
            make_segment("b", {"all": [IN_GERMANS, {"segment": "a"}]}),
        ],
        "flags": [make_ruled("f", {"any": [{"segment": "a"}, {"segment": "b"}]})],
        "experiments": [document("e", when={"segment": "b"})],
    },
    "a variant by the name that callers are told": {
        "flags": [
            make_ruled("f", {"flag": "g", "variants": ["Plain", "loud"]}),
            {"key": "g", "rules": [], "variants": NAMED},
        ]
    },
    "a variant of a flag that is served": {
        "flags": [
            make_ruled("f", {"flag": "outer", "variants": ["loud", "Plain", "treatment"]}),
            make_ruled("outer", serve={"flag": "inner"}, type="any"),
            {"key": "inner", "rules": [{"serve": {"experiment": "e"}}], "variants": NAMED},
        ],
        "experiments": [document("e")],
    },
    "an experiment and its winner as a flag": {
        "flags": [make_ruled("f", {"flag": "g", "value": "x"}, {"experiment": "e"}), make_ruled("g")],
        "experiments": [document("e", when={"flag": "g", "enabled": True})],
    },
    "a flag whose rules have one range as their gate": {
        "flags": [
            make_ruled("f")
            | {
                "rules": [
                    {"when": when, "gates": [{"layer": "l", "ranges": [["0%", "50%"]]}], "serve": "on"}
                    for when in ({"user": "ada"}, True)
                ],
                "layer": {"key": "l", "start": 0, "end": 0.5},
            },
            make_flag("g") | {"layer": {"key": "l", "start": 0.5, "end": 1}},
        ]
    },
    "one alias of a flag and of an experiment, and one that is its own key": {
        "flags": [make_flag("a") | {"alias": "x"}, make_flag("b") | {"alias": "b"}],
        "experiments": [document("x", alias="a")],
    },
}


@pytest.mark.parametrize("documents", SOUND.values(), ids=SOUND)
def test_a_sound_set_is_accepted(documents: dict[str, list[dict[str, Any]]]) -> None:
    assert find_problems(**documents) == []


def test_a_wide_range_of_the_same_definition_hides_no_overlap_with_another() -> None:
    gate = {"layer": "checkout", "ranges": [["0%", "90%"], ["10%", "95%"]]}
    problems = find_problems(
        [make_layered("narrow", 0.05, 0.2), document("wide", gates=[gate]), make_layered("late", 0.91, 1)]
    )
    assert [problem.partition(",")[0] for problem in problems] == [
        "narrow.layer: overlaps experiment 'wide'",
        "wide.gates[0].ranges: overlaps experiment 'narrow'",
        "late.layer: overlaps experiment 'wide'",
    ]


def test_segments_and_other_references_count_as_levels_and_definitions() -> None:
    chain = [make_segment(f"s{number}", {"segment": f"s{number + 1}"}) for number in range(19)]
    base = make_segment("s19")
    flag = make_ruled("f", {"segment": "s0"})
    assert find_problems(segments=[*chain, base], flags=[flag]) == []
    (problem,) = find_problems(segments=[*chain, base], flags=[flag, make_flag("g", ("f", "on"))])
    assert problem == "g.prerequisites: are 21 levels deep, at most 20 are allowed"
    (problem,) = find_problems(segments=[*chain, base], flags=[flag, make_ruled("g", serve={"flag": "f"})])
    assert problem == "g.rules[0].serve.flag: leads 21 levels deep, at most 20 are allowed"
    many = [make_segment(f"s{number}") for number in range(101)]
    asked = {"any": [{"segment": segment["key"]} for segment in many]}
    (problem,) = find_problems(segments=many, flags=[make_ruled("f", asked)])
    assert (
        problem == "f.rules[0].when.any[0].segment: leads to 101 definitions in all, at most 100 are allowed"
    )


def test_the_rules_of_a_flag_that_is_off_are_checked_too() -> None:
    with pytest.raises(InvalidInput, match="not valid"):
        parse_flag(make_ruled("f", {"segment": 1}, enabled=False))
    assert find_problems(flags=[make_ruled("f", {"segment": "gone"}, enabled=False)]) != []
