"""A flag's answers in the order of evaluation, and properties of all flags."""

import json
import math
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.bucketing import compute_bucket, compute_halves
from chalicelib.domain.definitions.answers import FlagAnswers
from chalicelib.domain.definitions.model import Evaluation, Flag
from chalicelib.domain.errors import InvalidInput, StorageUnavailable
from chalicelib.domain.evaluation import evaluate, evaluate_all
from chalicelib.domain.reasons import OPENFEATURE, Reason
from tests.support.flags import flag, rules, variants, where

NOW = 1_800_000_000.0
GERMANS = where("country", "eq", "DE")
FRENCH = where("country", "eq", "FR")


def evaluate_for(
    asked_flag: Flag, user: str | None = "u1", now: float = NOW, others: tuple[Flag, ...] = (), **context: Any
) -> Evaluation:
    by_key = {each.key: each for each in (asked_flag, *others)}
    return evaluate(asked_flag, user, context, now, by_key.get)


def get_answer(asked_flag: Flag, *args: Any, **kwargs: Any) -> tuple[str | None, Reason]:
    evaluation = evaluate_for(asked_flag, *args, **kwargs)
    return evaluation.variant, evaluation.reason


# One reason each, in the order of evaluation.


def test_a_flag_that_is_off_answers_its_off_variant_whatever_else_it_says() -> None:
    asked_flag = flag(
        type="string",
        enabled=False,
        default_variant="a",
        off_variant="b",
        variants=variants(a=1, b=0),
        overrides={"u1": "a"},
    )
    assert get_answer(asked_flag) == ("b", Reason.DISABLED)


def test_the_off_variant_is_the_default_unless_named() -> None:
    assert get_answer(flag(enabled=False)) == ("off", Reason.DISABLED)


def test_an_override_comes_before_prerequisites_targeting_and_rollout() -> None:
    asked_flag = flag(
        overrides={"u1": "on"},
        prerequisites=[{"flag": "missing", "variants": ["on"]}],
        targeting_rules=rules({"rule": GERMANS}),
        rollout_percentage=0,
    )
    assert get_answer(asked_flag) == ("on", Reason.OVERRIDE)
    assert get_answer(asked_flag, "u2") == ("off", Reason.PREREQUISITE_FAILED)


@pytest.mark.parametrize(
    ("percentage", "expected"), [(100, ("on", Reason.STATIC)), (0, ("off", Reason.PREREQUISITE_FAILED))]
)
def test_a_prerequisite_must_answer_one_of_the_named_variants(
    percentage: float, expected: tuple[str, Reason]
) -> None:
    asked_flag = flag("of", prerequisites=[{"flag": "base", "variants": ["on"]}])
    assert get_answer(asked_flag, others=(flag("base", rollout_percentage=percentage),)) == expected


def test_a_prerequisite_that_does_not_exist_is_not_met() -> None:
    assert get_answer(flag(prerequisites=[{"flag": "gone", "variants": ["on"]}])) == (
        "off",
        Reason.PREREQUISITE_FAILED,
    )


def test_prerequisites_of_prerequisites_count() -> None:
    first = flag("first", rollout_percentage=0)
    second = flag("second", prerequisites=[{"flag": "first", "variants": ["on"]}])
    third = flag("third", prerequisites=[{"flag": "second", "variants": ["on"]}])
    assert get_answer(third, others=(first, second)) == ("off", Reason.PREREQUISITE_FAILED)


def make_diamond(levels: int) -> list[Flag]:
    """Two flags a level, each of which asks for both of the level below: 2 to the ``levels`` ways down."""
    return [
        flag(
            f"{side}{level}",
            prerequisites=[
                {"flag": f"{prerequisite}{level + 1}", "variants": ["on"]} for prerequisite in "xy"
            ]
            if level + 1 < levels
            else [],
        )
        for level in range(levels)
        for side in "xy"
    ]


def test_a_shared_prerequisite_is_evaluated_once() -> None:
    flags = {flag.key: flag for flag in make_diamond(18)}
    looked_up: list[str] = []

    def find(key: str) -> Flag:
        looked_up.append(key)
        return flags[key]

    assert evaluate(flags["x0"], "u1", {}, NOW, find).variant == "on"
    assert len(looked_up) == 2 * 17
    looked_up.clear()
    failures: list[Exception] = []
    evaluations = list(
        evaluate_all(flags.values(), "u1", {}, NOW, find, lambda _, error: failures.append(error))
    )
    assert {flag.variant for flag in evaluations} == {"on"}
    assert len(looked_up) == 2 * 17
    assert failures == []


def test_a_prerequisite_that_fails_fails_each_flag_that_asks_for_it_in_the_same_way() -> None:
    base = flag("base", rollout_percentage=50, bucket_by="account")
    others = [flag(key, prerequisites=[{"flag": "base", "variants": ["on"]}]) for key in ("a", "b")]
    failures: list[Exception] = []
    flags = {"base": base}
    list(evaluate_all(others, "u1", {}, NOW, flags.get, lambda _, error: failures.append(error)))
    assert [type(error) for error in failures] == [InvalidInput, InvalidInput]


def test_a_circle_that_was_written_by_hand_is_an_error() -> None:
    first = flag("one", prerequisites=[{"flag": "other", "variants": ["on"]}])
    second = flag("other", prerequisites=[{"flag": "one", "variants": ["on"]}])
    with pytest.raises(StorageUnavailable, match="circle"):
        evaluate_for(first, others=(second,))


def test_whom_no_rule_matches_gets_the_default() -> None:
    asked_flag = flag(targeting_rules=rules({"rule": GERMANS}))
    assert get_answer(asked_flag, country="FR") == ("off", Reason.NOT_TARGETED)
    assert get_answer(asked_flag, country="DE") == ("on", Reason.TARGETING_MATCH)


def test_a_rule_may_fix_the_variant() -> None:
    asked_flag = flag(
        type="string",
        default_variant="en",
        variants=variants(en=1, de=0, fr=0),
        targeting_rules=rules(
            {"rule": GERMANS, "variant": "de"}, {"rule": FRENCH, "variant": "fr"}, {"rule": {}}
        ),
    )
    assert get_answer(asked_flag, country="DE") == ("de", Reason.TARGETING_MATCH)
    assert get_answer(asked_flag, country="FR") == ("fr", Reason.TARGETING_MATCH)
    assert get_answer(asked_flag, country="IT") == ("en", Reason.TARGETING_MATCH)


def test_a_rule_may_have_a_split_of_its_own() -> None:
    asked_flag = flag(
        type="string",
        default_variant="a",
        variants=variants(a=1, b=0, c=0),
        targeting_rules=rules({"rule": GERMANS, "allocation": {"b": 0.5, "c": 0.5}}, {"rule": {}}),
    )
    seen = Counter(get_answer(asked_flag, f"u{n}", country="DE")[0] for n in range(2000))
    assert set(seen) == {"b", "c"}
    assert get_answer(asked_flag, country="FR") == ("a", Reason.TARGETING_MATCH)


def test_the_default_rule_takes_whom_the_others_left() -> None:
    targeting = rules({"rule": GERMANS, "variant": "de"}) | {
        "default_rule": {"id": "rest", "rule": {}, "variant": "xx"}
    }
    asked_flag = flag(
        type="string", default_variant="en", variants=variants(en=1, de=0, xx=0), targeting_rules=targeting
    )
    assert get_answer(asked_flag, country="FR") == ("xx", Reason.TARGETING_MATCH)


def test_the_rollout_comes_after_targeting() -> None:
    asked_flag = flag(targeting_rules=rules({"rule": GERMANS}), rollout_percentage=0)
    assert get_answer(asked_flag, country="FR") == ("off", Reason.NOT_TARGETED)
    assert get_answer(asked_flag, country="DE") == ("off", Reason.NOT_IN_ROLLOUT)


def test_an_answer_that_is_the_same_for_everyone_is_static_and_a_bucketed_one_a_split() -> None:
    assert get_answer(flag()) == ("on", Reason.STATIC)
    assert {get_answer(flag(rollout_percentage=50), f"u{n}") for n in range(50)} == {
        ("on", Reason.SPLIT),
        ("off", Reason.NOT_IN_ROLLOUT),
    }
    assert (
        get_answer(flag(type="string", default_variant="a", variants=variants(a=0.5, b=0.5)))[1]
        is Reason.SPLIT
    )


def test_enabled_says_whether_the_user_is_inside() -> None:
    assert evaluate_for(flag()).enabled
    assert evaluate_for(flag(rollout_percentage=0, overrides={"u1": "off"})).enabled
    assert not evaluate_for(flag(rollout_percentage=0)).enabled
    assert not evaluate_for(flag(enabled=False)).enabled
    assert not evaluate_for(flag(targeting_rules=rules({"rule": GERMANS}))).enabled


# The unit.


@pytest.mark.parametrize("percentage", [0, 100])
def test_a_rollout_of_0_or_100_percent_needs_no_unit(percentage: float) -> None:
    assert evaluate_for(flag(rollout_percentage=percentage), None).reason in (
        Reason.NOT_IN_ROLLOUT,
        Reason.STATIC,
    )


def test_without_a_unit_a_flag_that_divides_users_says_what_is_missing() -> None:
    with pytest.raises(InvalidInput) as caught:
        evaluate_for(flag(rollout_percentage=50), None)
    assert caught.value.code == "targeting_key_missing"
    assert caught.value.details[0].path == "user_id"


def test_whoever_is_decided_before_the_hash_needs_no_unit() -> None:
    asked_flag = flag(rollout_percentage=50, targeting_rules=rules({"rule": GERMANS}))
    assert evaluate_for(asked_flag, None, country="FR").reason is Reason.NOT_TARGETED


def test_users_of_one_account_stay_together() -> None:
    asked_flag = flag(rollout_percentage=50, bucket_by="account")
    answers = {
        account: {evaluate_for(asked_flag, f"u{n}", account=account).variant for n in range(20)}
        for account in ("a", "b", "c", 7)
    }
    assert all(len(variants) == 1 for variants in answers.values())
    assert len(set.union(*answers.values())) == 2


def test_the_rollout_of_a_rule_keeps_an_account_together() -> None:
    targeting = rules({"id": "half", "rule": {}, "rollout_percentage": 50}) | {"version": "2.0"}
    for bucket_by in ("account", "account.id"):
        by_account = flag(bucket_by=bucket_by, targeting_rules=targeting)
        seen = set()
        for number in range(20):
            account = f"a{number}" if bucket_by == "account" else {"id": f"a{number}"}
            users = [{"user_id": f"u{n}", "account": account} for n in range(24)]
            answers = {
                evaluate(by_account, f"u{n}", users[n], NOW, lambda _: None).variant for n in range(24)
            }
            assert len(answers) == 1
            seen |= answers
        assert seen == {"on", "off"}


def test_without_the_unit_the_rollout_of_a_rule_includes_nobody() -> None:
    half = rules({"id": "half", "rule": {}, "rollout_percentage": 99}) | {"version": "2.0"}
    assert {get_answer(flag(bucket_by="account", targeting_rules=half), f"u{n}") for n in range(9)} == {
        ("off", Reason.NOT_TARGETED)
    }


def test_the_rollout_of_a_rule_still_hashes_the_user_unless_something_else_is_named() -> None:
    targeting = rules({"id": "half", "rule": {}, "rollout_percentage": 50}) | {"version": "2.0"}
    half = flag("pinned", targeting_rules=targeting)
    prefix = "rule/pinned/half:"
    for n in range(50):
        is_inside = compute_bucket(compute_halves(prefix, f"u{n}")[0]) < 50_000
        assert evaluate_for(half, f"u{n}").variant == ("on" if is_inside else "off")


def test_a_unit_may_be_a_member_of_an_object() -> None:
    by_account = flag(rollout_percentage=50, bucket_by="account.id")

    def evaluate_in(context: dict[str, Any]) -> str | None:
        return evaluate(by_account, "u1", context, NOW, lambda _: None).variant

    keys = [f"a{number}" for number in range(20)]
    nested = [evaluate_in({"account": {"id": key}}) for key in keys]
    assert nested == [evaluate_in({"account.id": key, "account": {"id": "a0"}}) for key in keys]
    assert set(nested) == {"on", "off"}


@pytest.mark.parametrize("account", [None, "a1", {}, {"id": None}, {"id": {"id": "a1"}}, ["a1"]])
def test_an_object_without_the_member_is_named_with_its_path(account: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        evaluate_for(flag(rollout_percentage=50, bucket_by="account.id"), "u1", account=account)
    assert caught.value.details[0].path == "context.account.id"


@pytest.mark.parametrize("value", [None, "", True, [], 1.5, "\ud800"])
def test_an_attribute_that_cannot_be_a_unit_is_named(value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        evaluate_for(flag(rollout_percentage=50, bucket_by="account"), "u1", account=value)
    assert caught.value.details[0].path == "context.account"


def test_overrides_name_users_even_if_something_else_is_bucketed() -> None:
    assert (
        evaluate_for(flag(rollout_percentage=0, bucket_by="account", overrides={"u1": "on"})).reason
        is Reason.OVERRIDE
    )


# The schedule.


STEPS = [
    {"at": "2027-01-15T08:00:00Z", "percentage": 100},
    {"at": "2027-01-16T08:00:00+01:00", "percentage": 0},
]
FIRST = 1_800_000_000.0
SECOND = FIRST + 23 * 3600


@pytest.mark.parametrize(
    ("now", "variant"),
    [(FIRST - 0.001, "off"), (FIRST, "on"), (SECOND - 0.001, "on"), (SECOND, "off"), (SECOND + 1e9, "off")],
)
def test_the_clock_applies_each_step_of_the_schedule_at_its_time(now: float, variant: str) -> None:
    assert evaluate_for(flag(rollout_percentage=0, rollout_schedule=STEPS), now=now).variant == variant


@pytest.mark.parametrize(
    ("fields", "before"),
    [({}, "off"), ({"rollout_percentage": 100}, "on"), ({"rollout_percentage": 0}, "off")],
)
def test_before_the_first_step_nobody_is_inside_unless_a_percentage_is_written(
    fields: dict[str, Any], before: str
) -> None:
    launch = flag(rollout_schedule=STEPS[:1], **fields)
    assert evaluate_for(launch, now=FIRST - 1).variant == before
    assert evaluate_for(launch, now=FIRST).variant == "on"


def test_without_a_step_a_schedule_changes_nothing() -> None:
    assert evaluate_for(flag(rollout_schedule=[])).reason is Reason.STATIC


# Values and their text.


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("boolean", True, "true"),
        ("string", 'a "quoted" \u2028 ☃', None),
        ("integer", 1, "1"),
        ("integer", 2**80, str(2**80)),
        ("float", 1.0, "1.0"),
        ("float", 0.1, "0.1"),
        ("float", 1e300, "1e+300"),
        ("object", {"limit": 10, "ratio": 1.0, "nested": [None, {"a": 2**60}]}, None),
        ("object", [1, 1.0], "[1,1.0]"),
    ],
)
def test_a_value_keeps_its_type_to_the_last_digit(kind: str, value: Any, text: str | None) -> None:
    evaluation = evaluate_for(flag(type=kind, default_variant="a", variants=[{"key": "a", "value": value}]))
    assert (evaluation.value, type(evaluation.value)) == (value, type(value))
    for encoded in (evaluation.encoded, evaluation.openfeature):
        assert repr(json.loads(encoded)["value"]) == repr(value)
        assert text is None or f'"value":{text}' in encoded


def test_both_texts_say_the_same_as_the_fields() -> None:
    evaluation = evaluate_for(flag("of", version=7, rollout_percentage=0))
    assert json.loads(evaluation.encoded) == {
        "flag_key": "of", "enabled": False, "variant": "off", "value": False, "reason": "NOT_IN_ROLLOUT"
    }  # fmt: skip
    assert json.loads(evaluation.openfeature) == {
        "key": "of", "value": False, "reason": "SPLIT", "variant": "off",
        "metadata": {"reason": "NOT_IN_ROLLOUT", "version": 7},
    }  # fmt: skip


def test_every_reason_of_a_flag_has_one_in_openfeature() -> None:
    assert set(OPENFEATURE.values()) == {"STATIC", "TARGETING_MATCH", "SPLIT", "DISABLED", "UNKNOWN"}
    assert set(OPENFEATURE) == set(Reason)


# Many at once.


@given(
    percentage=st.sampled_from([0, 0.001, 30, 99.999, 100]),
    split=st.sampled_from([(1.0, 0.0), (0.0, 1.0), (0.5, 0.5)]),
    fields=st.sampled_from(
        [
            {},
            {"enabled": False},
            {"overrides": {"u1": "a"}},
            {"bucket_by": "account"},
            {"rollout_schedule": STEPS},
            {"prerequisites": [{"flag": "gone", "variants": ["a"]}]},
        ]
    ),
    targeting=st.sampled_from(
        [
            None,
            rules({"rule": GERMANS}),
            rules({"rule": GERMANS, "variant": "a"}, {"rule": {}}),
            rules({"rule": GERMANS, "allocation": {"a": 0.5, "b": 0.5}}),
        ]
    ),
    user=st.sampled_from([None, "u1", "u2", "ü"]),
    country=st.sampled_from(["DE", "FR"]),
)
def test_many_flags_get_the_answers_that_each_gets_by_itself(
    percentage: float, split: tuple[float, float], fields: Any, targeting: Any, user: str | None, country: str
) -> None:
    asked_flag = flag(
        type="string",
        default_variant="a",
        variants=variants(a=split[0], b=split[1]),
        rollout_percentage=percentage,
        targeting_rules=targeting,
        **fields,
    )
    alone: Evaluation | None = None
    with suppress(InvalidInput):
        alone = evaluate(asked_flag, user, {"country": country}, NOW, lambda _: None)
    failed: list[Flag] = []
    evaluations = list(
        evaluate_all(
            [asked_flag], user, {"country": country}, NOW, lambda _: None, lambda flag, _: failed.append(flag)
        )
    )
    assert (evaluations, failed) == (([alone], []) if alone else ([], [asked_flag]))


# What holds for every flag.


@given(
    percentages=st.tuples(st.integers(0, 100_000), st.integers(0, 100_000)),
    salt=st.from_regex(r"[A-Za-z0-9._-]{1,20}", fullmatch=True),
    user=st.text(min_size=1).filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text)),
)
def test_raising_a_percentage_removes_nobody_and_moves_nobody(
    percentages: tuple[int, int], salt: str, user: str
) -> None:
    fields: dict[str, Any] = {
        "type": "string",
        "default_variant": "a",
        "variants": variants(a=0, b=0.5, c=0.5),
        "salt": salt,
    }
    lower, higher = (flag(**fields, rollout_percentage=part / 1000) for part in sorted(percentages))
    before, after = evaluate_for(lower, user), evaluate_for(higher, user)
    assert not before.enabled or (after.enabled and after.variant == before.variant)


@given(salt=st.from_regex(r"[A-Za-z0-9._-]{1,20}", fullmatch=True), user=st.text("abc123", min_size=1))
def test_an_answer_depends_on_nothing_but_definition_user_and_context(salt: str, user: str) -> None:
    fields: dict[str, Any] = {"salt": salt, "rollout_percentage": 50}
    assert (
        evaluate_for(flag("one", **fields), user).variant
        == evaluate_for(flag("other", **fields), user).variant
    )


def test_a_thousandth_of_a_percent_is_one_bucket() -> None:
    users = 200_000
    narrow = flag(rollout_percentage=0.001)
    inside = sum(evaluate_for(narrow, f"u{n}").enabled for n in range(users))
    assert 0 <= inside <= 10  # two are expected; 11 would be 6 sigma


def test_rollout_and_split_are_distributed_as_written_and_independent() -> None:
    """200,000 users: each share within half a point, and χ² sees no link between rollout and variant."""
    users, share, split = 200_000, 0.3, {"a": 0.2, "b": 0.3, "c": 0.5}
    wide = flag(type="string", default_variant="a", variants=variants(**split))
    narrow = flag(
        type="string", default_variant="a", variants=variants(**split), rollout_percentage=100 * share
    )
    everyone = Counter(evaluate_for(wide, f"user-{n}").variant for n in range(users))
    inside = Counter(
        evaluation.variant for n in range(users) if (evaluation := evaluate_for(narrow, f"user-{n}")).enabled
    )
    assert abs(inside.total() / users - share) < 0.005
    for key, part in split.items():
        assert abs(everyone[key] / users - part) < 0.005
        assert abs(inside[key] / inside.total() - part) < 0.005
    chi_square = 0.0
    for key in split:
        for seen, total in (
            (inside[key], inside.total()),
            (everyone[key] - inside[key], users - inside.total()),
        ):
            expected = total * everyone[key] / users
            chi_square += (seen - expected) ** 2 / expected
    assert chi_square < -2 * math.log(0.001)  # the 99.9 % quantile at two degrees of freedom


def test_flags_with_salts_of_their_own_are_independent() -> None:
    users = 100_000
    first, second = flag("one", rollout_percentage=10), flag("other", rollout_percentage=10)
    both = sum(
        evaluate_for(first, f"u{n}").enabled and evaluate_for(second, f"u{n}").enabled for n in range(users)
    )
    assert abs(both / users - 0.01) < 0.002


def test_an_answer_is_encoded_once_also_if_it_is_another_flags_or_none() -> None:
    inner = flag("inner", variants=variants(a=0.5, b=0.5), rules=[{"serve": {"split": {"a": 1, "b": 1}}}])
    outer = flag("outer", variants={"x": 1}, rules=[{"serve": {"flag": "inner"}}], type="any")
    seen: dict[str | None, set[int]] = {}
    for number in range(40):
        answer = evaluate_for(outer, f"u{number}", others=(inner,))
        assert (answer.flag_key, answer.variant) == ("outer", evaluate_for(inner, f"u{number}").variant)
        seen.setdefault(answer.variant, set()).add(id(answer))
    assert {name: len(ids) for name, ids in seen.items()} == {"a": 1, "b": 1}
    none = flag("none", variants={"x": "y"}, rules=[{"when": False, "serve": "x"}])
    assert evaluate_for(none) is evaluate_for(none, "u2")


def test_answers_of_a_flag_that_is_published_again_are_adopted_anew() -> None:
    outer = flag("outer", variants={"x": 1}, rules=[{"serve": {"flag": "inner"}}], type="any")
    for number in range(20):
        inner = flag("inner", variants={"a": number}, rules=[{"serve": "a"}])
        assert evaluate_for(outer, others=(inner,)).value == number


def test_equal_answers_are_adopted_once_also_if_each_is_made_anew() -> None:
    """As those of a flag that serves an experiment: each request would keep one more."""
    inner = flag("inner", variants={"a": 1}, rules=[{"serve": "a"}])
    answers = FlagAnswers(flag("outer", variants={"x": 1}, rules=[]).document, 1)
    adopted = {id(answers.adopt(replace(evaluate_for(inner)))) for _ in range(5)}
    assert len(adopted) == 1
