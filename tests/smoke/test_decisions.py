"""The deployed API: keys, decisions, and an event's way to its counter.

Every request names its experiment or flag. One that asks for all would assign its user to the experiments of
others, and count there.
"""

import uuid
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.support.api_keys import make_key
from tests.support.poll import wait_until

pytestmark = pytest.mark.usefixtures("published")
EXPERIMENT = FLAG = "realtime.smoke"
USER, SOMEBODY = "realtime-smoke-0", "somebody"
"""One whom definitions.yaml is for, and one whom it must not touch."""


def make_user() -> str:
    return f"realtime-smoke-{uuid.uuid4()}"


def assign(api: httpx.Client, user: str) -> dict[str, Any]:
    answer = api.post("/assign", json={"user_id": user, "experiment_key": EXPERIMENT})
    assert answer.status_code == 200, answer.text
    assignment: dict[str, Any] = answer.json()
    return assignment


def results(api: httpx.Client) -> dict[str, Any]:
    answer = api.get(f"/experiments/{EXPERIMENT}/results")
    assert answer.status_code == 200, answer.text
    variants: dict[str, Any] = answer.json()["variants"]
    return variants


def test_health_needs_no_key(stranger: httpx.Client) -> None:
    answer = stranger.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


@pytest.mark.parametrize(
    "header", [{}, {"Authorization": "Bearer rt_nobody"}, {"Authorization": f"Bearer {make_key('nobody')}"}]
)
def test_without_an_accepted_key_there_is_no_decision(stranger: httpx.Client, header: dict[str, str]) -> None:
    body = {"user_id": USER, "flag_key": FLAG}
    assert stranger.post("/flags/evaluate", json=body, headers=header).status_code in (401, 403)


def test_an_unknown_flag_is_not_found_in_our_error_shape(api: httpx.Client) -> None:
    answer = api.post("/flags/evaluate", json={"user_id": USER, "flag_key": "realtime.absent"})
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "flag_not_found"


def test_a_flag_is_evaluated(api: httpx.Client) -> None:
    answer = api.post("/flags/evaluate", json={"user_id": USER, "flag_key": FLAG})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["flag_key"], answer.json()["reason"]) == (FLAG, "TARGETING_MATCH")  # its segment's


def test_nobody_else_is_touched(api: httpx.Client) -> None:
    assert assign(api, SOMEBODY)["variant"] is None
    flag = api.post("/flags/evaluate", json={"user_id": SOMEBODY, "flag_key": FLAG}).json()
    assert (flag["variant"], flag["reason"]) == ("off", "DEFAULT")


def test_the_same_user_gets_the_same_variant(api: httpx.Client) -> None:
    user = make_user()
    first, second = assign(api, user), assign(api, user)
    assert first["variant"] in ("control", "treatment")
    assert (first["variant"], first["assignment_id"]) == (second["variant"], second["assignment_id"])


def test_a_decision_and_its_event_are_counted(api: httpx.Client) -> None:
    before = results(api)
    user = make_user()
    variant = assign(api, user)["variant"]
    event = {
        "event_id": str(uuid.uuid4()),
        "event_type": "realtime_smoke_conversion",
        "user_id": user,
        "value": 2.5,
        "timestamp": datetime.now(UTC).isoformat(),
    }
    answer = api.post("/events", json={"events": [event, event]})
    assert (answer.status_code, answer.json()["accepted"]) == (202, 2)
    # the second event is a duplicate
    wait_until(lambda: conversions(results(api), variant) == conversions(before, variant) + 1, seconds=60)
    wait_until(lambda: results(api)[variant]["assigned"] > before[variant]["assigned"], seconds=60)


def conversions(variants: dict[str, Any], variant: str) -> int:
    count: int = variants[variant]["events"].get("realtime_smoke_conversion", {}).get("count", 0)
    return count


def test_an_event_that_cannot_be_is_rejected_and_the_rest_accepted(api: httpx.Client) -> None:
    good = {"event_type": "realtime_smoke_view", "user_id": USER, "timestamp": datetime.now(UTC).isoformat()}
    answer = api.post("/events", json={"events": [good, {"event_type": "realtime_smoke_view"}]})
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 1
    assert [rejection["index"] for rejection in answer.json()["rejected"]] == [1]
