"""Examples that the parser and the JSON Schema both accept, and mistakes that both refuse."""

from typing import Any

import pytest

from tests.support.definition_schema import find_mistakes, is_parsed

TIME, LATER = "2026-01-31T09:00:00Z", "2026-02-28T09:00:00+01:00"
MD5: dict[str, Any] = {"scheme": "md5-mod", "of": 100}
EVERYBODY: dict[str, Any] = {"id": "r", "rule": {}}
LIST = [{"key": "a", "value": 1, "allocation": "50%"}, {"key": "b", "value": 2, "allocation": 0.5}]


def segment(**fields: Any) -> tuple[str, Any]:
    return "segments", {"key": "s", **fields}


def flag(**fields: Any) -> tuple[str, Any]:
    return "flags", {"key": "f", "variants": {"a": 1, "b": {"value": 2, "weight": 1}}, "rules": [], **fields}


def short_flag(**fields: Any) -> tuple[str, Any]:
    return "flags", {"key": "f", "variants": LIST, "default_variant": "a", **fields}


def experiment(**fields: Any) -> tuple[str, Any]:
    return "experiments", {"key": "e", "variants": {"a": 1, "b": {"weight": 2, "payload": [1]}}, **fields}


def rule(**fields: Any) -> tuple[str, Any]:
    return flag(rules=[{"serve": "a", **fields}])


def targeting(rule: Any, **fields: Any) -> tuple[str, Any]:
    return experiment(targeting_rules={"version": "2.0", "rules": [{"id": "r", "rule": rule}], **fields})


def condition(**fields: Any) -> Any:
    return {"conditions": [{"attribute": "age", "operator": "gte", "value": 18} | fields]}


CONDITIONS: list[Any] = [
    True,
    False,
    [True, {"user": "ada"}],
    {"if": "country", "in": ["DE"]},
    {"if": "account.id", "eq": None},
    {"if": r"a\.b", "eq": {"a": 1}},
    {"if": ["account", "id"], "neq": {"attribute": "owner"}},
    {"if": "version", "gte": "2.3.0", "as": "semver", "missing": True, "unreadable": "unknown"},
    {"if": "version", "lt": 2, "as": "semver"},
    {"if": "age", "between": [18, 65]},
    {"if": "seen", "before": TIME},
    {"if": "seen", "after": {"attribute": "born"}},
    {"if": "email", "ends_with": "@a.de", "as": "fold", "list": "whole"},
    {"if": "tags", "exists": False},
    {"if": "a", "eq": 1, "missing": "pass"},
    {"some": "orders", "where": {"item": "total", "gt": 100}},
    {"some": "tags", "where": {"item": "", "eq": "new"}},
    {"some": ["a", "b"], "where": [{"item": [], "eq": 1}, {"item": ["c", "d"], "eq": 1}]},
    {"user": ["ada", "bob"]},
    {"segment": "staff"},
    {"flag": "g", "variant": "on"},
    {"flag": "g", "variants": ["on", "off"]},
    {"flag": "g", "value": {"a": 1}},
    {"flag": "g", "enabled": True},
    {"all": [{"any": [True]}, {"not": {"not": False}}]},
    {"clock": {"after": TIME, "before": LATER}},
    {"clock": {"days": ["fri", "sat"], "from": "22:00", "until": "24:00", "timezone": "Europe/Berlin"}},
    {"share": "20%", "salt": "beta", "unit": "account", "missing": "unknown"},
    {**MD5, "ranges": [[0, 20], [50, 60]], "closed": True},
    {**MD5, "below": 20, "prefix": "a", "suffix": "b", "unit": ["a", "user_id"], "as": "text"},
    {"scheme": "cbor-murmur32-scaled", "of": 100, "as": "cbor", "below": 20},
    {"if": "tags", "contains_any": ["a"], "list": "whole"},
    {"if": "seen", "in": [TIME], "as": "instant"},
    {"scheme": "realtime-1", "prefix": "flag/f:", "half": "first", "below": 50_000},
    {"scheme": "murmur32-mod", "of": 10, "seed": 7, "below": 5, "missing": {"bucket": 0}},
    {"scheme": "sha1-unit", "ranges": [[0, 0.5]]},
]
GATES: list[Any] = [
    {"traffic": "12.5%"},
    {"traffic": 20, "unit": {"of": [["account", "id"], "user_id"], "missing": "exclude"}},
    {"traffic": {"from": "0%", "to": 100, "start": TIME, "end": LATER}},
    {"layer": "l", "ranges": [["0%", "25%"], [50, 75]]},
    {"holdout": "h", "share": "5%", "missing": "error"},
    {"if": "country", "eq": "DE"},
    False,
]
SERVES: list[Any] = [
    *("a", "next", "default", "none", "error", "split"),
    {"variant": "a", "enabled": False},
    {"split": {"a": 1, "b": "2.5"}},
    {"split": {"a": "20%", "b": "80%"}},
    {"split": [{"to": 30_000, "serve": "a"}, {"rest": True, "serve": "b"}]},
    {"split": [{"ranges": [[0, 5], [8, 10]], "serve": {"flag": "g"}}], "of": MD5},
    {"rules": [{"when": {"segment": "s"}, "serve": "a"}]},
    {"flag": "g"},
    {"experiment": "e"},
]
METRICS: list[Any] = [
    {"event": "purchase"},
    {"event": "Order Completed", "aggregate": "sum", "currency": "EUR", "rates": {"USD": "0.92"}},
    {"event": "purchase", "aggregate": "conversion", "where": {"a": 1, "b": ["x", True], "currency": "EUR"}},
    {"event": "purchase", "window": "14d", "pre_period": "36h", "cap": "99%", "minimum_effect": 0.02},
    {"numerator": {"event": "a", "aggregate": "sum"}, "denominator": {"event": "a"}, "better": "down"},
]
ANALYSES: list[Any] = [
    {},
    {"control": "b", "anchor": "exposure", "primary": ["m"], "secondary": ["n"], "alpha": "5%", "power": 0.9},
    {"guardrails": [{"metric": "m", "margin": "3%"}], "sequential": False, "planned_users": 40_000},
]
ACCEPTED: list[tuple[str, Any]] = [
    *(segment(when=each) for each in CONDITIONS),
    *(experiment(when=each) for each in CONDITIONS[:5]),
    *(rule(when=each) for each in CONDITIONS[:5]),
    *(rule(gates=[each]) for each in GATES),
    *(experiment(gates=[each]) for each in GATES),
    *(flag(variants=LIST, rules=[{"serve": each}]) for each in SERVES),
    rule(id="first", description="Why.", unit="account", gates=[True], **{"else": "none"}),
    *(flag(unit=each) for each in ("account.id", ["a", "b"], {"of": "a", "missing": {"bucket": 5}})),
    *(flag(default=each) for each in ("a", "none", {"variant": "b"}, None)),
    *(each(approvals=1) for each in (flag, experiment)),
    flag(variants=LIST, alias="A flag", tags=["a"], owner="team", type="any", default_variant="a"),
    flag(variants={"a": {"value": {"weight": 1}}, "b": {"weight": 1, "size": 2}, "c": {}}),
    ("flags", {"key": "f", "rules": [{"serve": "on"}]}),
    ("flags", {"key": "f", "type": "boolean", "rollout_percentage": "0.5%", "bucket_by": "account.id"}),
    short_flag(rollout_schedule=[{"at": TIME, "percentage": "50%"}], end_at=LATER, tracking_sample="10%"),
    short_flag(rollout_ramp={"from": 0, "to": "100%", "start": TIME, "end": "2027-01-31T09:00:00+01:00"}),
    short_flag(layer={"key": "l", "start": "0%", "end": "50%"}, holdout={"key": "h", "share": "5%"}),
    short_flag(changes=[{"at": TIME, "set": {"enabled": False}}]),
    short_flag(prerequisites=[{"flag": "g", "variants": ["on"]}]),
    experiment(status="completed", serve="a", start_at=TIME, traffic_allocation="80%", metrics=["a:b"]),
    experiment(variants=[{"key": "a", "allocation": "33.3%"}, {"key": "b", "allocation": 0.667}]),
    experiment(variants={"a": "20%", "b": "80%"}),
    *(experiment(analysis={"metrics": [{"key": "m", **each}]}) for each in METRICS),
    *(experiment(analysis=each) for each in ANALYSES),
    segment(include=["ada"], exclude=["bob"], when=True, share="20%", unit="account", salt="s2"),
    targeting({}, default_rule=None, unknown=1),
    targeting({"operator": "not", "groups": [condition()], "conditions": []}),
    targeting(condition(operator="in", value=[1], attribute_type="number", note="x")),
    targeting(condition(operator="between", additional_value=20, validation_schema=None)),
    targeting(condition(operator="percentage_bucket", value="20%")),
    short_flag(targeting_rules={"rules": [EVERYBODY | {"variant": "a", "rollout_percentage": "50%"}]}),
    short_flag(targeting_rules={"rules": [EVERYBODY | {"allocation": {"a": "50%", "b": 0.5}}]}),
]


@pytest.mark.parametrize(("kind", "definition"), ACCEPTED)
def test_both_accept(kind: str, definition: Any) -> None:
    assert is_parsed(kind, definition)
    assert find_mistakes({kind: [definition]}) == []


WRONG_CONDITIONS: list[Any] = [
    *(None, "true", 1, [], {}, {"all": []}, {"not": []}),
    {"fi": "country", "eq": "DE"},
    {"if": "country"},
    {"if": "country", "equals": "DE"},
    {"if": "country", "eq": "DE", "neq": "FR"},
    {"if": "country", "in": "DE"},
    {"if": "country", "eq": "DE", "segment": "s"},
    {"if": "country", "starts_with": ["D"]},
    {"if": "country", "eq": "DE", "as": "txt"},
    {"if": "country", "eq": "DE", "missing": "maybe"},
    {"if": "country", "eq": "DE", "unreadable": "pass"},
    {"if": "country", "eq": "DE", "list": "all"},
    {"if": "country", "eq": {"attribute": "b", "as": "text"}},
    {"if": "country", "exists": "yes"},
    {"if": "country", "exists": True, "missing": True},
    *({"if": attribute, "eq": 1} for attribute in ("", "a..b", [], ["a", ""], 5)),
    {"if": "age", "between": [18]},
    {"if": "age", "gt": True},
    {"if": "seen", "before": "2026-01-31"},
    {"some": "orders"},
    {"user": 5},
    {"segment": "no key"},
    {"flag": "g"},
    {"flag": "g", "variant": "on", "enabled": True},
    {"clock": {}},
    {"clock": {"days": ["monday"]}},
    {"clock": {"from": "9:00"}},
    {"clock": {"after": "2026-01-31T09:00Z"}},
    {"share": "20%"},
    {"share": "120%", "salt": "a"},
    {"share": "20%", "salt": "a", "as": "text"},
    {"if": "country", "item": "country", "eq": 1},
    {"if": "country", "eq": "DE", "as": None},
    *({"if": "country", "eq": "DE", "as": reader} for reader in ("cbor", "identity-1.0")),
    *({"if": "country", "eq": "DE", "missing": value} for value in (1, 1.0, 0, None)),
    {"if": "tags", "contains_any": ["a"], "list": 17},
    {"if": "tags", "contains_any": ["a"], "list": "any"},
    {"if": "email", "matches": {"attribute": "pattern"}},
    {"if": "seen", "in": "now - 7d", "as": "instant"},
    {"segment": "s", "user": "ada"},
    *({"scheme": scheme, "below": 5} for scheme in ([1], {"a": 1}, None)),
    {**MD5, "below": 5, "as": "semver"},
    {**MD5, "below": 5, "as": "cbor"},
    {**MD5, "below": 5, "closed": "no"},
    {"scheme": "cbor-murmur32-scaled", "of": 100, "below": 20},
    {"scheme": "md4-mod", "below": 5},
    {"scheme": "md5-mod", "below": 5},
    {**MD5, "below": 5, "seed": 1},
    {**MD5, "below": 5, "ranges": []},
    {**MD5},
    {**MD5, "below": 5, "missing": "out"},
]
WRONG_GATES: list[Any] = [
    {"traffic": "20"},
    {"traffic": {"from": "0%", "to": "100%"}},
    {"traffic": "20%", "layer": "l"},
    {"traffic": "20%", "as": "text"},
    {"traffic": "20%", "if": "country", "eq": "DE"},
    {"layer": "l"},
    {"layer": "l", "ranges": [["0%"]]},
    {"holdout": "h"},
    "everybody",
]
WRONG_SERVES: list[Any] = [
    *(None, 5, {}, "no variant", {"word": "a"}, {"variant": "a", "split": {"a": 1}}),
    {"split": {}},
    {"split": {"a": -1}},
    {"split": {"a": 1}, "of": MD5},
    {"split": [{"to": 5}]},
    {"split": [{"to": 5, "rest": True, "serve": "a"}]},
    {"split": [{"to": 5, "serve": "a"}], "of": {"scheme": "md5-mod", "of": 100, "below": 5}},
    {"flag": "g", "variant": "on"},
    {"rules": {}},
    {"split": [{"rest": False, "serve": "a"}]},
    {"split": [{"to": 5, "serve": "a"}], "of": {"scheme": [1]}},
]
WRONG_UNITS: list[Any] = [5, [], {"missing": "error"}, {"of": "a", "missing": "out"}]
WRONG_METRICS: list[Any] = [
    {},
    {"event": ""},
    {"numerator": {"event": "a"}},
    *({"event": "a", "window": each} for each in ("14", "2w", "0d", 14, "1.5d")),
    *({"event": "a", "cap": each} for each in (1, "x%", 0.2)),
    {"event": "a", "aggregate": "mean"},
    {"event": "a", "aggregate": "sum", "currency": "eur"},
    {"event": "a", "aggregate": "sum", "currency": "EUR", "rates": {"USD": 1.1}},
    *({"event": "a", "where": {"b": each}} for each in (None, {"c": 1}, [], [[1]])),
    {"event": "a", "widow": "14d"},
    {"event": "a", "minimum_effect": 0},
]
WRONG_ANALYSES: list[Any] = [
    {"primary": "m"},
    {"guardrails": ["m"]},
    {"guardrails": [{"metric": "m"}]},
    {"guardrails": [{"metric": "m", "margin": 1}]},
    {"alpha": 0.5},
    {"planned_users": 1},
    {"targets": []},
]
REFUSED: list[tuple[str, Any]] = [
    *(experiment(analysis={"metrics": [{"key": "m", **each}]}) for each in WRONG_METRICS),
    *(experiment(analysis=each) for each in WRONG_ANALYSES),
    *(segment(when=each) for each in WRONG_CONDITIONS),
    *(rule(when=each) for each in WRONG_CONDITIONS[:10]),
    *(rule(gates=[each]) for each in WRONG_GATES),
    *(flag(rules=[{"serve": each}]) for each in WRONG_SERVES),
    flag(rules=[{"when": True}]),
    rule(gates=True),
    rule(wen=True),
    rule(id=""),
    *(rule(description=each) for each in (None, 5, ["a"])),
    *(flag(variants=each) for each in (0, "", None, False)),
    flag(variants={"a": {"key": "b", "value": 1}}),
    *(flag(variants={"a": each}) for each in ({"allocation": 0.5}, {"name": "A"}, {"value": 1, "wieght": 1})),
    flag(unit=None),
    flag(rules=None, variants=LIST, default_variant="a"),
    *(flag(unit=each) for each in WRONG_UNITS),
    flag(default=5),
    flag(rules={}),
    flag(rules=[], rollout_percentage=50),
    flag(rules=[], targeting_rules={}),
    ("flags", {"key": "f"}),
    ("flags", {"key": "f", "type": "bool"}),
    ("flags", {"key": "f", "type": "boolean", "rollout_percentge": 50}),
    short_flag(default="a"),
    short_flag(rollout_percentage="50"),
    short_flag(rollout_percentage=101),
    short_flag(end_at="2026-01-31"),
    *(short_flag(end_at=each) for each in (1_700_000_000, "1700000000", "2026-01-31T09:00:00")),
    short_flag(changes=[{"at": 1_700_000_000, "set": {"enabled": False}}]),
    short_flag(rollout_ramp=None),
    short_flag(enabled="yes"),
    *(experiment(approvals=each) for each in (2, -1, True, "1", None)),
    segment(approvals=1),
    short_flag(overrides={"ada": 1}),
    experiment(variants={}),
    *(experiment(variants={"a": each, "b": 1}) for each in (None, "20", -1, {"key": "b", "weight": 1})),
    experiment(unit=None),
    experiment(traffic_allocation=80),
    experiment(status="running"),
    experiment(layer={"key": "l", "start": 0}),
    segment(key="a key"),
    segment(share="x%"),
    *(segment(**{name: None}) for name in ("share", "unit", "when")),
    segment(rules=[]),
    targeting({"operator": "xor"}),
    targeting(condition(operator="equals")),
    targeting(condition(operator="in")),
    targeting(condition(operator="between")),
    targeting(condition(attribute="a-b")),
    targeting({"conditions": [{"attribute": "a", "operator": "eq"}]}),
    targeting({}, version=2.0),
    targeting(None),
    short_flag(targeting_rules=None),
    short_flag(targeting_rules={"rules": [EVERYBODY | {"allocation": None}]}),
    *(experiment(**{name: None}) for name in ("targeting_rules", "layer", "holdout")),
]


@pytest.mark.parametrize(("kind", "definition"), REFUSED)
def test_both_refuse(kind: str, definition: Any) -> None:
    assert not is_parsed(kind, definition)
    assert find_mistakes({kind: [definition]})


@pytest.mark.parametrize("document", [{"flag": []}, {"flags": {}}, {"flags": None}, [], None])
def test_a_file_has_lists_of_definitions_only(document: Any) -> None:
    assert find_mistakes(document)


def test_a_file_may_name_its_schema_and_hold_anchors() -> None:
    assert find_mistakes({"$schema": "schema.json", "x-anchors": [1], "flags": [], "segments": []}) == []
