"""Definitions that name a user: in overrides, conditions or segments; those in force, and their old versions.

What is in force is not changed here: it comes from files, whose next publish would bring the user back. Old
versions are only history, so there the user gets a pseudonym or is removed.
"""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from chalicelib.domain.definitions.model import DefinitionKind, DefinitionRow, Definitions
from chalicelib.stores.resilience import guarded
from realtime.user_data.stores import Finding, Request, Row, RowStore

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients

KINDS: tuple[DefinitionKind, ...] = ("experiment", "flag", "segment")


class Versions:
    """The texts of published versions."""

    def __init__(self, clients: "Clients", table: str) -> None:
        self._clients = clients
        self._table = table

    @guarded
    def replace(self, row: DefinitionRow, text: str) -> None:
        self._clients.dynamodb.update_item(
            TableName=self._table,
            Key={"id": {"S": f"{row.kind}/{row.key}"}, "version": {"N": str(row.version)}},
            UpdateExpression="SET #definition = :text",
            ConditionExpression="#definition = :old",
            ExpressionAttributeNames={"#definition": "definition"},
            ExpressionAttributeValues={":text": {"S": text}, ":old": {"S": row.text}},
        )


class DefinitionsInForce:
    """A `UserStore` whose records only the operator can change, by a publish."""

    name = "definitions in force"

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions

    def search(self, request: Request) -> Finding:
        rows = [row for row, _ in self._find(request)]
        notes = [
            f"{row.kind} {row.key} names a user. Take the id out of its file, publish it, and run again."
            for row in rows
        ]
        finding = Finding()
        finding.add(Finding(own=len(rows), notes=notes))
        return finding

    def forget(self, request: Request) -> Finding:
        del request
        return Finding()

    def export(self, request: Request) -> Mapping[str, Iterator[Mapping[str, Any]]]:
        return {"definitions.jsonl": (describe_row(row, request) for row, _ in self._find(request))}

    def _find(self, request: Request) -> Iterator[tuple[DefinitionRow, str]]:
        for kind in KINDS:
            for row in self._definitions.get_all(kind).values():
                text = _rewrite(row, request)
                if text != row.text:
                    yield row, text


def create_history(definitions: Definitions, versions: Versions) -> RowStore:
    def find(request: Request) -> Iterator[Row]:
        in_force = {
            (row.kind, row.key, row.version) for kind in KINDS for row in definitions.get_all(kind).values()
        }
        for row in definitions.get_versions():
            text = _rewrite(row, request)
            if text != row.text and (row.kind, row.key, row.version) not in in_force:
                yield Row(describe_row(row, request), partial(versions.replace, row, text))

    return RowStore("old versions of definitions", "definitions-history.jsonl", find)


def names_user(row: DefinitionRow, request: Request) -> bool:
    return _rewrite(row, request) != row.text


def _rewrite(row: DefinitionRow, request: Request) -> str:
    """The text without users; the same text if it names none."""
    if not row.text or not request.matcher.may_hold(row.text.encode()):
        return row.text
    document = json.loads(row.text)
    changed = request.matcher.replace_in_document(document, request.action.replace)
    return row.text if changed == document else json.dumps(changed, ensure_ascii=False, separators=(",", ":"))


def describe_row(row: DefinitionRow, request: Request) -> Mapping[str, Any]:
    """Only the override is the user's own; the rest of a definition may name other users."""
    overrides = json.loads(row.text).get("overrides") or {}
    variants = sorted({variant for id_, variant in overrides.items() if id_ in request.matcher.ids})
    return {
        "kind": row.kind,
        "key": row.key,
        "version": row.version,
        "published_at": row.published_at,
        "override": variants[0] if variants else None,
    }
