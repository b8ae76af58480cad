"""What the fake management API answers besides definitions: results, an analysis, status, keys."""

from typing import Any


def make_results(key: str, variants: tuple[str, ...] = ("control", "free-shipping")) -> dict[str, Any]:
    """Assigned today, with purchases of 1997: days of events and of processing are years apart."""
    days: dict[str, Any] = {
        f"1997-01-{day:02d}": {
            variant: {
                "assigned": 0,
                "exposures": 10 + day,
                "events": {
                    "purchase": {"count": 20 + 2 * day + i, "sum": 400.5 + day * i, "sum_squares": 9.0}
                },
            }
            for i, variant in enumerate(variants)
        }
        for day in range(1, 29)
    }
    days["2026-11-27"] = {variant: {"assigned": 757, "exposures": 0, "events": {}} for variant in variants}
    totals = {
        variant: {
            "assigned": 757 + 37 * i, "exposures": 686, "conversions": 1372 + 28 * i,
            "events_per_user": 1.81, "total_value": 11000.5, "mean_value": 8.0, "events": {},
        }
        for i, variant in enumerate(variants)
    }  # fmt: skip
    return {
        "experiment_key": key, "experiment_id": key, "iteration": 1, "status": "active",
        "conversions": ["purchase"], "variants": totals, "unassigned": {"events": {}},
        "srm": {"chi_square": 0.88, "p_value": 0.347, "alarm": False, "periods": []},
        "windows": {"day": days, "hour": {}}, "notes": [],
    }  # fmt: skip


def make_empty_results(key: str) -> dict[str, Any]:
    empty: dict[str, Any] = {
        "assigned": 0, "exposures": 0, "conversions": 0, "events_per_user": None,
        "total_value": 0.0, "mean_value": None, "events": {},
    }  # fmt: skip
    note = {"code": "too_few_assigned", "message": "Too few assigned users to test the split."}
    return make_results(key) | {
        "variants": {"control": empty, "free-shipping": empty},
        "srm": {"chi_square": None, "p_value": None, "alarm": False, "periods": []},
        "windows": {"day": {}, "hour": {}}, "notes": [note],
    }  # fmt: skip


def make_step(day: int) -> dict[str, Any]:
    """What was known at the end of a day, up to the numbers of `make_analysis`."""
    effect, half = -0.0318 - 0.3 * (1 / day - 1 / 28), 0.1425 * (28 / day) ** 0.5
    until = f"1997-01-{day:02d}T00:00:00Z"
    return {"until": until, "effect": effect, "interval": [effect - half, effect + half]}


def make_analysis(key: str, status: str = "ok") -> dict[str, Any]:
    comparison = {
        "treatment": "free-shipping", "difference": -1.33, "se": 3.1, "interval": [-7.4, 4.7],
        "lift": -0.0318, "lift_interval": [-0.164, 0.121], "p_value": 1.0, "alpha": 0.05, "fixed": None,
        "decision": "undecided", "notes": [], "chance_to_beat": None,
    }  # fmt: skip
    means = {"control": {"users": 757, "mean": 41.92}, "free-shipping": {"users": 794, "mean": 40.59}}
    metric = {
        "key": "revenue", "name": "Revenue of 30 days", "role": "primary", "variants": means,
        "comparisons": [comparison],
    }  # fmt: skip
    orders = {**comparison, "lift": 0.0149, "lift_interval": [-0.0729, 0.113]}
    sentence = "Do not ship free-shipping on this evidence: Revenue of 30 days −3.18% is not proven."
    verdict = {
        "code": "do_not_ship",
        "sentence": sentence,
        "reasons": ["the plan is reached"],
        "treatment": None,
    }
    checks = [
        {"code": "split", "status": status, "message": "Users are split as planned (p 0.347)."},
        {"code": "low_counts", "status": "note", "message": "There is too little for a decision."},
    ]
    second = {**metric, "key": "orders", "name": "Orders", "role": "secondary", "comparisons": [orders]}
    steps = [make_step(day) for day in range(2, 29)]
    unknown = {"until": "1997-01-01T00:00:00Z", "effect": None, "interval": None}
    curve = {"metric": "revenue", "treatment": "free-shipping", "is_lift": True, "steps": [unknown, *steps]}
    report = {
        "experiment_key": key, "as_of": "2026-11-27T05:00:00Z", "progress": 1.034, "engine": "duckdb",
        "users": {"control": 757, "free-shipping": 794}, "settings": {"control": "control"}, "checks": checks,
        "metrics": [metric, second], "verdict": verdict, "curves": [curve],
    }  # fmt: skip
    return {"saved_at": "2026-11-27T05:01:00Z", "report": report}


def make_status() -> dict[str, Any]:
    quarantine = {
        "name": "quarantine", "state": "amber", "text": "3 records, the oldest 34 s old",
        "advice": "python -m realtime quarantine list, repair the cause, then redrive.",
        "runbook": ["docs/runbook.md#quarantine-not-empty"], "figures": {"waiting": 3},
    }  # fmt: skip
    lines = [
        {
            "name": "events",
            "state": "green",
            "text": "0 s behind; 15,026 events/h",
            "advice": "",
            "runbook": [],
        },
        quarantine,
        {
            "name": "definitions",
            "state": "red",
            "text": "version 2\nlocal: version 1",
            "advice": "",
            "runbook": [],
        },
        {
            "name": "alarms",
            "state": "off",
            "text": "there are none on this machine",
            "advice": "",
            "runbook": [],
        },
    ]
    return {"environment": "local", "at": "2026-11-27T06:00:00Z", "state": "red", "lines": lines}


def make_keys() -> list[dict[str, Any]]:
    fields = {"created": "2026-11-01T10:00:00Z", "last_used": None, "expires": None, "revoked": None}
    return [
        {"id": "aaaa1111aaaa", "label": "web", "scopes": ["flags:client"], **fields, "accepted": True},
        {"id": "bbbb2222bbbb", "label": "", "scopes": ["events", "assign"], **fields, "accepted": False,
         "expires": "2026-11-02T00:00:00Z", "last_used": "2026-11-01T12:00:00Z"},
    ]  # fmt: skip


def make_explanation(asked: dict[str, Any]) -> dict[str, Any]:
    steps = [
        {"name": "german-speakers", "result": "country is not in DE, AT: FR", "is_mismatch": True},
        {"name": "traffic", "result": "bucket 12345 is inside 0-25000", "is_mismatch": False},
        {"name": "default", "result": "serves on", "is_mismatch": False},
    ]
    answer = {"linked_to": None, "variant": "on", "reason": "SPLIT", "value": 1.0, "steps": steps}
    return {"kind": asked["kind"], "key": asked["key"], "user_id": asked["user_id"], **answer}
