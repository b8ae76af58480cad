"""Users keep their variant: each split of examples/ divides as the system that it comes from does.

What is expected is computed here from what that system documents, with its own counting and comparisons.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.support import vendor_hashes as hashes
from tests.support.example_files import NONE
from tests.support.murmur import murmur3_x64_128
from tests.unit.realtime.definition_files.test_examples import ANSWERS, FILES, NOW, load, read_time

NUMBERS = range(500)
Expect = Callable[[str], str | None]


def pick(number: float, ends: Iterable[tuple[float, str]]) -> str | None:
    """The first variant whose end lies above the number."""
    return next((variant for end, variant in ends if number < end), NONE)


def unleash_search(unit: str) -> str | None:
    if hashes.unleash("new-search", unit) > 25:
        return "off"
    return unleash_variant(unit)


def unleash_variant(unit: str) -> str | None:
    number = hashes.unleash("new-search", unit, 1000, hashes.VARIANT_SEED)
    return "blue" if number <= 500 else "green" if number <= 800 else "grey"


def unleash_invoice(company: str) -> str:
    return "on" if hashes.unleash("invoice-export", company) <= 60 else "off"


def eppo_checkout(user: str) -> str | None:
    if hashes.eppo("q4-holdout", user) < 500:
        return "control"
    if hashes.eppo("checkout-traffic", user) >= 8000:
        return NONE
    ends = [(3000, "control"), (5000, "short"), (8000, "one-page"), (9000, ""), (10_000, "short")]
    return pick(hashes.eppo("checkout-split", user), ends) or NONE


def eppo_text(user: str) -> str | None:
    if hashes.eppo("layer-home", user) >= 5000:
        return NONE
    return "plain" if hashes.eppo("banner-split", user) < 5000 else "sale"


def eppo_image(user: str) -> str | None:
    if hashes.eppo("layer-home", user) < 5000:
        return NONE
    return "photo" if hashes.eppo("image-split", user) < 5000 else "drawing"


def launchdarkly_search(user: str) -> str:
    is_in_segment = hashes.sha1_share(f"beta-testers.s9.{user}") < 20_000 / 100_000.0
    return "1" if is_in_segment and hashes.sha1_share(f"search-v2.a1b2.{user}@x.org") < 0.3 else "0"


def launchdarkly_onboarding(user: str) -> str | None:
    share = hashes.sha1_share(f"61.{user}")
    return pick(share, [(0.33333, "0"), (0.33333 + 0.33333, "1"), (1.1, "2")])


def growthbook_price(number: str) -> str | None:
    company = f"company-{number}"
    if hashes.growthbook("holdout-q4", f"user-{number}", 2) < 0.05:
        return "held-out"
    if not 0 <= hashes.growthbook("__pricing", company, 1) < 0.4:
        return "old"
    share, start = hashes.growthbook("price-exp", company, 2), 0.0
    for variant, weight in (("old", 0.5), ("new", 0.25), ("bold", 0.25)):
        if start <= share < start + 0.8 * weight:
            return variant
        start += weight
    return "old"


def growthbook_cart(user: str) -> str:
    return "on" if hashes.growthbook("fast-cart", user, 1) <= 0.3 else "off"


def flagd_header(user: str) -> str | None:
    return pick(hashes.flagd(f"header-colour{user}", 100), [(25, "red"), (50, "blue"), (100, "green")])


def flagd_greeting(user: str) -> str | None:
    return pick(hashes.flagd(f"greeting{user}@x.org", 3), [(1, "hallo"), (2, "moin"), (3, "servus")])


def optimizely_experiment(unit: str) -> str | None:
    if hashes.optimizely(unit, "9001") < 500:
        return "off"
    if hashes.optimizely(unit, "7001") < 5000:
        variant = pick(hashes.optimizely(unit, "4001"), [(4000, "by-relevance"), (8000, "by-price")])
        if variant:
            return variant
    return optimizely_last(unit)


def optimizely_last(unit: str) -> str:
    return "on" if hashes.optimizely(unit, "5002") < 2500 else "off"


def optimizely_unknown(unit: str) -> str:
    """Without an age or a type of customer: neither in the audience nor in "not in the audience"."""
    if hashes.optimizely(unit, "9001") < 500:
        return "off"
    return optimizely_last(unit)


def optimizely_app(unit: str) -> str:
    if hashes.optimizely(unit, "9001") < 500:
        return "off"
    return "on" if hashes.optimizely(unit, "5001") < 5000 else optimizely_last(unit)


def statsig_holdout(user: str) -> str:
    return "on" if hashes.statsig(f"holdout-salt.holdout.{user}", 10_000) < 3 * 100 else "off"


def statsig_editor(number: str) -> str:
    if statsig_holdout(f"user-{number}") == "on":
        return "off"
    return "on" if hashes.statsig(f"editor-salt.companies.company-{number}", 10_000) < 90 * 100 else "off"


def statsig_button(user: str) -> str | None:
    layer = hashes.statsig(f"layer-salt.{user}", 1000)
    if not (100 <= layer < 400 or 600 <= layer < 900):
        return NONE
    return "Control" if hashes.statsig(f"button-salt.{user}", 1000) < 500 else "Test"


def configcat_banner(company: str) -> str:
    return "servus" if hashes.configcat("bannerText", company) < 50 else "moin"


def configcat_everybody(company: str) -> str:
    return "hello" if hashes.configcat("bannerText", company) < 20 else "welcome"


def flagsmith_feature(user: str) -> str | None:
    if hashes.flagsmith("345", f"prod_{user}") <= 10:
        return "off"
    share = hashes.flagsmith("4711", f"prod_{user}")
    return pick(share, [(30, "similar"), (50, "trending")]) or "control"


def split_api(key: str) -> str:
    return "v1" if hashes.split_legacy(key, 467569525) <= 30 else "v2"


def split_page(key: str) -> str:
    if split_api(key) == "v1":
        return "off"
    if hashes.split(key, 1667452163) > 60:
        return "off"
    bucket = hashes.split(key, -1329591480)
    return "classic" if bucket <= 50 else "express" if bucket <= 80 else "wallet"


def posthog_api(user: str) -> str:
    return "on" if hashes.sha1_share(f"reports-api.{user}") <= 0.7 else "off"


def posthog_dashboard(user: str) -> str | None:
    if posthog_api(user) == "off" or hashes.sha1_share(f"new-dashboard.{user}") > 0.4:
        return "off"
    share = hashes.sha1_share(f"new-dashboard.{user}variant")
    return pick(share, [(0.5, "control"), (0.75, "dense"), (1.1, "wide")])


def posthog_inbox(company: str) -> str:
    return "on" if hashes.sha1_share(f"team-inbox.{company}") <= 0.35 else "off"


def native_bucket(salt: str, user: str) -> int:
    return (murmur3_x64_128(f"flag/{salt}:{user}".encode())[0] * 100_000) >> 64


def evidently_launch(user: str) -> str:
    return "new" if native_bucket("checkout", user) < 50_000 else "old"


def evidently_ramp(user: str) -> str:
    """At noon on 27 November: 7.5 days of 14 from 5 to 100 %."""
    return "on" if native_bucket("sale-banner", user) < 5_000 + 95_000 * 7.5 / 14 else "off"


SPLITS: list[tuple[str, str, Expect, str | None, dict[str, Any]]] = [
    (
        "from-unleash",
        "new-search",
        unleash_search,
        "#",
        {"region": "eu", "country": "DE", "appVersion": "2.3.0"},
    ),
    (
        "from-unleash",
        "new-search",
        unleash_search,
        None,
        {"region": "us", "country": "NL", "appVersion": "3.0.0", "sessionId": "#"},
    ),
    (
        "from-unleash",
        "new-search",
        unleash_variant,
        "#",
        {"region": "eu", "remoteAddress": "10.1.2.3"},
    ),
    (
        "from-unleash",
        "invoice-export",
        unleash_invoice,
        "ada",
        {"seats": "10", "email": "A@EXAMPLE.ORG", "companyId": "#"},
    ),
    ("from-eppo", "checkout-flow", eppo_checkout, "#", {"country": "DE", "appVersion": "4.2.0"}),
    ("from-eppo", "checkout-flow", eppo_checkout, "#", {"plan": "pro", "device": "ios"}),
    ("from-eppo", "banner-text", eppo_text, "#", {}),
    ("from-eppo", "banner-image", eppo_image, "#", {}),
    (
        "from-launchdarkly",
        "search-v2",
        launchdarkly_search,
        "#",
        {"groups": ["alpha", "beta"], "version": "2", "email": "#@x.org"},
    ),
    ("from-launchdarkly", "onboarding", launchdarkly_onboarding, "#", {"organization": {"plan": "free"}}),
    (
        "from-growthbook",
        "price-page",
        growthbook_price,
        "user-#",
        {"companyId": "company-#", "country": "AT"},
    ),
    (
        "from-growthbook",
        "fast-cart",
        growthbook_cart,
        "#",
        {
            "cart": {"items": [{"category": "bicycle", "price": "500"}]},
            "browser": "Chrome",
            "appVersion": "1.10.0",
        },
    ),
    ("from-flagd", "header-colour", flagd_header, "#", {"email": "ada@example.com"}),
    ("from-flagd", "greeting", flagd_greeting, "ada", {"country": "DE", "email": "#@x.org"}),
    (
        "from-optimizely",
        "product-sort",
        optimizely_experiment,
        "#",
        {"age": 18, "customerType": "retail"},
    ),
    (
        "from-optimizely",
        "product-sort",
        optimizely_experiment,
        "ada",
        {"age": 18, "customerType": "retail", "$opt_bucketing_id": "#"},
    ),
    ("from-optimizely", "product-sort", optimizely_unknown, "#", {"age": 18}),
    ("from-optimizely", "product-sort", optimizely_unknown, "#", {"age": "18", "customerType": "retail"}),
    ("from-optimizely", "product-sort", optimizely_app, "#", {"platform": "ios", "email": ""}),
    (
        "from-statsig",
        "new-editor",
        statsig_editor,
        "user-#",
        {"appVersion": "7.10", "customIDs": {"companyID": "company-#"}},
    ),
    ("from-statsig", "global-holdout", statsig_holdout, "#", {}),
    ("from-statsig", "button-test", statsig_button, "#", {"platform": "web"}),
    (
        "from-configcat",
        "bannerText",
        configcat_banner,
        "ada",
        {
            "Age": 30,
            "Country": "AT",
            "Email": "ada@example.com",
            "Contract": 1735689600,
            "CompanyId": "#",
        },
    ),
    ("from-configcat", "bannerText", configcat_everybody, "ada", {"Age": 30, "CompanyId": "#"}),
    ("from-flagsmith", "recommendations", flagsmith_feature, "#", {"plan": "silver"}),
    ("from-split", "payment-api", split_api, "#", {}),
    (
        "from-split",
        "payment-page",
        split_page,
        "bob",
        {"orders": "2", "permissions": ["refund", "pay"], "bucketingKey": "#"},
    ),
    (
        "from-split",
        "payment-page",
        split_page,
        "ada",
        {"orders": 1, "permissions": ["pay", "refund"], "bucketingKey": "#", "country": "DE"},
    ),
    (
        "from-posthog",
        "new-dashboard",
        posthog_dashboard,
        "#",
        {"last_seen": "2026-11-25T00:00:00Z", "plan": "TEAM"},
    ),
    (
        "from-posthog",
        "new-dashboard",
        posthog_dashboard,
        "#",
        {"last_seen": "2026-11-25", "seats": "6"},
    ),
    ("from-posthog", "reports-api", posthog_api, "#", {}),
    ("from-posthog", "team-inbox", posthog_inbox, "ada", {"company": {"key": "#", "industry": "media"}}),
    ("from-evidently", "checkout", evidently_launch, "#", {}),
]
"""File, flag, what is expected of a unit, user and context; ``#`` in them is the unit."""


@pytest.mark.parametrize(("name", "flag", "expect", "user", "context"), SPLITS)
def test_a_split_divides_as_the_original_does(
    name: str, flag: str, expect: Expect, user: str | None, context: dict[str, Any]
) -> None:
    example, now = load(name), read_time(NOW)
    expected = {number: expect(f"{number}") for number in NUMBERS}
    answers = {
        number: example.decide(flag, fill(user, number), fill(context, number), now) for number in NUMBERS
    }
    assert answers == expected
    assert min(Counter(expected.values()).values()) >= 5  # each answer is that of several units


def test_each_flag_is_asked() -> None:
    asked = {(name, flag) for name, flag, *_ in (*ANSWERS, *SPLITS)}
    assert {(file.stem, flag) for file in FILES for flag in load(file.stem).flags} == asked


def fill(value: Any, number: int) -> Any:
    if isinstance(value, dict):
        return {name: fill(member, number) for name, member in value.items()}
    return value.replace("#", str(number)) if isinstance(value, str) else value


def test_a_ramp_is_between_its_ends() -> None:
    now = read_time("2026-11-27T12:00:00Z")
    answers = {
        number: load("from-evidently").decide("sale-banner", str(number), {}, now) for number in NUMBERS
    }
    assert answers == {number: evidently_ramp(str(number)) for number in NUMBERS}


@pytest.mark.parametrize("number", NUMBERS[:50])
def test_nobody_is_in_both_parts_of_a_layer(number: int) -> None:
    answers = [eppo_text(str(number)), eppo_image(str(number))]
    assert answers.count(NONE) == 1


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (hashes.unleash("Feature.flexibleRollout.10", "174"), 10),
        (hashes.unleash("Feature.flexibleRollout.10", "499"), 32),
        (hashes.unleash("grüppe", "žofie"), 85),
        (
            hashes.unleash("Feature.flexible.rollout.custom.stickiness_100", "616", seed=hashes.VARIANT_SEED),
            15,
        ),
        (hashes.eppo("split-numeric-flag-some-allocation", "alice"), 9136),
        (hashes.eppo("traffic", "žofie"), 5705),
        (hashes.sha1_share("hashKey.saltyA.userKeyA"), pytest.approx(0.42157587, abs=1e-8)),
        (hashes.sha1_share("61.userKeyA"), pytest.approx(0.09801207, abs=1e-8)),
        (hashes.growthbook("my-test", "1", 1), 0.969),
        (hashes.growthbook("my-test", "1", 2), 0.1871),
        (hashes.growthbook("sömething", "žofie", 1), 0.551),
        (hashes.growthbook("sömething", "žofie", 2), 0.4168),
        (hashes.murmur3_x86_32("fractional-flagjack"), 2682799072),
        (hashes.flagd("fractional-flagjack", 100), 62),
        (hashes.optimizely("ppid2", "1886780722"), 2434),
        (hashes.optimizely("žofie", "7099"), 9916),
    ],
)
def test_the_hashes_have_the_numbers_that_are_published(number: float, expected: Any) -> None:
    assert number == expected
