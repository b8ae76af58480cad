"""What cannot be carried over exactly is refused with its path and the reason, and stops nothing else."""

import json
from typing import Any

import pytest

from realtime.migration.finishing import import_documents
from realtime.migration.model import ForeignDocument
from realtime.migration.vendors import VENDORS
from tests.support import evidently
from tests.support.paths import ROOT

DEFINITIONS = ROOT / "tests" / "conformance" / "imports" / "definitions"


def read_document(vendor: str) -> Any:
    return json.loads((DEFINITIONS / f"{vendor}.json").read_text())


def unleash(name: str, *strategies: Any, **more: Any) -> Any:
    return {"name": name, "enabled": True, "strategies": list(strategies)} | more


def eppo(kind: str, *conditions: Any) -> Any:
    rules = [{"conditions": list(conditions)}] if conditions else []
    allocation = {"key": "a", "rules": rules, "splits": [{"variationKey": "on", "shards": []}]}
    variations = {"on": {"key": "on", "value": "on"}}
    common = {"key": "f", "enabled": True, "totalShards": 100}
    return common | {"variationType": kind, "variations": variations, "allocations": [allocation]}


def launchdarkly(**more: Any) -> Any:
    return {"key": "f", "on": True, "salt": "s", "variations": [1], "fallthrough": {"variation": 0}} | more


def ask_segment(key: str) -> Any:
    clause = {"attribute": "", "op": "segmentMatch", "values": [key]}
    return launchdarkly(rules=[{"id": "r", "clauses": [clause], "variation": 0}])


def optimizely(**more: Any) -> Any:
    variation = {"id": "v", "key": "v", "featureEnabled": True, "variables": []}
    experiment = {"id": "x", "key": "f", "status": "Running", "variations": [variation], "audienceIds": []}
    return experiment | {"trafficAllocation": [{"entityId": "v", "endOfRange": 10000}]} | more


def statsig(**condition: Any) -> Any:
    fixed = {"type": "user_field", "field": "a", "operator": "any", "targetValue": ["x"]}
    rule = {"id": "r", "passPercentage": 100, "returnValue": True, "conditions": [fixed | condition]}
    return {"name": "f", "salt": "s", "defaultValue": False, "enabled": True, "rules": [rule]}


def configcat(*conditions: Any) -> Any:
    rule = {"c": list(conditions), "s": {"v": {"b": True}, "i": "on"}}
    return {"t": 0, "v": {"b": False}, "i": "off", "r": [rule]}


def flagsmith(**condition: Any) -> Any:
    override = {"key": "o", "name": "f", "enabled": True, "value": 1}
    rule = {"type": "ALL", "conditions": [{"property": "a", "operator": "EQUAL", "value": "1"} | condition]}
    return {"key": "s", "name": "s", "rules": [rule], "overrides": [override]}


def split(*matchers: Any) -> Any:
    group = {"combiner": "AND", "matchers": list(matchers)}
    partitions = [{"treatment": "on", "size": 100}]
    condition = {"conditionType": "ROLLOUT", "label": "l", "matcherGroup": group, "partitions": partitions}
    return {"name": "f", "seed": 1, "algo": 2, "defaultTreatment": "off", "conditions": [condition]}


def posthog(*properties: Any, **more: Any) -> Any:
    group = {"properties": list(properties), "rollout_percentage": None}
    return {"key": "f", "active": True, "filters": {"groups": [group]}} | more


LOT = "draws a lot for each request, so that no answer can be repeated"
NOT_A_PATTERN = {"contextName": "word", "operator": "REGEX", "value": "a(?=b)", "inverted": True}
NO_OPERATOR: dict[str, Any] = {"attribute": "a", "operator": "NEAR", "value": 1}
STATIC = {"key": "id", "type": "cohort", "value": 99}
CASES: list[tuple[str, list[str], Any, tuple[str, str, str]]] = [
    (
        "unleash",
        ["features"],
        unleash("f", {"name": "gradualRolloutRandom", "parameters": {"percentage": "50"}}),
        ("f", "features[f].strategies[0]", LOT),
    ),
    (
        "unleash",
        ["features"],
        {"name": "f", "enabled": True, "strategies": 7},
        ("f", "features[f]", "unknown form"),
    ),
    (
        "unleash",
        ["features"],
        unleash("f", {"name": "default", "constraints": [NOT_A_PATTERN]}),
        (
            "f",
            "features[f].strategies[0].constraints[0]",
            "is no pattern that RE2 takes, and it is not known",
        ),
    ),
    ("eppo", ["flags", "f"], eppo("STRING", NO_OPERATOR), ("f", "flags.f.allocations[0].rules[0]", "'NEAR'")),
    ("eppo", ["flags", "f"], eppo("PICTURE"), ("f", "flags.f.variationType", "'PICTURE' is not known")),
    ("eppo", ["flags", "f"], 7, ("f", "flags.f", "unknown form")),
    (
        "launchdarkly",
        ["segments", "big"],
        {"key": "big", "unbounded": True},
        ("big", "segments.big.unbounded", "is a big segment: its members are not in the document"),
    ),
    (
        "growthbook",
        ["features", "f"],
        {"defaultValue": 1, "rules": [{"condition": {"a": {"$regex": "(?=b)"}}, "force": 2}]},
        ("f", "features.f.rules[0].condition", "look-around"),
    ),
    (
        "flagd",
        ["flags", "f"],
        {"state": "ENABLED", "variants": {"a": 1}, "targeting": {"if": [{"map": [[1], 2]}, "a"]}},
        ("f", "flags.f.targeting", "map has no counterpart here"),
    ),
    (
        "optimizely",
        ["experiments"],
        optimizely(cmab={"attributeIds": []}),
        ("f", "cmab", "a model decides, which is not in the datafile"),
    ),
    (
        "statsig",
        ["feature_gates"],
        statsig(type="environment_field"),
        ("gate:f", "conditions[0]", "asks for the environment of the SDK"),
    ),
    (
        "statsig",
        ["feature_gates"],
        statsig(operator="near"),
        ("gate:f", "conditions[0]", "has the operator near, which is not known"),
    ),
    (
        "configcat",
        ["f", "f"],
        configcat({"u": {"a": "x", "c": 98, "l": ["y"]}}),
        ("f", "c", "the comparator 98 is not known"),
    ),
    (
        "configcat",
        ["f", "f"],
        configcat({"s": {"s": 7, "c": 0}}),
        ("f", "f.f.r[0].c[0].s.s", "is no segment of the document"),
    ),
    (
        "configcat",
        ["f", "f"],
        configcat(),
        ("f", "f.f.r[0].c", "ConfigCat's SDKs disagree"),
    ),
    (
        "eppo",
        ["flags", "f"],
        eppo("STRING", NO_OPERATOR)
        | {"allocations": [{"key": "a", "rules": [{}], "splits": [{"shards": []}]}]},
        ("f", "flags.f", "'conditions' is missing"),
    ),
    (
        "flagsmith",
        ["segments", "s"],
        flagsmith(operator="NEAR"),
        ("s", "segments.s.rules[0].conditions[0].operator", "NEAR is not known"),
    ),
    (
        "split",
        ["splits"],
        split({"matcherType": "IN_LARGE_SEGMENT", "negate": False}),
        ("f", "splits[f].conditions[0].matcherGroup.matchers[0]", "needs data outside of the document"),
    ),
    (
        "posthog",
        ["flags"],
        posthog(STATIC),
        ("f", "properties[0]", "cohort 99 is static: its members are not in the document"),
    ),
    (
        "posthog",
        ["flags"],
        posthog({"key": "d", "operator": "is_date_before", "value": "-7d", "type": "person"}),
        ("f", "value", "-7d is relative to the day"),
    ),
    (
        "posthog",
        ["flags"],
        posthog(ensure_experience_continuity=True),
        ("f", "ensure_experience_continuity", "stor"),
    ),
    (
        "evidently",
        ["features"],
        evidently.feature(evaluationRules=[{"type": evidently.RULES["launch"], "name": "gone"}]),
        ("f", "features[f].evaluationRules[0]", "names the launch gone: add what get_launch answers"),
    ),
]


def add(document: Any, place: list[str], part: Any) -> Any:
    """With one part more, at the end of a list or under a name."""
    holder = document
    for name in place[:-1]:
        holder = holder[name]
    last = place[-1]
    if isinstance(holder.get(last), list):
        holder[last].append(part)
    else:
        holder[last] = part
    return document


@pytest.mark.parametrize(
    ("vendor", "place", "part", "expected"),
    CASES,
    ids=[f"{vendor}: {expected[2][:40]}" for vendor, _, _, expected in CASES],
)
def test_what_has_no_counterpart_is_refused_alone(
    vendor: str, place: list[str], part: Any, expected: tuple[str, str, str]
) -> None:
    before = import_documents(vendor, [read_document(vendor)], {})
    assert before.refusals == []
    imported = import_documents(vendor, [add(read_document(vendor), place, part)], {})
    key, path, reason = expected
    notes = [note for note in imported.refusals if note.key == key]
    assert len(notes) == 1, imported.refusals
    assert path in notes[0].path
    assert reason in notes[0].message
    kept = [definition.data for definition in imported.flags if definition.name != "f"]
    assert kept == [definition.data for definition in before.flags]


def test_what_asks_a_refused_segment_is_refused_too() -> None:
    document = read_document("launchdarkly")
    document["segments"]["big"] = {"key": "big", "unbounded": True}
    document["flags"]["f"] = ask_segment("big")
    imported = import_documents("launchdarkly", [document], {})
    assert {note.key for note in imported.refusals} == {"big", "f"}


def test_every_system_has_a_refusal() -> None:
    assert {vendor for vendor, *_ in CASES} == set(VENDORS)


def ask_flag(other: str) -> Any:
    return configcat({"p": {"f": other, "c": 0, "v": {"b": True}}})


def test_flags_that_ask_one_another_in_a_circle_are_refused() -> None:
    document = read_document("configcat")
    document["f"] |= {"f": ask_flag("g"), "g": ask_flag("f"), "h": ask_flag("f")}
    imported = import_documents("configcat", [document], {})
    assert {note.key for note in imported.refusals} == {"f", "g", "h"}
    assert len(imported.flags) == len(read_document("configcat")["f"])


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("document", [{}, [], None, 7, "text", {"flags": 7}, {"features": 7}])
def test_another_document_is_named(vendor: str, document: Any) -> None:
    with pytest.raises(ForeignDocument) as error:
        import_documents(vendor, [document], {})
    assert VENDORS[vendor].title in str(error.value)


def test_what_is_hidden_or_packed_is_asked_for_in_the_open() -> None:
    with pytest.raises(ForeignDocument, match="obfuscated for clients; download"):
        import_documents("eppo", [{"format": "CLIENT", "flags": {}}], {})
    with pytest.raises(ForeignDocument, match="encrypted"):
        import_documents("growthbook", [{"features": {}, "encryptedFeatures": "x"}], {})


@pytest.mark.parametrize(
    ("vendor", "options", "message"),
    [
        ("flagg", {}, "flagg is not known; did you mean flagd? There are unleash, eppo,"),
        ("flagd", {"fractional": "v4"}, "--option fractional=v4: flagd takes fractional=v1|v2|v3"),
        ("eppo", {"a": "b"}, "--option a=b: eppo takes no options"),
    ],
)
def test_an_unknown_system_or_option_is_named(vendor: str, options: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011
        import_documents(vendor, [{}], options)
    assert str(error.value).startswith(message)
