"""The part of the fake management API that is not about definitions: keys, webhooks, status, numbers."""

from collections.abc import Callable
from typing import Any

from tests.support.console import answers
from tests.support.console.definitions import NOW

Answer = tuple[int, dict[str, Any]]


class Refusal(Exception):
    """An error in the shape of the API."""

    def __init__(self, status: int, code: str, message: str, details: Any = ()) -> None:
        super().__init__(message)
        body = {"error": {"code": code, "message": message, "details": [*details]}}
        self.status, self.body = status, body


class FakeSystem:
    """``results`` and ``analyses`` are those of experiments."""

    def __init__(self) -> None:
        self.keys = answers.make_keys()
        self.webhooks: list[dict[str, Any]] = []
        self.actions: list[dict[str, Any]] = []
        self.analyses: dict[str, Any] = {}
        self.results: Callable[[str], dict[str, Any]] = answers.make_results

    def list_keys(self, **_: Any) -> Answer:
        return 200, {"keys": self.keys}

    def create_key(self, body: Any, **_: Any) -> Answer:
        if not body["scopes"]:
            details = [{"field": "scopes", "message": "must name at least one"}]
            raise Refusal(400, "invalid_input", "The key is not valid.", details)
        row = {"id": "0123456789ab", "label": body["label"], "scopes": body["scopes"], "created": NOW,
               "last_used": None, "expires": None, "revoked": None, "accepted": True}  # fmt: skip
        self.keys.append(row)
        return 201, {**row, "key": "rt_shown_once"}

    def revoke_key(self, name: str, **_: Any) -> Answer:
        row = next(key for key in self.keys if key["id"] == name)
        row |= {"revoked": NOW, "accepted": False}
        return 200, row

    def list_webhooks(self, **_: Any) -> Answer:
        return 200, {"webhooks": self.webhooks}

    def create_webhook(self, body: Any, **_: Any) -> Answer:
        row = {
            "id": "w1",
            **body,
            "created": NOW,
            "last_delivery": {"at": NOW, "status": 503, "error": "refused"},
        }
        self.webhooks.append(row)
        return 201, {**row, "secret": "whsec_shown_once"}  # pragma: allowlist secret

    def delete_webhook(self, name: str, **_: Any) -> Answer:
        self.webhooks = [row for row in self.webhooks if row["id"] != name]
        return 200, {"id": name}

    def test_webhook(self, *_: Any, **__: Any) -> Answer:
        return 202, {"delivery": "d-1"}

    def explain(self, body: Any, by: str, **_: Any) -> Answer:
        row = {"at": NOW, "by": by, "name": "explain", "selection": "flag, sha256:5f2c"}
        self.actions.append({**row, "note": "", "reason": "", "outcome": "done"})
        return 200, answers.make_explanation(body)

    def read_status(self, **_: Any) -> Answer:
        return 200, answers.make_status()

    def read_quarantine(self, **_: Any) -> Answer:
        return 200, {"messages": 3, "in_flight": 0, "failed_batches": 1, "failed_in_flight": 0}

    def read_results(self, key: str, **_: Any) -> Answer:
        return 200, self.results(key)

    def read_analysis(self, key: str, **_: Any) -> Answer:
        if key not in self.analyses:
            raise Refusal(404, "no_analysis", f"None is saved: python -m realtime analyze {key} --save")
        return 200, self.analyses[key]

    def list_actions(self, **_: Any) -> Answer:
        return 200, {"actions": self.actions[::-1]}
