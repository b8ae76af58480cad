"""Random documents of flags and experiments, with everything that they can say."""

from typing import Any

from hypothesis import strategies as st

from chalicelib.domain.definitions.model import Assignment
from tests.support import targeting_strategies

USERS = ["ada", "bob", "u1", "u2", "u3"]
TIMES = st.sampled_from([1_735_689_600.0, 1_775_689_600.0, 1_875_689_600.0])
"""Before, between and after the instants below."""
FIRST_INSTANT, SECOND_INSTANT = "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"
PERCENTAGES = st.sampled_from([0, 1, 50, 50.5, 99.999, 100])
SHARES = st.sampled_from([0, 0.001, 0.3, 0.5, 1])
SPLITS: dict[int, list[list[float]]] = {
    1: [[1]],
    2: [[0.5, 0.5], [1, 0], [0.1, 0.9]],
    3: [[0.34, 0.33, 0.33], [0.2, 0.3, 0.5], [0, 0, 1]],
}
ROWS = st.none() | st.builds(
    Assignment,
    variant=st.sampled_from(["a", "b", "gone"]),
    assignment_id=st.just("x"),
    timestamp=st.just(1.0),
    iteration=st.sampled_from([1, 2]),
    expires_at=st.sampled_from([None, 2e9, 10.0]),
)


def happens(draw: st.DrawFn, one_in: int) -> bool:
    return draw(st.integers(1, one_in)) == 1


@st.composite
def targeting_rules(draw: st.DrawFn, variants: list[str]) -> dict[str, Any]:
    """Some rules name a variant or a split, as flags may."""
    document = draw(targeting_strategies.documents(draw(st.booleans())))
    for rule in document.get("rules", []):
        if happens(draw, 4):
            rule["variant"] = draw(st.sampled_from(variants))
        elif len(variants) > 1 and happens(draw, 4):
            rule["allocation"] = {variants[0]: 0.5, variants[1]: 0.5}
    return document


@st.composite
def flags(draw: st.DrawFn, key: str, prerequisites: list[str]) -> dict[str, Any]:
    document: dict[str, Any] = {"key": key, "type": draw(st.sampled_from(["boolean", "string"]))}
    variants = ["on", "off"]
    if document["type"] == "string":
        variants = draw(st.sampled_from([["a", "b", "c"], ["a"], ["a", "b"]]))
        shares = draw(st.sampled_from(SPLITS[len(variants)]))
        document["variants"] = [
            {"key": name, "value": name.upper(), "allocation": share}
            for name, share in zip(variants, shares, strict=True)
        ]
        document["default_variant"] = draw(st.sampled_from(variants))
    document["enabled"] = not happens(draw, 6)
    if happens(draw, 2):
        document["off_variant"] = draw(st.sampled_from(variants))
    if happens(draw, 2):
        document["rollout_percentage"] = draw(PERCENTAGES)
    if happens(draw, 4):
        steps = [{"at": at, "percentage": draw(PERCENTAGES)} for at in (FIRST_INSTANT, SECOND_INSTANT)]
        document["rollout_schedule"] = steps[: draw(st.integers(1, 2))]
    if happens(draw, 4):
        document["bucket_by"] = draw(st.sampled_from(["account", "account.id", "user_id"]))
    if happens(draw, 3):
        document["overrides"] = {user: draw(st.sampled_from(variants)) for user in ("ada", "bob")}
    if prerequisites and happens(draw, 2):
        accepted = draw(st.sampled_from([["on"], ["a", "on"], ["off"]]))
        document["prerequisites"] = [
            {"flag": draw(st.sampled_from([*prerequisites, "gone"])), "variants": accepted}
        ]
    if not happens(draw, 4):
        document["targeting_rules"] = draw(targeting_rules(variants))
    return document


@st.composite
def experiments(draw: st.DrawFn) -> dict[str, Any]:
    status = draw(st.sampled_from([*["active"] * 8, "draft", "paused", "completed"]))
    variants = ["a", "b", "c"][: draw(st.integers(1, 3))]
    shares = draw(st.sampled_from(SPLITS[len(variants)]))
    document: dict[str, Any] = {
        "key": "e",
        "status": status,
        "sticky": draw(st.booleans()),
        "variants": [
            {"key": name, "allocation": share, "payload": name}
            for name, share in zip(variants, shares, strict=True)
        ],
    }
    if happens(draw, 2):
        document["traffic_allocation"] = draw(SHARES)
    if happens(draw, 4):
        document["iteration"] = 2
    if happens(draw, 4):
        document["overrides"] = {"ada": variants[0]}
    if happens(draw, 4):
        document["holdout"] = {"key": "h", "share": draw(SHARES)}
    if happens(draw, 4):
        document["layer"] = {"key": "l", "start": draw(st.sampled_from([0, 0.25])), "end": 0.5}
    if happens(draw, 5):
        document["start_at"] = FIRST_INSTANT
    if happens(draw, 5):
        document["end_at"] = SECOND_INSTANT
    if happens(draw, 3):
        document["targeting_rules"] = draw(targeting_strategies.documents(draw(st.booleans())))
    return document
