"""The five decisions that the benchmark measures, and for each the least code by hand that decides the same.

W1 50 % flag; W2 flag for ``country in 3 and semver ≥ 2.3.0 and (tier or beta)``, 30 % rollout; W3 experiment
50/50 at 80 % traffic; W4 experiment 34/33/33 with W2's rule; W5 100 flags (50 × W1, 50 × W2) for one user.

A lower bound is one hash, dictionary look-ups and comparisons with constants, without validation, reasons or
overrides. It returns the variant, or None if the user is outside.
"""

import random
from collections.abc import Callable, Mapping
from typing import Any

from mmh3 import mmh3_x64_128_utupledigest as murmur

from chalicelib.domain import bucketing

User = Mapping[str, Any]
LowerBound = Callable[[User], Any]

USERS = 10_000
USUAL: dict[str, Any] = {
    "country": "DE",
    "app_version": "2.4.1",
    "tier": "gold",
    "beta": False,
    "age": 34,
    "orders": 12,
    "premium": True,
    "locale": "de-DE",
    "groups": ["beta", "staff"],
    "account": {"id": "a1", "plan": "free"},
}
"""What a caller sends: ten attributes, of which W2's targeting reads four."""
COUNTRIES = ("DE", "FR", "NL")

RULES: dict[str, Any] = {
    "version": "2.0",
    "rules": [
        {
            "id": "target",
            "rule": {
                "conditions": [
                    {"attribute": "country", "operator": "in", "value": list(COUNTRIES)},
                    {
                        "attribute": "app_version",
                        "operator": "semantic_version",
                        "value": "2.3.0",
                        "additional_value": "gte",
                    },
                ],
                "groups": [
                    {
                        "operator": "or",
                        "conditions": [
                            {"attribute": "tier", "operator": "eq", "value": "gold"},
                            {"attribute": "beta", "operator": "eq", "value": True},
                        ],
                    }
                ],
            },
        }
    ],
}
"""W2's and W4's targeting."""


def build_users(count: int = USERS, seed: int = 1) -> list[dict[str, Any]]:
    """Distinct users; RULES targets 40 % of them."""
    choose = random.Random(seed)
    return [
        {
            "user_id": f"user-{number:05d}",
            "country": choose.choice((*COUNTRIES, "US")),
            "app_version": f"2.{choose.randrange(12)}.{choose.randrange(20)}",
            "tier": choose.choice(("gold", "silver")),
            "beta": choose.random() < 0.5,
        }
        for number in range(count)
    ]


def build_lower_bounds() -> dict[str, LowerBound]:
    """W1 … W5, with the keys and salts ``w1`` … ``w4``."""
    w1, w2 = build_flag_bound("w1", 0.5), add_targeting(build_flag_bound("w2", 0.3))
    w3 = _build_experiment("w3", 0.8, (0.5, 0.5))
    w4 = add_targeting(_build_experiment("w4", 1.0, (0.34, 0.33, 0.33)))
    hundred = [build_flag_bound(f"w5-{i}", 0.5) for i in range(50)] + [
        add_targeting(build_flag_bound(f"w5-{i}", 0.3)) for i in range(50, 100)
    ]
    return {"W1": w1, "W2": w2, "W3": w3, "W4": w4, "W5": lambda user: [flag(user) for flag in hundred]}


def build_flag_bound(salt: str, share: float) -> LowerBound:
    prefix = bucketing.make_prefix("flag", salt)
    limit = bucketing.compute_threshold(bucketing.share_to_buckets(share))
    return lambda user: True if murmur((prefix + user["user_id"]).encode(), 0)[0] < limit else None


def _build_experiment(salt: str, traffic: float, shares: tuple[float, ...]) -> LowerBound:
    prefix = bucketing.make_prefix("experiment", salt)
    limit = bucketing.compute_threshold(bucketing.share_to_buckets(traffic))
    first, second = (
        [bucketing.compute_threshold(upper) for upper in bucketing.compute_upper_bounds(shares)] + [0]
    )[:2]

    def decide(user: User) -> int | None:
        for_traffic, for_variant = murmur((prefix + user["user_id"]).encode(), 0)
        if for_traffic >= limit:
            return None
        return 0 if for_variant < first else 1 if for_variant < second else 2

    return decide


VERSIONS = {f"2.{minor}.{patch}": (2, minor, patch) for minor in range(12) for patch in range(20)}
"""A lower bound may know all versions that occur, parsed."""


def add_targeting(decide: LowerBound) -> LowerBound:
    countries, versions, minimum = frozenset(COUNTRIES), VERSIONS, (2, 3, 0)

    def decide_targeted(user: User) -> Any:
        if (
            user["country"] in countries
            and versions[user["app_version"]] >= minimum
            and (user["tier"] == "gold" or user["beta"] is True)
        ):
            return decide(user)
        return None

    return decide_targeted
