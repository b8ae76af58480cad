"""Rows of the fake management API: definitions as the console shows them."""

from typing import Any

NOW = "2026-11-27T06:00:00Z"


def make_item(kind: str, key: str, document: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """ITEM of the management API, with its document."""
    document = {"key": key, **(document or {})}
    item = {
        "kind": kind, "key": key, "status": "active", "name": "", "description": "", "owner": "",
        "version": 1, "published_at": "2026-11-20T09:30:00Z", "published_by": "ann", "is_valid": True,
        "is_killed": False, "killed": None, "summary": "on for everybody", "split": None,
        "rollout": None, "open_proposals": 0, "problems": [], "definition": document,
        "words": [{"level": 0, "text": "Everybody gets on."}], "uses": [], "used_by": [],
    }  # fmt: skip
    return item | fields


def make_flag(key: str, rollout: float | None = 25.0, **fields: Any) -> dict[str, Any]:
    document = {"type": "boolean", "enabled": True, "rollout_percentage": rollout}
    words = [
        {"level": 0, "text": "For users whose country is one of DE, AT:"},
        {"level": 1, "text": "25 % of them get on."},
        {"level": 0, "text": "Everybody else gets off."},
    ]
    defaults = {
        "rollout": rollout,
        "summary": f"{rollout:g} % on" if rollout is not None else "rules",
        "words": words,
    }
    return make_item("flag", key, document, **defaults | fields)


def make_experiment(key: str, status: str = "active", **fields: Any) -> dict[str, Any]:
    split = [{"variant": "control", "share": 0.5}, {"variant": "free-shipping", "share": 0.5}]
    document = {"status": status, "variants": {"control": 1, "free-shipping": 1}, "metrics": ["purchase"]}
    defaults = {"split": split, "summary": "50 / 50", "status": status}
    return make_item("experiment", key, document, **defaults | fields)


def make_demo() -> list[dict[str, Any]]:
    """Every state that a list can show."""
    checkout = make_flag(
        "new-checkout", owner="payments", name="New checkout", uses=[{"kind": "segment", "key": "testers"}],
        description="One page in place of three.",
    )  # fmt: skip
    testers = make_item(
        "segment", "testers", {"include": ["qa-anna"]}, summary="1 user, 1 condition", owner="quality",
        used_by=[{"kind": "flag", "key": "new-checkout"}],
        words=[{"level": 0, "text": "qa-anna is in."}],
    )  # fmt: skip
    broken = make_item(
        "flag", "broken", is_valid=False, status="inactive", summary="", definition=None, words=[]
    )
    broken |= {
        "text": '{"key": "broken", "type": 7}',
        "problems": [{"path": "type", "message": "is not known"}],
    }
    return [
        make_experiment("free-shipping", owner="growth", name="Free shipping"),
        make_experiment("quiet", "draft"),
        broken,
        make_flag("dark-mode", 100.0, status="inactive", summary="off", published_at="2026-11-26T08:00:00Z"),
        checkout,
        make_flag("old-banner", None, published_at="2026-07-30T08:00:00Z"),
        testers,
    ]


def make_awkward() -> list[dict[str, Any]]:
    """Names that a page may break at: markup, very long ones, other scripts."""
    script = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    return [
        make_flag("script", name=script, description=script, owner=script, published_by=script),
        make_flag("<script>", name="The key of a row that somebody edited by hand"),
        make_flag("long-" + "x" * 123, name="An-unbreakable-name-" * 12, owner="o" * 120),
        make_flag(
            "cjk", name="新しい購入手続き", owner="決済チーム", description="三つのページの代わりに一つ。"
        ),
        make_flag("rtl", name="תהליך תשלום חדש", owner="دفع", description="صفحة واحدة بدلاً من ثلاث."),
    ]


def make_many(number: int) -> list[dict[str, Any]]:
    owners = ("payments", "search", "growth", "")
    return [
        make_flag(f"flag-{i:04d}", rollout=i % 101, owner=owners[i % 4], name=f"Flag number {i}")
        for i in range(number)
    ]
