"""A management API over a list, for tests of the console: no AWS, and it fails when it is told to."""

import copy
import json
import re
from collections.abc import Callable
from typing import Any

from tests.support.console.definitions import NOW, make_demo
from tests.support.console.fake_system import Answer, FakeSystem, Refusal

VIEW_KEY, ADMIN_KEY, OTHER_KEY = "rt_looks_only", "rt_changes", "rt_somebody_else"
KEYS = {VIEW_KEY: "viewer", ADMIN_KEY: "ann", OTHER_KEY: "ben"}
_READING_POSTS = ("validate", "diff", "explain")
Handler = Callable[..., Answer]


class FakeAdmin(FakeSystem):
    """``failing``: paths that answer 500, as patterns; ``asked``: every request that came."""

    def __init__(self, items: list[dict[str, Any]] | None = None) -> None:
        super().__init__()
        self.items = {(i["kind"], i["key"]): i for i in (make_demo() if items is None else items)}
        self.publications: list[dict[str, Any]] = []
        self.proposals: dict[str, dict[str, Any]] = {}
        self.needs_approval = False
        self.failing: set[str] = set()
        self.asked: list[tuple[str, str, Any]] = []
        self.before: Callable[[str, str], object] = lambda _method, _path: None
        self._log("ann", "the first files", [(kind, key, "added", ()) for kind, key in self.items])

    @property
    def version(self) -> int:
        return len(self.publications)

    def answer(self, method: str, path: str, headers: Any, body: Any) -> Answer:
        try:
            self.before(method, path)
            self.asked.append((method, path, body))
            by = self._authorize(method, path, headers.get("Authorization", ""))
            handle, parameters = self._find_route(method, path)
            return copy.deepcopy(handle(*parameters, by=by, body=body, headers=headers))
        except Refusal as refusal:
            return refusal.status, refusal.body

    def _find_route(self, method: str, path: str) -> tuple[Handler, tuple[Any, ...]]:
        if any(re.search(pattern, path) for pattern in self.failing):
            raise Refusal(500, "storage_unavailable", "The table does not answer.")
        for verb, pattern, name in ROUTES:
            match = re.fullmatch(pattern, path)
            if match and verb == method:
                return getattr(self, name), match.groups()
        raise Refusal(404, "not_found", "There is no such route.")

    def publish_as(self, by: str, item: dict[str, Any], note: str = "") -> None:
        """Somebody else publishes meanwhile."""
        self.items[item["kind"], item["key"]] = item
        self._log(by, note, [(item["kind"], item["key"], "changed", ())])

    def _authorize(self, method: str, path: str, header: str) -> str:
        by = KEYS.get(header.removeprefix("Bearer "))
        if by is None:
            raise Refusal(403, "forbidden", "The key is not accepted, or has not the scope of this route.")
        is_change = method != "GET" and path.rpartition("/")[2] not in _READING_POSTS
        if by == "viewer" and is_change:
            raise Refusal(403, "missing_scope", "This changes something: it needs a key of the scope admin.")
        return by

    def _log(self, by: str, note: str, changed: list[tuple[str, str, str, Any]]) -> int:
        rows = [
            {"kind": kind, "key": key, "change": how, "differences": [*parts]}
            for kind, key, how, parts in changed
        ]
        number = len(self.publications) + 1
        for kind, key, _, _ in changed:
            if (kind, key) in self.items and number > 1:
                self.items[kind, key] |= {"version": number, "published_at": NOW, "published_by": by}
        entry = {
            "version": number,
            "published_at": NOW,
            "published_by": by,
            "note": note,
            "definitions": rows,
        }
        self.publications.append(entry)
        return number

    def me(self, by: str, **_: Any) -> Answer:
        scopes = ["view"] if by == "viewer" else ["admin", "view"]
        identity = {"id": f"key {by}-id", "label": by, "name": by}
        answer = {"environment": "local", "program": "0.1.0", "version": self.version, "identity": identity}
        return 200, {**answer, "approvals": int(self.needs_approval), "scopes": scopes}

    def list_definitions(self, kind: str | None, **_: Any) -> Answer:
        hidden = ("definition", "words", "uses", "used_by", "text")
        found = [item for item in self.items.values() if kind in (None, item["kind"])]
        rows = [{name: value for name, value in item.items() if name not in hidden} for item in found]
        rows = [row | {"open_proposals": len(self._find_open(row["kind"], row["key"]))} for row in rows]
        return 200, {"version": self.version, "definitions": sorted(rows, key=lambda row: str(row["key"]))}

    def read_definition(self, kind: str, key: str, **_: Any) -> Answer:
        item = self._find(kind, key)
        return 200, item | {"proposals": self._find_open(kind, key)}

    def read_history(self, kind: str, key: str, **_: Any) -> Answer:
        versions = [
            {**{name: entry[name] for name in ("version", "published_at", "published_by", "note")},
             "change": row["change"], "differences": row["differences"]}
            for entry in reversed(self.publications)
            for row in entry["definitions"]
            if (row["kind"], row["key"]) == (kind, key)
        ]  # fmt: skip
        return 200, {"versions": versions}

    def list_stale_flags(self, **_: Any) -> Answer:
        stale = {"key": "old-banner", "last_evaluated": None, "reasons": ["on for everyone for 120 days"]}
        return 200, {"flags": [stale] if ("flag", "old-banner") in self.items else []}

    def diff(self, body: Any, **_: Any) -> Answer:
        changes = self._compare(body)
        documents = [document for _, document in _documents(body)]
        problems = [
            {"path": f"{document.get('key')}.type", "message": "is not one of boolean, string"}
            for document in documents
            if document.get("type") == "wrong"
        ]
        return 200, {"is_valid": not problems, "problems": problems, "warnings": [], "version": self.version,
                     "changes": changes, "needs_approval": self.needs_approval}  # fmt: skip

    def publish(self, by: str, body: Any, headers: Any, **_: Any) -> Answer:
        if headers.get("If-Match") != f'"{self.version}"':
            message = "Somebody has published since."
            raise Refusal(412, "version_conflict", message, [{"version": self.version}])
        changes = self._compare(body)
        if self.needs_approval:
            return 202, {"proposal": self.propose(by, body), "changes": changes}
        return 200, {"version": self.apply(by, body, body["reason"]), "changes": changes}

    def rollback(self, by: str, body: Any, **_: Any) -> Answer:
        version = self._log(by, f"back to {body['version']}: {body['reason']}", [])
        return 200, {"version": version, "changes": []}

    def kill(self, key: str, by: str, body: Any, **_: Any) -> Answer:
        item = self._find("flag", key)
        item |= {"is_killed": True, "status": "inactive", "summary": "off",
                 "killed": {"at": NOW, "by": by, "reason": body["reason"]}}  # fmt: skip
        item["definition"]["enabled"] = False
        parts = [{"path": "enabled", "before": "true", "after": "false"}]
        version = self._log(by, f"kill: {body['reason']}", [("flag", key, "changed", parts)])
        return 200, {"version": version, "answer": {"variant": "off", "value": False}}

    def undo_kill(self, key: str, by: str, body: Any, **_: Any) -> Answer:
        item = self._find("flag", key)
        item |= {"is_killed": False, "status": "active", "killed": None}
        item["definition"]["enabled"] = True
        return 200, {"version": self._log(by, body["reason"], [("flag", key, "changed", ())]), "changes": []}

    def list_publications(self, before: str | None, **_: Any) -> Answer:
        found = [
            entry for entry in reversed(self.publications) if not before or entry["version"] < int(before)
        ]
        rest = found[50:]
        return 200, {"publications": found[:50], "before": found[49]["version"] if rest else None}

    def read_publication(self, version: str, **_: Any) -> Answer:
        if not version.isdigit() or not 0 < int(version) <= self.version:
            raise Refusal(404, "not_found", f"There is no version {version}.")
        return 200, self.publications[int(version) - 1]

    def list_proposals(self, state: str | None, **_: Any) -> Answer:
        return 200, {
            "proposals": [each for each in self.proposals.values() if state in (None, each["state"])]
        }

    def read_proposal(self, name: str, **_: Any) -> Answer:
        if name not in self.proposals:
            raise Refusal(404, "not_found", f"There is no proposal {name!r}.")
        return 200, self.proposals[name]

    def decide(self, name: str, how: str, by: str, body: Any, **_: Any) -> Answer:
        proposal = self.proposals[name]
        if how == "approve" and proposal["proposed_by"] == by:
            raise Refusal(403, "same_identity", "Somebody else must approve it.")
        if how == "approve" and proposal["state"] == "outdated":
            raise Refusal(409, "proposal_outdated", "What it changes was published since.")
        state = "approved" if how == "approve" else "rejected"
        proposal |= {
            "changes": [],
            "state": state,
            "decided_by": by,
            "decided_at": NOW,
            "decision_note": body["note"],
        }
        if how == "approve":
            proposal["published_version"] = self.apply(
                proposal["proposed_by"], proposal["body"], proposal["reason"]
            )
        return 200, {"version": self.version}

    def propose(self, by: str, body: Any) -> str:
        name = f"p-{len(self.proposals) + 1}"
        changes = self._compare(body)
        words = {"+": "added", "~": "changed", "-": "removed"}
        self.proposals[name] = {
            "id": name, "state": "open", "proposed_at": NOW, "proposed_by": by, "reason": body["reason"],
            "base_version": self.version, "changes": changes, "body": body, "decided_at": None,
            "decided_by": None, "decision_note": None, "published_version": None,
            "definitions": [
                {"kind": each["kind"], "key": each["key"], "change": words[each["sign"]]} for each in changes
            ],
        }  # fmt: skip
        return name

    def apply(self, by: str, body: Any, note: str) -> int:
        changed = []
        for change in self._compare(body):
            how = {"+": "added", "~": "changed", "-": "removed"}[change["sign"]]
            changed.append((change["kind"], change["key"], how, change["differences"]))
        for kind, document in _documents(body):
            fallback = make_demo()[4] | {"kind": kind, "key": document["key"], "definition": {}, "version": 0}
            item = self.items.setdefault((kind, document["key"]), fallback)
            item["definition"] = document
            item["rollout"] = document.get("rollout_percentage")
            item["status"] = document.get("status") or (
                "active" if document.get("enabled", True) else "inactive"
            )
        for name in body.get("remove", ()):
            del self.items[name["kind"], name["key"]]
        return self._log(by, note, changed)

    def _find(self, kind: str, key: str) -> dict[str, Any]:
        if (kind, key) not in self.items:
            raise Refusal(404, f"{kind}_not_found", f"There is no {kind} {key!r}.")
        return self.items[kind, key]

    def _find_open(self, kind: str, key: str) -> list[dict[str, Any]]:
        return [
            proposal
            for proposal in self.proposals.values()
            if proposal["state"] == "open"
            and any((row["kind"], row["key"]) == (kind, key) for row in proposal["definitions"])
        ]

    def _compare(self, body: Any) -> list[dict[str, Any]]:
        changes = []
        for kind, document in _documents(body):
            published = self.items.get((kind, document["key"]))
            old = (published and published["definition"]) or {}
            parts = [
                {"path": name, "before": _show(old, name), "after": _show(document, name)}
                for name in {**old, **document}
                if _show(old, name) != _show(document, name)
            ]
            impact = {"text": "14.9% of 10,000 made-up users get another answer", "share": 0.149, "lines": []}
            if parts:
                changes.append({"kind": kind, "key": document["key"], "sign": "~" if published else "+",
                                "differences": parts, "impact": impact, "notes": []})  # fmt: skip
        return changes + [
            {**name, "sign": "-", "differences": [], "impact": None, "notes": []}
            for name in body.get("remove", ())
        ]


def _documents(body: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(kinds[:-1], each) for kinds, documents in body["definitions"].items() for each in documents]


def _show(document: dict[str, Any], name: str) -> str:
    return json.dumps(document[name]) if name in document else "absent"


_KEY = "/([^/?]+)"
ROUTES: list[tuple[str, str, str]] = [
    ("GET", "/admin", "me"),
    ("GET", r"/admin/definitions(?:\?kind=(\w+))?", "list_definitions"),
    ("GET", rf"/admin/definitions{_KEY}{_KEY}", "read_definition"),
    ("GET", rf"/admin/definitions{_KEY}{_KEY}/history", "read_history"),
    ("GET", "/admin/stale-flags", "list_stale_flags"),
    ("POST", "/admin/diff", "diff"),
    ("POST", "/admin/publish", "publish"),
    ("POST", "/admin/rollback", "rollback"),
    ("POST", rf"/admin/flags{_KEY}/kill", "kill"),
    ("POST", rf"/admin/flags{_KEY}/undo-kill", "undo_kill"),
    ("GET", r"/admin/publications(?:\?limit=\d+(?:&before=(\d+))?)?", "list_publications"),
    ("GET", rf"/admin/publications{_KEY}", "read_publication"),
    ("GET", r"/admin/proposals(?:\?state=(\w+))?", "list_proposals"),
    ("GET", rf"/admin/proposals{_KEY}", "read_proposal"),
    ("POST", rf"/admin/proposals{_KEY}/(approve|reject)", "decide"),
    ("GET", "/admin/keys", "list_keys"),
    ("POST", "/admin/keys", "create_key"),
    ("POST", rf"/admin/keys{_KEY}/revoke", "revoke_key"),
    ("GET", "/admin/webhooks", "list_webhooks"),
    ("POST", "/admin/webhooks", "create_webhook"),
    ("DELETE", rf"/admin/webhooks{_KEY}", "delete_webhook"),
    ("POST", rf"/admin/webhooks{_KEY}/test", "test_webhook"),
    ("POST", "/admin/explain", "explain"),
    ("GET", "/admin/status", "read_status"),
    ("GET", "/admin/quarantine", "read_quarantine"),
    ("GET", rf"/admin/experiments{_KEY}/results", "read_results"),
    ("GET", rf"/admin/experiments{_KEY}/analysis", "read_analysis"),
    ("GET", r"/admin/actions(?:\?limit=\d+)?", "list_actions"),
]
