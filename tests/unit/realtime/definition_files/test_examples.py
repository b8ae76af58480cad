"""The files of examples/ are valid, and answer as the systems that they come from would."""

import re
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from chalicelib.domain.definitions.compiler import list_references
from chalicelib.domain.publishing.documents import KINDS
from realtime.commands.validate import validate
from realtime.definition_files.syntax import parse_documents
from tests.support.example_files import NONE, Example, load_example
from tests.support.paths import ROOT

FOLDER = ROOT / "examples"
FILES = sorted(FOLDER.glob("*.yaml"))
NOW = "2026-11-26T12:00:00Z"
of_each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def read_time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@lru_cache
def load(name: str) -> Example:
    return load_example(FOLDER / f"{name}.yaml")


@of_each_file
def test_validate_finds_neither_problems_nor_warnings(file: Path, tmp_path: Path) -> None:
    if "segment" not in KINDS:  # segments in files are read by a later version
        (data,) = parse_documents(file.read_bytes(), file.suffix)
        file = tmp_path / file.name
        data.pop("segments", None)
        file.write_text(yaml.safe_dump(data))
    console = Console(record=True)
    assert validate(console, [file], strict=True) == 0, console.export_text()


@of_each_file
def test_each_reference_leads_to_a_definition_of_the_file(file: Path) -> None:
    example = load(file.stem)
    for document in example.list_documents():
        references = list_references(document)
        assert references.flags.keys() <= example.flags.keys()
        assert references.segments.keys() <= example.segments.keys()
        assert references.experiments.keys() <= example.experiments.keys()
        for flag, variant, _path in references.flag_variants:
            assert variant in example.flags[flag].variants


@of_each_file
def test_the_readme_has_a_line_for_each_file(file: Path) -> None:
    assert re.search(rf"^\| `{re.escape(file.name)}` \|", (FOLDER / "README.md").read_text(), re.MULTILINE)


EU = {"region": "eu", "country": "DE", "appVersion": "2.4.0"}
SEATS = {"seats": "12.0", "email": "Ada@Example.COM", "companyId": "c-1"}
NEW_YEAR = "2027-01-01T00:00:00Z"
CHECKOUT = {"country": "DE", "appVersion": "4.2.0"}
BETA = {"groups": ["alpha", "beta"], "version": "2.1"}
CART = {
    "cart": {"items": [{"category": "book", "price": 900}, {"category": "bicycle", "price": "101"}]},
    "browser": "Firefox 140",
    "appVersion": "1.10.0",
}
EDITOR = {"appVersion": "7.10.1", "country": "de"}
ADULT = {"age": 40, "customerType": "retail"}
UNKNOWN = {"Age": 18, "Country": "DE", "AppVersion": "2.0.0", "CompanyId": "acme"}
PARTNER = "ada@partner.example"
DASHBOARD = {"last_seen": "2026-11-20T00:00:00Z", "plan": "Team"}
BUYER = {"bucketingKey": "user-1", "orders": "3", "permissions": ["read", "refund", "pay"]}

ANSWERS: list[tuple[str, str, str | None, dict[str, Any], str | None]] = [
    ("from-unleash", "search-backend", "ada", {"region": "eu"}, "elastic"),
    ("from-unleash", "search-backend", "ada", {}, "classic"),
    ("from-unleash", "new-search", "qa-anna", {}, "off"),  # the parent has another variant
    ("from-unleash", "new-search", None, EU, "off"),  # neither user nor session: no lot is drawn
    # user-5 is among the 25 %
    ("from-unleash", "new-search", "user-5", EU | {"appVersion": "2.4"}, "off"),  # no strict version
    ("from-unleash", "new-search", "user-5", EU | {"appVersion": "2.3.0-rc.1"}, "off"),
    ("from-unleash", "new-search", "user-5", EU | {"plan": "trial"}, "off"),
    ("from-unleash", "invoice-export", "ada", SEATS | {"seats": "9.5"}, "off"),
    ("from-unleash", "invoice-export", "ada", SEATS | {"seats": "many"}, "off"),
    ("from-unleash", "invoice-export", "ada", SEATS | {"email": "test-ada@example.com"}, "off"),
    ("from-unleash", "invoice-export", "ada", {**SEATS, "companyId": None}, "off"),  # also at 100 %
    ("from-eppo", "checkout-flow", "ada", {}, NONE),
    ("from-eppo", "checkout-flow", "ada", {"email": "ada@example.com"}, "one-page"),
    ("from-eppo", "checkout-flow", "ada", {"email": "ada@example.community"}, NONE),
    ("from-eppo", "checkout-flow", "ada", {"age": "18"}, "control"),
    ("from-eppo", "checkout-flow", "ada", {"age": True}, NONE),  # a boolean is no number
    ("from-eppo", "checkout-flow", "ada", {"device": "ios"}, NONE),  # NOT_ONE_OF of a missing plan
    ("from-launchdarkly", "search-index", "ada", {}, "1"),
    ("from-launchdarkly", "old-index", "ada", {}, "1"),  # its off variation
    ("from-launchdarkly", "archive-reader", "ada", {}, "0"),  # that is not enough for a prerequisite
    ("from-launchdarkly", "search-v2", "grace", {}, "1"),
    ("from-launchdarkly", "search-v2", "bob", {}, "0"),  # a negated clause on a missing attribute
    ("from-launchdarkly", "search-v2", "bob", {"version": "1.9"}, "0"),
    ("from-launchdarkly", "search-v2", "bob", {"version": "2"}, "1"),  # no address: the first bucket
    ("from-launchdarkly", "search-v2", "bob", {"version": "nonsense"}, "1"),
    ("from-launchdarkly", "search-v2", "eve", BETA, "0"),  # excluded
    ("from-launchdarkly", "search-v2", None, BETA, "1"),  # no key: the first bucket of the segment too
    ("from-launchdarkly", "search-v2", "ada-2", {"version": "2.1"}, "0"),  # in no group
    ("from-launchdarkly", "onboarding", "ada", {"organization": {"plan": "enterprise"}}, "0"),
    ("from-launchdarkly", "onboarding", None, {}, "0"),  # no unit: the first bucket
    ("from-growthbook", "billing-v2", "ada", {"companyId": "acme"}, "on"),
    ("from-growthbook", "price-page", "qa-1", {}, NONE),  # the gate stops the whole feature
    ("from-growthbook", "price-page", "qa-1", {"companyId": "acme"}, "new"),
    ("from-growthbook", "price-page", "user-1", {"companyId": "acme", "country": "FR"}, "old"),
    ("from-growthbook", "fast-cart", "user-1", CART | {"appVersion": "1.8.9"}, "off"),
    ("from-growthbook", "fast-cart", "user-1", CART | {"browser": "Not Firefox"}, "off"),
    ("from-growthbook", "fast-cart", "user-1", CART | {"cart": {"items": []}}, "off"),
    ("from-flagd", "header-colour", "ada", {}, "grey"),
    ("from-flagd", "header-colour", None, {"email": "a@example.com"}, "grey"),  # no targeting key
    ("from-flagd", "header-colour", "ada", {"appVersion": "v3.9"}, "blue"),
    ("from-flagd", "header-colour", "ada", {"appVersion": "3.0.0-rc.1"}, "blue"),  # the same major number
    ("from-flagd", "header-colour", "ada", {"appVersion": "4.0.0-rc.1"}, "grey"),
    ("from-flagd", "greeting", "ada", {"country": "DE", "city": "Kiel"}, "moin"),
    ("from-flagd", "greeting", "ada", {"country": "DE"}, "hello"),  # no address: the default
    ("from-flagd", "greeting", "ada", {}, "hello"),
    ("from-flagd", "retired", "ada", {}, NONE),
    ("from-optimizely", "product-sort", "qa-anna", {}, "by-price"),
    ("from-optimizely", "product-sort", None, ADULT, "off"),
    ("from-statsig", "new-editor", "ada", {"email": "ADA@EXAMPLE.COM"}, "on"),
    ("from-statsig", "new-editor", "user-1", EDITOR, "on"),  # the bucket of the empty text is inside
    ("from-statsig", "new-editor", "user-1", EDITOR | {"appVersion": "7.9.9"}, "off"),
    ("from-statsig", "new-editor", "user-1", EDITOR | {"country": "CN"}, "off"),
    ("from-statsig", "new-editor", "user-1", {"tags": ["beta", 7]}, "on"),
    ("from-statsig", "new-editor", "user-1", {"tags": "beta"}, "off"),  # no list
    ("from-statsig", "button-test", "user-1", {"platform": "ios"}, NONE),  # the default has no name
    ("from-configcat", "bannerEnabled", "ada", {"Age": " 18,5 "}, "on"),
    ("from-configcat", "bannerText", "ada", {"Age": 17}, "none"),
    ("from-configcat", "bannerText", "ada", {"Age": 18, "AppVersion": " 2.0.1 "}, "new"),
    ("from-configcat", "bannerText", "ada", {"Age": 18, "AppVersion": "2.0"}, "welcome"),
    # Whether she is a partner is unknown without an address, so "not in" does not hold either.
    ("from-configcat", "bannerText", "ada", UNKNOWN | {"Contract": 1769904000}, "new"),
    ("from-configcat", "bannerText", "ada", UNKNOWN | {"Email": PARTNER}, "new"),
    ("from-configcat", "bannerText", "ada", UNKNOWN | {"Contract": "soon", "Email": PARTNER}, "new"),
    ("from-configcat", "bannerText", "ada", UNKNOWN | {"Contract": 1, "Email": None}, "new"),  # in order
    ("from-configcat", "bannerText", "ada", UNKNOWN | {"Contract": "1769904000", "Email": PARTNER}, "new"),
    ("from-flagsmith", "recommendations", "user-1", {"plan": "gold"}, "personal"),
    ("from-flagsmith", "recommendations", "user-1", {"orders": "51"}, "personal"),
    ("from-flagsmith", "recommendations", None, {}, "control"),
    ("from-flagsmith", "max-uploads", "user-1", {"plan": "gold"}, "many"),
    ("from-flagsmith", "max-uploads", None, {"plan": "gold", "visits": "10"}, "few"),
    ("from-flagsmith", "max-uploads", None, {"plan": "gold", "email": "test-1@example.com"}, "few"),
    ("from-flagsmith", "max-uploads", None, {"plan": "gold", "email": "not-a-test-1@x.com"}, "many"),
    ("from-split", "payment-api", None, {}, "v1"),
    ("from-split", "payment-page", None, BUYER, "off"),
    # user-1 is within the traffic, the prerequisite holds, but only ada is in the segment
    ("from-split", "payment-page", "user-1", {"version": "1.4.9"}, "wallet"),
    ("from-split", "payment-page", "user-1", {"version": "1.5.0-rc.1"}, "off"),
    ("from-split", "payment-page", "user-1", {"version": "1.3"}, "off"),  # no strict version
    ("from-split", "payment-page", "ada", BUYER | {"permissions": ["pay"]}, "off"),
    ("from-split", "payment-page", "ada", BUYER | {"country": "US"}, "off"),
    ("from-split", "payment-page", "user-1", BUYER, "off"),
    ("from-split", "loyalty", "ada", {}, "off"),
    ("from-posthog", "new-dashboard", "user-1", {"email": "Ada@EXAMPLE.com"}, "dense"),
    ("from-posthog", "new-dashboard", "user-1", {"app_version": "2.1.0-beta"}, "control"),
    ("from-posthog", "new-dashboard", "user-1", {"app_version": "2.0.9"}, "off"),
    ("from-posthog", "team-inbox", "user-1", {}, "off"),
    ("from-posthog", "team-inbox", "user-1", {"company": {"industry": "media"}}, "off"),
    ("from-evidently", "checkout", "qa-anna", {}, "express"),
    ("from-evidently", "checkout", "user-1", {"language": "de-AT"}, "new"),
    ("from-evidently", "sale-banner", "user-1", {}, "off"),  # on a Thursday
]
"""File, flag, user, context, and the variant that the other system's rules lead to."""


@pytest.mark.parametrize(("name", "flag", "user", "context", "expected"), ANSWERS)
def test_an_answer_is_that_of_the_original(
    name: str, flag: str, user: str | None, context: dict[str, Any], expected: str | None
) -> None:
    assert load(name).decide(flag, user, context, read_time(NOW)) == expected


@pytest.mark.parametrize(
    ("name", "flag", "context", "times"),
    [
        (
            "from-flagd",
            "greeting",
            {},
            {"2026-12-23T23:59:59Z": "hello", "2026-12-24T00:00:00Z": "holidays", NEW_YEAR: "hello"},
        ),
        (
            "from-evidently",
            "checkout",
            {"language": "de"},
            {"2026-10-31T00:00:00Z": "old", "2026-11-15T09:00:00Z": "new"},
        ),
        (
            "from-evidently",
            "sale-banner",
            {},
            # Fridays to Sundays from 8 to 22 o'clock in Berlin, and for everybody from 4 December on
            {
                "2026-12-04T06:59:59Z": "off",
                "2026-12-04T07:00:00Z": "on",
                "2026-12-06T20:59:59Z": "on",
                "2026-12-06T21:00:00Z": "off",
                "2026-12-07T12:00:00Z": "off",
            },
        ),
        (
            "from-posthog",
            "new-dashboard",
            DASHBOARD | {"last_seen": "2026-12-01T00:00:00Z", "app_version": "1.0"},
            {"2026-12-08T00:00:00Z": "off"},
        ),
    ],
)
def test_a_schedule_follows_the_clock(
    name: str, flag: str, context: dict[str, Any], times: dict[str, str]
) -> None:
    answers = {time: load(name).decide(flag, "user-1", context, read_time(time)) for time in times}
    assert answers == times
