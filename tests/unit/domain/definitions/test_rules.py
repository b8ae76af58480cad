"""Rules as people write them: what each part means, and the path and fix of each mistake."""

from collections import Counter
from functools import cache
from typing import Any

import pytest

from chalicelib.domain.bucketing import compute_bucket, compute_halves
from chalicelib.domain.definitions.compiler import (
    compile_segment,
    parse_experiment,
    parse_flag,
    parse_segment,
)
from chalicelib.domain.definitions.model import Evaluation, Flag
from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.evaluation import evaluate
from chalicelib.domain.general_form.state import Condition, State
from tests.support.experiments import document as experiment_document
from tests.support.flags import flag

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z, a Friday
CONTEXT: dict[str, Any] = {
    "user_id": "ada",
    "country": "DE",
    "app-version": "2.4",
    "$browser": "Firefox",
    "plan tier": "gold",
    "a/b": 1,
    "account": {"id": "acme", "seats": 12, "tags": ["eu", "pilot"]},
    "roles": ["editor", "admin"],
    "orders": [{"sku": "A-1", "total": 10}, {"sku": "B-2", "total": 99}],
    "ip": "10.1.2.3",
    "email": "Ada@Example.com",
    "signed_up": "2027-01-10T08:00:00Z",
    "spent": 100,
    "budget": 80,
    "nothing": None,
    "dotted.name": "yes",
}
SEGMENTS: dict[str, dict[str, Any]] = {
    "germans": {"when": {"if": "country", "eq": "DE"}},
    "staff": {"include": ["eve"], "exclude": ["ada"], "when": True},
    "nested": {"when": [{"segment": "germans"}, {"not": {"segment": "staff"}}]},
    "half": {"when": True, "share": "50%"},
}
OTHER = flag("other", type="string", variants={"red": "#f00", "blue": "#00f"}, default_variant="red")


@cache
def compile_segments() -> dict[str, Condition]:
    return {
        key: compile_segment(parse_segment({"key": key, **fields})).condition
        for key, fields in SEGMENTS.items()
    }


OTHERS = {"other": OTHER, "off": flag("off", enabled=False)}


def ask(asked: Flag, user: str | None = "ada", now: float = NOW, **context: Any) -> Evaluation:
    state = State(now, OTHERS.get, compile_segments().get)
    return evaluate(asked, user, {**CONTEXT, **context}, now, OTHERS.get, state)


def holds(condition: Any, user: str | None = "ada", now: float = NOW, **context: Any) -> bool:
    rules = [{"when": condition, "serve": "on"}, {"serve": "off"}]
    return ask(flag(rules=rules, default="off"), user, now, **context).variant == "on"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (True, True),
        (False, False),
        ({"if": "country", "eq": "DE"}, True),
        ({"if": "country", "neq": "DE"}, False),
        ({"if": "app-version", "gte": "2.3.0", "as": "semver"}, True),
        ({"if": "app-version", "lt": "2.10", "as": "semver"}, True),
        ({"if": "$browser", "in": ["Firefox", "Chrome"]}, True),
        ({"if": "plan tier", "eq": "gold"}, True),
        ({"if": "a/b", "eq": 1}, True),
        ({"if": "a/b", "eq": True}, False),
        ({"if": "account.id", "eq": "acme"}, True),
        ({"if": ["account", "id"], "eq": "acme"}, True),
        ({"if": r"account\.id", "eq": "acme"}, False),
        ({"if": r"dotted\.name", "eq": "yes"}, True),
        ({"if": "dotted.name", "eq": "yes"}, True),
        ({"if": "account.seats", "between": [10, 20]}, True),
        # Lists: an element is enough, and a negation wants none.
        ({"if": "roles", "in": ["admin"]}, True),
        ({"if": "roles", "eq": "editor"}, True),
        ({"if": "roles", "not_in": ["admin"]}, False),
        ({"if": "roles", "neq": "admin"}, False),
        ({"if": "roles", "not_in": ["owner"]}, True),
        ({"if": "roles", "eq": ["editor", "admin"], "list": "whole"}, True),
        ({"if": "roles", "contains_any": ["admin", "owner"]}, True),
        ({"if": "roles", "contains_all": ["admin", "owner"]}, False),
        ({"if": "roles", "subset_of": ["admin", "editor", "owner"]}, True),
        ({"if": "account.tags", "in": ["pilot"]}, True),
        # What is missing meets nothing, a negation neither, unless it is written.
        ({"if": "gone", "eq": "x"}, False),
        ({"if": "gone", "neq": "x"}, False),
        ({"if": "gone", "neq": "x", "missing": True}, True),
        ({"if": "nothing", "not_in": ["x"]}, False),
        ({"if": "gone", "eq": "x", "missing": True}, True),
        ({"if": "country", "gt": 5, "unreadable": True}, True),
        ({"not": {"if": "gone", "eq": "x", "missing": "unknown"}}, False),
        ({"not": {"if": "gone", "eq": "x"}}, True),
        ({"if": "gone", "exists": False}, True),
        ({"if": "account.id", "exists": True}, True),
        ({"if": "nothing", "exists": True}, False),
        # Texts, numbers, networks.
        ({"if": "email", "ends_with": "@example.com", "as": "fold"}, True),
        ({"if": "email", "contains": "example"}, False),
        ({"if": "email", "not_contains": "example"}, True),
        ({"if": "email", "matches": "^Ada@"}, True),
        ({"if": "ip", "cidr": "10.0.0.0/8"}, True),
        ({"if": "ip", "cidr": ["192.168.0.0/16", "10.1.2.3"]}, True),
        ({"if": "ip", "not_cidr": "10.0.0.0/8"}, False),
        ({"if": "spent", "modulo": [7, 2]}, True),
        ({"if": "spent", "gt": {"attribute": "budget"}}, True),
        ({"if": "budget", "gte": {"attribute": "spent"}}, False),
        ({"if": "country", "gte": "DA"}, True),
        ({"if": "app-version", "in_range": ">=2.3.0 <3.0.0"}, True),
        ({"if": "app-version", "in_range": "<2.0.0 || >=2.5.0"}, False),
        ({"if": "app-version", "not_in_range": "<2.0.0"}, True),
        ({"if": "roles", "same_as": ["admin", "editor"]}, True),
        ({"if": "roles", "same_as": ["admin"]}, False),
        ({"if": "spent", "type": "integer"}, True),
        ({"if": "roles", "type": "string"}, False),
        # Times.
        ({"if": "signed_up", "after": "2027-01-01T00:00:00Z"}, True),
        ({"if": "signed_up", "before": "2027-01-01T00:00:00Z"}, False),
        ({"if": "signed_up", "after": "now - 7d"}, True),
        ({"if": "signed_up", "after": "now - 3d"}, False),
        ({"if": "signed_up", "before": "now"}, True),
        ({"if": "signed_up", "before": "now + 2h"}, True),
        ({"clock": {"after": "2027-01-15T08:00:00Z"}}, True),
        ({"clock": {"before": "2027-01-15T08:00:00Z"}}, False),
        ({"clock": {"days": ["fri"], "from": "08:00", "until": "09:00"}}, True),
        ({"clock": {"days": ["fri"], "from": "08:00", "until": "09:00", "timezone": "Asia/Tokyo"}}, False),
        # Trees, users, segments, flags, elements.
        ([{"if": "country", "eq": "DE"}, {"if": "a/b", "eq": 1}], True),
        ({"any": [{"if": "country", "eq": "FR"}, {"if": "a/b", "eq": 1}]}, True),
        ({"all": [{"if": "country", "eq": "FR"}, {"if": "a/b", "eq": 1}]}, False),
        ({"user": "ada"}, True),
        ({"user": ["bob", "eve"]}, False),
        ({"segment": "germans"}, True),
        ({"segment": "staff"}, False),
        ({"segment": "nested"}, True),
        ({"flag": "other", "variant": "blue"}, True),
        ({"flag": "other", "variants": ["red"]}, False),
        ({"flag": "other", "value": "#00f"}, True),
        ({"flag": "off", "enabled": False}, True),
        ({"some": "orders", "where": {"item": "sku", "starts_with": "B"}}, True),
        (
            {"some": "orders", "where": [{"item": "sku", "eq": "A-1"}, {"item": "total", "gt": 50}]},
            False,
        ),
        ({"some": "roles", "where": {"item": "", "eq": "admin"}}, True),
        ({"share": "100%", "salt": "x"}, True),
        ({"share": "0%", "salt": "x"}, False),
    ],
)
def test_conditions(condition: Any, expected: bool) -> None:
    assert holds(condition) is expected


def test_a_share_is_the_users_of_its_salt() -> None:
    for number in range(200):
        user = f"u{number}"
        is_inside = compute_bucket(compute_halves("rule/beta:", user)[0]) < 20_000
        assert holds({"share": "20%", "salt": "beta"}, user) is is_inside


def test_a_segment_may_have_a_share_of_its_users() -> None:
    inside = sum(holds({"segment": "half"}, f"u{n}") for n in range(1_000))
    assert abs(inside / 1_000 - 0.5) < 0.06


# Rules.


def answers(users: int = 1_000, **fields: Any) -> Counter[str | None]:
    asked = flag(**fields)
    return Counter(ask(asked, f"u{n}", user_id=f"u{n}").variant for n in range(users))


def test_a_rollout_is_a_gate_with_an_else() -> None:
    rules = [{"gates": [{"traffic": "10%"}], "serve": "on", "else": "off"}]
    written, short = flag("f", rules=rules), flag("f", rollout_percentage=10)
    for number in range(500):
        assert ask(written, f"u{number}").variant == ask(short, f"u{number}").variant


def test_the_weights_of_a_split_are_relative_and_its_buckets_those_of_the_short_form() -> None:
    split = {"split": {"a": 1, "b": 1, "c": 1}}
    shares = [{"key": key, "value": key, "weight": 1} for key in "abc"]
    written = flag("f", rules=[{"serve": split}], variants={"a": "a", "b": "b", "c": "c"})
    word = flag("f", rules=[{"serve": "split"}], variants=shares)
    short = flag("f", type="string", variants=shares, default_variant="a")
    for number in range(500):
        user = f"u{number}"
        assert ask(written, user).variant == ask(short, user).variant == ask(word, user).variant


def test_gates_are_all_wanted_and_else_says_what_happens_otherwise() -> None:
    gates = [{"layer": "l", "ranges": [["0%", "50%"]]}, {"holdout": "h", "share": "10%"}, {"traffic": "50%"}]
    rules: list[dict[str, Any]] = [{"id": "gated", "gates": gates, "serve": "on"}, {"serve": "off"}]
    seen = answers(4_000, rules=rules)
    assert abs(seen["on"] / 4_000 - 0.5 * 0.9 * 0.5) < 0.03
    assert answers(rules=[rules[0] | {"else": "none"}, {"serve": "off"}])[None] > 700
    stopped = answers(rules=[rules[0] | {"else": "default"}, {"serve": "on"}], default="off")
    assert stopped["off"] > 700


def test_a_layer_may_have_several_ranges() -> None:
    owned = [["0%", "10%"], ["60%", "70%"]]
    asked = flag(rules=[{"gates": [{"layer": "l", "ranges": owned}], "serve": "on", "else": "off"}])
    for number in range(500):
        bucket = compute_bucket(compute_halves("layer/l:", f"u{number}")[0])
        is_owned = bucket < 10_000 or 60_000 <= bucket < 70_000
        assert ask(asked, f"u{number}").variant == ("on" if is_owned else "off")


def test_traffic_may_grow_with_the_clock() -> None:
    ramp = {"from": "0%", "to": "100%", "start": "2027-01-15T08:00:00Z", "end": "2027-01-16T08:00:00Z"}
    asked = flag(rules=[{"gates": [{"traffic": ramp}], "serve": "on", "else": "off"}])
    short = flag(rollout_ramp=ramp)
    inside: set[str] = set()
    for hour, share in ((-1, 0.0), (0, 0.0), (6, 0.25), (12, 0.5), (24, 1.0), (30, 1.0)):
        now = NOW + 3600 * hour
        users = {f"u{n}" for n in range(1_000) if ask(asked, f"u{n}", now).variant == "on"}
        assert users == {f"u{n}" for n in range(1_000) if ask(short, f"u{n}", now).variant == "on"}
        assert abs(len(users) / 1_000 - share) < 0.05
        assert inside <= users
        inside = users


def test_a_rule_may_divide_by_a_unit_of_its_own() -> None:
    rule = {"unit": "account.id", "gates": [{"traffic": "50%"}], "serve": "on", "else": "off"}
    asked = flag(rules=[rule])
    by_account = {
        name: {ask(asked, f"u{n}", account={"id": name}).variant for n in range(9)} for name in "abcdefgh"
    }
    assert all(len(seen) == 1 for seen in by_account.values())
    assert set.union(*by_account.values()) == {"on", "off"}


@pytest.mark.parametrize(
    ("missing", "variant"), [("exclude", "off"), ({"bucket": 0}, "on"), ({"bucket": 99_999}, "off")]
)
def test_a_missing_unit_means_what_is_written(missing: Any, variant: str) -> None:
    unit = {"of": "device", "missing": missing}
    asked = flag(unit=unit, rules=[{"gates": [{"traffic": "50%"}], "serve": "on", "else": "off"}])
    assert ask(asked).variant == variant


def test_a_missing_unit_is_an_error_unless_it_is_written() -> None:
    asked = flag(unit=["device", "session"], rules=[{"gates": [{"traffic": "50%"}], "serve": "on"}])
    with pytest.raises(InvalidInput) as caught:
        ask(asked)
    assert caught.value.details[0].path == "context.device"
    assert ask(asked, session="s1").variant in ("on", None)


def test_a_split_may_have_arms_of_any_scheme_with_gaps() -> None:
    of = {"scheme": "murmur32-mod", "of": 10, "prefix": "x:"}
    arms = [{"ranges": [[0, 3]], "serve": "a"}, {"ranges": [[5, 8]], "serve": "b"}]
    seen = answers(
        rules=[{"serve": {"of": of, "split": arms}, "else": "default"}],
        variants={"a": 1, "b": 2, "rest": 3},
        default="rest",
    )
    assert all(
        abs(seen[key] / 1_000 - share) < 0.06 for key, share in {"a": 0.3, "b": 0.3, "rest": 0.4}.items()
    )


def test_arms_may_be_written_by_their_ends() -> None:
    of = {"scheme": "sha1-unit", "prefix": "k.", "unit": "user_id"}
    arms = [{"to": 0.2, "serve": "a"}, {"to": 0.5, "serve": "b"}, {"rest": True, "serve": "c"}]
    seen = answers(rules=[{"serve": {"of": of, "split": arms}}], variants={"a": 1, "b": 2, "c": 3})
    assert all(abs(seen[key] / 1_000 - share) < 0.06 for key, share in {"a": 0.2, "b": 0.3, "c": 0.5}.items())


def test_rules_may_be_nested_and_go_on_after_the_block() -> None:
    inner = [{"when": {"if": "country", "eq": "FR"}, "serve": "off"}]
    rules = [{"when": True, "serve": {"rules": inner}, "else": "next"}, {"serve": "on"}]
    assert ask(flag(rules=rules)).variant == "on"
    assert ask(flag(rules=rules), country="FR").variant == "off"


def test_a_flag_may_serve_another_ones_answer_under_its_own_key() -> None:
    answer = ask(flag(type="string", variants={"x": "x"}, rules=[{"serve": {"flag": "other"}}]))
    assert (answer.flag_key, answer.variant, answer.value) == ("f", "blue", "#00f")
    assert '"flag_key":"f"' in answer.encoded


def test_without_a_rule_and_a_default_the_caller_decides() -> None:
    answer = ask(flag(rules=[{"when": False, "serve": "on"}]))
    assert (answer.variant, answer.has_value, answer.enabled) == (None, False, False)
    assert '"value":null' in answer.encoded
    assert '"value"' not in answer.openfeature


def test_variants_hold_any_json_and_tell_the_name_that_is_written() -> None:
    values = {"a": {"name": "control", "value": [1]}, "b": {"name": None, "value": "x"}, "c": None}
    asked = flag(variants=values, rules=[{"when": {"user": "ada"}, "serve": "a"}, {"serve": "b"}])
    assert asked.type == "any"
    assert (ask(asked).variant, ask(asked).value) == ("control", [1])
    assert (ask(asked, "bob").variant, ask(asked, "bob").value) == (None, "x")


def test_a_condition_on_a_flag_names_the_key_of_its_variant() -> None:
    named = flag("named", variants={"x": {"name": "X", "value": 1}}, rules=[{"serve": "x"}])
    asked = flag(rules=[{"when": {"flag": "named", "variant": "x"}, "serve": "on"}], default="off")
    required = flag(prerequisites=[{"flag": "named", "variants": ["x"]}])
    others = {"named": named}
    assert evaluate(asked, "ada", {}, NOW, others.get).variant == "on"
    assert evaluate(required, "ada", {}, NOW, others.get).variant == "on"


@pytest.mark.parametrize(
    ("fields", "reason", "enabled"),
    [
        ({"rules": [{"when": {"user": "ada"}, "serve": "on"}]}, "TARGETING_MATCH", True),
        ({"rules": [{"gates": [{"traffic": "100%"}], "serve": "on"}]}, "SPLIT", True),
        ({"rules": [{"serve": "on"}]}, "DEFAULT", True),
        ({"rules": [{"when": False, "serve": "on"}], "default": "off"}, "DEFAULT", False),
        ({"rules": [], "default": "off"}, "STATIC", False),
        ({"rules": [{"gates": [False], "serve": "on", "else": "off"}]}, "NOT_IN_ROLLOUT", False),
        ({"rules": [{"serve": "on"}], "enabled": False, "off_variant": "off"}, "DISABLED", False),
        ({"rules": [{"serve": "on"}], "enabled": False, "default": "off"}, "DISABLED", False),
        ({"rules": [{"serve": "on"}], "overrides": {"ada": "off"}}, "OVERRIDE", True),
        (
            {"rules": [{"serve": "on"}], "holdout": {"key": "h", "share": 1.0}, "default": "off"},
            "HOLDOUT",
            False,
        ),
        ({"rules": [{"serve": "on"}], "end_at": "2027-01-01T00:00:00Z", "default": "off"}, "ENDED", False),
        ({"holdout": {"key": "h", "share": 1.0}}, "HOLDOUT", False),
        ({"layer": {"key": "l", "start": 0.0, "end": 0.00001}}, "NOT_IN_LAYER", False),
        ({"end_at": "2027-01-01T00:00:00Z"}, "ENDED", False),
    ],
)
def test_reasons(fields: dict[str, Any], reason: str, enabled: bool) -> None:
    answer = ask(flag(**fields))
    assert (str(answer.reason), answer.enabled) == (reason, enabled)


RULE = {"serve": "on"}


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"rules": {}}, "rules: must be a list"),
        ({"rules": ["on"]}, "rules[0]: must be an object"),
        ({"rules": [{}]}, "rules[0].serve: required"),
        ({"rules": [RULE | {"wen": True}]}, "rules[0].wen: unknown field; did you mean when?"),
        ({"rules": [{"serve": "onn"}]}, "rules[0].serve: must be one of on, off, default, next, none, error"),
        ({"rules": [RULE | {"else": "off"}]}, "rules[0].else: is never reached"),
        ({"rules": [RULE | {"id": "x"}, RULE | {"id": "x"}]}, "rules[1].id: must be text that no other rule"),
        (
            {"rules": [RULE | {"when": {"if": "a", "eqq": 1}}]},
            "rules[0].when.eqq: unknown operator; did you mean eq? There are eq, neq",
        ),
        ({"rules": [RULE | {"when": {"iff": "a", "eq": 1}}]}, "rules[0].when: must have one of if, item"),
        ({"rules": [RULE | {"when": {"if": "a"}}]}, "rules[0].when: must have one operator"),
        (
            {"rules": [RULE | {"when": {"if": "a", "eq": 1, "in": []}}]},
            "rules[0].when: must have one operator",
        ),
        ({"rules": [RULE | {"when": []}]}, "rules[0].when: is empty"),
        ({"rules": [RULE | {"when": None}]}, "rules[0].when: must be a condition: true, false"),
        ({"rules": [RULE | {"when": {"any": []}}]}, "rules[0].when.any: is empty"),
        (
            {"rules": [RULE | {"when": {"if": "a", "gte": "x", "as": "semver"}}]},
            "rules[0].when.gte: cannot be read",
        ),
        (
            {"rules": [RULE | {"when": {"if": "a", "gte": 1, "as": "semvr"}}]},
            "rules[0].when.as: must be one of",
        ),
        ({"rules": [RULE | {"when": {"if": "a", "in": "DE"}}]}, "rules[0].when.in: must be a list"),
        (
            {"rules": [RULE | {"when": {"if": "a", "after": "soon"}}]},
            "rules[0].when.after: must be a date-time",
        ),
        ({"rules": [RULE | {"when": {"if": "a..b", "eq": 1}}]}, "rules[0].when.if: has an empty step"),
        ({"rules": [RULE | {"when": {"if": "", "eq": 1}}]}, "rules[0].when.if: must be an attribute"),
        (
            {"rules": [RULE | {"when": {"if": "a", "eq": 1, "missing": 1}}]},
            "rules[0].when.missing: must be one of false, true",
        ),
        ({"rules": [RULE | {"when": {"if": "a", "matches": "("}}]}, "rules[0].when.matches: "),
        ({"rules": [RULE | {"when": {"if": "a", "cidr": "10.0.0.0/99"}}]}, "rules[0].when.cidr: "),
        ({"rules": [RULE | {"when": {"flag": "g"}}]}, "rules[0].when: must have one of variant, variants"),
        ({"rules": [RULE | {"when": {"some": "a"}}]}, "rules[0].when.where: required"),
        ({"rules": [RULE | {"when": {"share": "5%"}}]}, "rules[0].when.salt: required"),
        ({"rules": [RULE | {"when": {"clock": {}}}]}, "rules[0].when.clock: must have after"),
        ({"rules": [RULE | {"when": {"clock": {"days": ["noday"]}}}]}, "rules[0].when.clock: must have days"),
        (
            {"rules": [RULE | {"gates": [{"traffic": "101%"}]}]},
            "rules[0].gates[0].traffic: must be 0% to 100%",
        ),
        (
            {"rules": [RULE | {"gates": [{"traffic": "0.0001%"}]}]},
            "rules[0].gates[0].traffic: must be a multiple",
        ),
        ({"rules": [RULE | {"gates": [{"traffic": {"from": 0}}]}]}, "rules[0].gates[0].traffic.to: required"),
        ({"rules": [RULE | {"gates": [{"layer": "l"}]}]}, "rules[0].gates[0].ranges: required"),
        (
            {"rules": [RULE | {"gates": [{"layer": "l", "ranges": [["5%", "1%"]]}]}]},
            "rules[0].gates[0].ranges[0]:",
        ),
        ({"rules": [RULE | {"gates": [{"holdout": "h"}]}]}, "rules[0].gates[0].share: required"),
        ({"rules": [RULE | {"gates": [{"scheme": "md4"}]}]}, "rules[0].gates[0].scheme: must be one of"),
        ({"rules": [{"serve": {"split": {"on": 0}}}]}, "rules[0].serve.split: must have a weight above 0"),
        ({"rules": [{"serve": {"split": {"on": -1}}}]}, "rules[0].serve.split.on: must be a weight"),
        ({"rules": [{"serve": {"split": {"x": 1}}}]}, "rules[0].serve.split.x: must be one of"),
        ({"rules": [{"serve": "split"}]}, "rules[0].serve: needs variants with weights"),
        ({"rules": [{"serve": {"flag": "a b"}}]}, "rules[0].serve.flag: must be 1 to 128"),
        ({"rules": [RULE], "default": "gone"}, "default: must be one of on, off, none"),
        ({"rules": [RULE], "rollout_percentage": 5}, "rollout_percentage: is the short form"),
        ({"default": "on"}, "default: belongs to rules"),
        ({"unit": "a", "bucket_by": "b"}, "bucket_by: write either"),
        ({"unit": []}, "unit: must name at least one attribute"),
        ({"unit": {"of": "a", "missing": "maybe"}}, "unit.missing: must be one of exclude, error"),
        (
            {"holdout": {"key": "h", "share": 0.1, "measured": True}},
            "holdout.measured: belongs to experiments",
        ),
        ({"alias": ""}, "alias: must have 1 to 256 bytes"),
        ({"alias": "ü" * 129}, "alias: must have 1 to 256 bytes"),
        (
            {"changes": [{"at": "2027-01-01T00:00:00Z", "set": {"enabld": False}}]},
            "changes[0].set.enabld: unknown",
        ),
        (
            {"changes": [{"at": "2027-01-01T00:00:00Z", "set": {"key": "x"}}]},
            "changes[0].set.key: cannot change",
        ),
        (
            {"changes": [{"at": "2027-01-01T00:00:00Z", "set": {"approvals": 0}}]},
            "changes[0].set.approvals: cannot change",
        ),
        ({"approvals": 2}, "approvals: must be below 2"),
        ({"approvals": True}, "approvals: must be an integer"),
    ],
)
def test_a_mistake_is_named_with_its_path(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_flag({"key": "f", "type": "boolean", **fields})
    assert str(caught.value.details[0]).startswith(problem)


MD5: dict[str, Any] = {"scheme": "md5-mod", "of": 100}
ARM: dict[str, Any] = {"serve": "on"}


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        # Values that cannot be hashed are not looked up.
        *(
            (MD5 | {"scheme": scheme, "below": 5}, ".scheme: must be one of realtime-1")
            for scheme in ([1], {"a": 1}, None, 5)
        ),
        ({"if": "a", "eq": 1, "as": [1]}, ".as: must be one of text"),
        ({"if": "a", "eq": 1, "missing": {}}, ".missing: must be one of false, true"),
        ({"if": "a", "eq": 1, "list": []}, ".list: must be one of any, whole"),
        (MD5 | {"below": 5, "missing": []}, ".missing: must be one of exclude"),
        ({"share": "5%", "salt": [1]}, ".salt: must be 1 to 128"),
        # Readers that are for hashing only, or that make no unit.
        *(
            ({"if": "a", "eq": 1, "as": name}, ".as: must be one of text")
            for name in ("cbor", "identity-1.0")
        ),
        *((MD5 | {"below": 5, "as": name}, ".as: must be one of text") for name in ("cbor", "semver", None)),
        ({"scheme": "cbor-murmur32-scaled", "of": 100, "below": 5}, ".as: required: cbor"),
        (
            {"scheme": "cbor-murmur32-scaled", "of": 100, "below": 5, "as": "text"},
            ".as: must be one of cbor",
        ),
        # One thing, and nothing that is not read.
        ({"if": "a", "item": "b", "eq": 1}, ": has if and item, which exclude one another"),
        (
            {"segment": "x", "if": "a", "eq": 1},
            ": has if and segment, which exclude one another: write a list",
        ),
        ({"flag": "x", "variant": "a", "user": "ada"}, ": has user and flag"),
        ({"share": "20%", "salt": "a", "as": "text"}, ".as: belongs to a shard with a scheme; remove it"),
        ({"if": "a", "contains_any": [1], "list": 17}, ".list: must be one of any, whole"),
        ({"if": "a", "contains_any": [1], "list": "any"}, ".list: must be whole"),
        ({"if": "a", "eq": 1, "as": None}, ".as: must be one of text"),
        *(
            ({"if": "a", "eq": 1, name: value}, f".{name}: must be one of false, true, unknown")
            for name in ("missing", "unreadable")
            for value in (1, 1.0, 0, None)
        ),
        (MD5 | {"below": 5, "closed": "no"}, ".closed: must be true or false"),
        ({"if": "a", "equal_to": 1}, ".equal_to: unknown operator; did you mean eq? There are eq, neq, in"),
        ({"if": "a", "xyz": 1}, ".xyz: unknown operator. There are eq, neq, in"),
        ({"if": "a", "eq": 1, "mising": True}, ".mising: unknown field; did you mean missing?"),
        ({"if": "a", "matches": {"attribute": "b"}}, ".matches: must be written out"),
        ({"if": "a", "in": "now - 7d", "as": "instant"}, ".in: must be a list"),
        # Places under the scheme.
        (MD5 | {"below": 101}, ".below: must be a number from 0 to 100"),
        (MD5 | {"below": "20%"}, ".below: must be a number from 0 to 100"),
        (MD5 | {"ranges": [[0, 5], [8, 7]]}, ".ranges[1]: must lie within 0 and 100"),
        (MD5 | {"below": 5, "missing": {"bucket": 101}}, ".missing: must be a bucket from 0 to 100"),
        (
            MD5 | {"below": 5, "unit": {"of": "a", "missing": {"bucket": 101}}},
            ".unit.missing: must be a bucket from 0 to 100",
        ),
    ],
)
def test_a_mistake_in_a_condition_is_named_with_its_path(condition: Any, problem: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_flag({"key": "f", "rules": [{"when": condition, "serve": "on"}]})
    assert str(caught.value.details[0]).startswith(f"rules[0].when{problem}")


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ({"gates": [{"traffic": "5%", "as": "text"}]}, "gates[0].as: belongs to a shard"),
        ({"gates": [{"layer": "l", "ranges": [], "as": "text"}]}, "gates[0].as: belongs to a shard"),
        ({"gates": [{"holdout": "h", "share": "5%", "as": "x"}]}, "gates[0].as: belongs to a shard"),
        ({"gates": [{"traffic": "5%", "layer": "l"}]}, "gates[0]: has traffic and layer"),
        ({"gates": [{"traffic": "5%", "if": "a", "eq": 1}]}, "gates[0]: has traffic and if"),
        ({"serve": {"variant": "on", "split": {"on": 1}}}, "serve: has variant and split"),
        (
            {"serve": {"flg": "on"}},
            "serve: must have one of variant, split, rules, flag, experiment; did you",
        ),
        ({"serve": {"variant": "none"}}, "serve.variant: must be one of on, off"),
        *(({"description": each}, "description: must be text") for each in (None, 5, ["a"])),
        ({"serve": {"split": [{"rest": False, **ARM}]}}, "serve.split[0].rest: must be true"),
        ({"serve": {"split": [{"rest": 1, **ARM}]}}, "serve.split[0].rest: must be true"),
        ({"serve": {"of": {"scheme": [1]}, "split": []}}, "serve.of.scheme: must be one of"),
        ({"serve": {"of": MD5, "split": [{"to": 101, **ARM}]}}, "serve.split[0].to: must be a number from 0"),
        (
            {"serve": {"of": MD5, "split": [{"to": 50, **ARM}, {"to": 20, **ARM}]}},
            "serve.split[1].to: must be a number from 50 to 100",
        ),
        (
            {"serve": {"of": MD5, "split": [{"ranges": [[9, 2]], **ARM}]}},
            "serve.split[0].ranges[0]: must lie within 0 and 100",
        ),
        (
            {"serve": {"of": MD5, "split": [{"ranges": [[50, 90]], **ARM}, {"ranges": [[0, 51]], **ARM}]}},
            "serve.split[1]: overlaps split[0]",
        ),
        (
            {"serve": {"of": MD5, "split": [{"ranges": [[0, 9], [5, 20]], **ARM}]}},
            "serve.split[0]: overlaps a range of its own",
        ),
        (
            {"unit": {"of": "a", "missing": {"bucket": 100_001}}, "serve": {"split": {"on": 1, "off": 1}}},
            "serve: must be a bucket from 0 to 100000",
        ),
        ({"serve": {"split": {"on": "nan"}}}, "serve.split.on: must be a weight"),
    ],
)
def test_a_mistake_in_a_rule_is_named_with_its_path(rule: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_flag({"key": "f", "rules": [{"serve": "on"} | rule]})
    assert str(caught.value.details[0]).startswith(f"rules[0].{problem}")


AT = "2027-01-01T00:00:00Z"
INSTANT = "must be a date-time with an offset"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        *(({"variants": each}, "variants: must be a list, or an object") for each in (0, "", None, False, 5)),
        ({"variants": {"a": {"key": "b", "value": 1}}}, "variants.a.key: is written twice"),
        ({"variants": {"a": {"key": "b"}}}, "variants.a.key: is written twice"),
        ({"variants": {"a": {"allocation": 0.5}, "b": {"allocation": 0.5}}}, "variants.a.value: required"),
        ({"variants": {"a": {"name": "A"}}}, "variants.a.value: required"),
        (
            {"variants": {"a": {"value": 1, "wieght": 2}}},
            "variants.a.wieght: unknown field; did you mean weight",
        ),
        ({"variants": {"a": {"value": 1, "weight": "x"}}}, "variants.a.weight: must be a number"),
        ({"variants": {"a b": 1}}, "variants.a b: must be 1 to 128"),
        ({"variants": {"a": {"x": [float("nan")]}}}, "variants.a.x[0]: must be a finite"),
        *(
            ({"end_at": each}, f"end_at: {INSTANT}")
            for each in (1_700_000_000, "1700000000", 1.5, "2027-01-01", "2027-01-01T00:00:00", True)
        ),
        ({"changes": [{"at": 1, "set": {"enabled": False}}]}, f"changes[0].at: {INSTANT}"),
        ({"end_at": "0001-01-01T00:00:00+01:00"}, "end_at: must be in the years"),
        ({"enabled": False, "rules": [{"serve": "onn"}]}, "rules[0].serve: must be one of on, off"),
        (
            {"changes": [{"at": AT, "set": {"rulse": []}}]},
            "changes[0].set.rulse: unknown field; did you mean",
        ),
        (
            {"changes": [{"at": AT, "set": {"rules": [{"serve": "onn"}]}}]},
            "changes[0].set.rules[0].serve: must be one of",
        ),
        (
            {"changes": [{"at": AT, "set": {"variants": {"a": True}}}]},
            "changes[0].set: leads to a mistake in rules[0].serve, which must be one of a, default",
        ),
        (
            {"unit": {"of": "a", "missing": {"bucket": 100_001}}, "holdout": {"key": "h", "share": 0.1}},
            "unit.missing: must be a bucket from 0 to 100000",
        ),
    ],
)
def test_a_mistake_in_a_flag_is_named_with_its_path(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_flag({"key": "f", "rules": [] if "variants" in fields else [RULE]} | fields)
    assert str(caught.value.details[0]).startswith(problem)


def test_a_value_may_look_like_the_fields_of_a_variant() -> None:
    values: dict[str, Any] = {"a": {"value": {"weight": 1}}, "b": {"weight": 1, "size": 2}, "c": {}}
    asked = flag(variants=values, rules=[{"when": {"user": name}, "serve": name} for name in "abc"])
    assert [ask(asked, name).value for name in "abc"] == [{"weight": 1}, {"weight": 1, "size": 2}, {}]


def test_a_list_of_units_is_read_by_the_reader_of_the_shard() -> None:
    def find_inside(unit: Any) -> set[int]:
        asked: Any = MD5 | {"below": 50, "unit": unit, "as": "canonical"}
        return {number for number in range(99) if holds(asked, n=number + 0.5)}

    assert find_inside(["gone", "n"]) == find_inside("n") != set()


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"share": "120%", "when": True}, "share: must be 0% to 100%"),
        ({"share": {}, "when": True}, "share: must be a percentage"),
        ({"when": None}, "when: must be a condition"),
        ({"unit": {"of": "a", "missing": {"bucket": -1}}, "share": "5%"}, "unit.missing: must be a bucket"),
    ],
)
def test_a_mistake_in_a_segment_is_named_with_its_path(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_segment({"key": "s"} | fields)
    assert str(caught.value.details[0]).startswith(problem)


def test_percentages_are_weights_of_an_experiment_too() -> None:
    document = parse_experiment(experiment_document(variants={"a": "20%", "b": "80%"}))
    assert document.compute_allocations() == {"a": 0.2, "b": 0.8}


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"when": {"if": "a"}}, "when: must have one operator"),
        ({"gates": [{"traffic": "500%"}]}, "gates[0].traffic: must be 0% to 100%"),
        ({"when": False, "targeting_rules": {"rules": []}}, "when: write either"),
        ({"serve": "control"}, "serve: names the winner of a completed experiment"),
        ({"status": "completed", "serve": "gone"}, "serve: no variant 'gone'"),
        ({"variants": {"a": 1, "b": {}}}, "variants.b.weight: required"),
        ({"unit": {}}, "unit.of: required"),
        ({"unit": {"of": "a", "missing": {"bucket": 100_001}}}, "unit.missing: must be a bucket from 0"),
        ({"variants": {"a": {"key": "b", "weight": 1}}}, "variants.a.key: is written twice"),
        ({"variants": {"a": None}}, "variants.a: must be a weight, or fields"),
        ({"variants": {"a": -1}}, "variants.a: must be at least 0"),
        (
            {"variants": {"a": {"weight": 1, "paylod": 1}}},
            "variants.a.paylod: unknown field; did you mean payload",
        ),
        ({"variants": None}, "variants: must be a list, or an object"),
        ({"gates": None}, "gates: must be a list"),
        ({"when": None}, "when: must be a condition"),
        ({"start_at": 1_700_000_000}, f"start_at: {INSTANT}"),
        (
            {"changes": [{"at": AT, "set": {"trafic_allocation": 0.5}}]},
            "changes[0].set.trafic_allocation: unknown field; did you mean traffic_allocation?",
        ),
    ],
)
def test_a_mistake_in_an_experiment_is_named_with_its_path(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_experiment(experiment_document(**fields))
    assert str(caught.value.details[0]).startswith(problem)
