"""The assignments table: one row per experiment and user, written once; and the links of anonymous ids."""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.domain.definitions.model import Assignment, Experiment
from chalicelib.domain.identity import Link
from chalicelib.domain.timestamps import format_timestamp, parse_timestamp
from chalicelib.settings import Settings
from chalicelib.stores.batches import batch_get
from chalicelib.stores.conditions import get_existing_item
from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients


LINK = "$identity#"
"""Before the id of a link. No row begins so, as the id of an experiment has no ``$``."""

_REFUSED = frozenset({"None", "ConditionalCheckFailed", "TransactionConflict"})


class AssignmentStore:
    def __init__(self, clients: "Clients", settings: Settings) -> None:
        self._clients = clients
        self._table = settings.assignments_table
        self._has_platform = settings.platform == "existing"

    @guarded
    def get(self, experiment: Experiment, user_id: str) -> Assignment | None:
        """Eventually consistent, at half the price: the condition of `put` catches a row that it misses."""
        key: Any = _make_key(experiment.id, user_id)
        item = self._clients.dynamodb.get_item(TableName=self._table, Key=key).get("Item")
        return _read_row(item) if item else None

    @guarded
    def get_many(
        self, pairs: Collection[tuple[str, str]], *, consistent: bool = True
    ) -> dict[tuple[str, str], Assignment]:
        """By experiment id and user id, 100 a call: the rows that exist.

        Raises Throttled rather than answer for a part of them.
        """
        return self._read(pairs, (), consistent=consistent)[0]

    @guarded
    def get_rows_and_links(
        self, pairs: Collection[tuple[str, str]], ids: Iterable[str], *, consistent: bool = True
    ) -> tuple[dict[tuple[str, str], Assignment], dict[str, Link]]:
        return self._read(pairs, ids, consistent=consistent)

    def _read(
        self, pairs: Collection[tuple[str, str]], ids: Iterable[str], *, consistent: bool
    ) -> tuple[dict[tuple[str, str], Assignment], dict[str, Link]]:
        by_row = {f"{experiment_id}#{user_id}": (experiment_id, user_id) for experiment_id, user_id in pairs}
        by_link = {f"{LINK}{id_}": id_ for id_ in ids}
        keys = [{"id": {"S": item_id}} for item_id in (*by_row, *by_link)]
        items = {
            item["id"]["S"]: item
            for item in batch_get(self._clients.dynamodb, self._table, keys, consistent=consistent)
        }
        rows = {pair: _read_row(items[item_id]) for item_id, pair in by_row.items() if item_id in items}
        links = {id_: _read_link(items[item_id]) for item_id, id_ in by_link.items() if item_id in items}
        return rows, links

    @guarded
    def put_link(self, anonymous_id: str, link: Link, now: float) -> bool:
        puts: Any = [{"Put": self._make_link(id_, link, now)} for id_ in (anonymous_id, link.user_id)]
        client = self._clients.dynamodb
        try:
            client.transact_write_items(TransactItems=puts)
        except client.exceptions.TransactionCanceledException as error:
            reasons: Any = error.response.get("CancellationReasons", [])
            if not {reason.get("Code") for reason in reasons} <= _REFUSED:
                raise
            return False
        return True

    @guarded
    def list_anonymous_ids(self, user_ids: Collection[str]) -> dict[str, str]:
        pages = self._clients.dynamodb.get_paginator("scan").paginate(
            TableName=self._table,
            ConsistentRead=True,
            FilterExpression="begins_with(id, :link)",
            ExpressionAttributeValues={":link": {"S": LINK}},
        )
        items: Any = (item for page in pages for item in page["Items"])
        links = {item["id"]["S"].removeprefix(LINK): item["user_id"]["S"] for item in items}
        return {id_: user for id_, user in links.items() if user in user_ids and id_ != user}

    @guarded
    def put(
        self, experiment: Experiment, user_id: str, row: Assignment, replace: Assignment | None
    ) -> Assignment:
        """Writes ``row`` if there is none, or only ``replace``; returns the row that stands then.

        The loser of a race gets the winner's row with the refusal, so it needs no second read. A write that
        is repeated after a timeout loses against itself, with the same result.
        """
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(id)"}
        if replace is not None:
            condition = {
                "ConditionExpression": "attribute_not_exists(id) OR (variant = :variant AND #at = :at)",
                "ExpressionAttributeNames": {"#at": "timestamp"},
                "ExpressionAttributeValues": {
                    ":variant": {"S": replace.variant},
                    ":at": {"S": format_timestamp(replace.timestamp)},
                },
            }
        try:
            self._clients.dynamodb.put_item(
                TableName=self._table,
                Item=self._item(experiment, user_id, row),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **condition,
            )
        except ClientError as error:
            return _read_row(get_existing_item(error))
        return row

    def _item(self, experiment: Experiment, user_id: str, row: Assignment) -> dict[str, Any]:
        item: dict[str, Any] = {
            **_make_key(experiment.id, user_id),
            "user_id": {"S": user_id},
            "experiment_id": {"S": experiment.id},
            "experiment_key": {"S": experiment.key},
            **_write_assignment(row),
        }
        if row.replaced:
            item["replaced"] = {"L": [{"M": _write_assignment(replaced)} for replaced in row.replaced]}
        if self._has_platform:  # the platform's indexes use these attributes
            item["assigned_at"] = {"N": str(int(row.timestamp))}
            item["variation"] = {"S": row.variant}
        return item

    def _make_link(self, id_: str, link: Link, now: float) -> dict[str, Any]:
        user = {"S": link.user_id}
        return {
            "TableName": self._table,
            "Item": {
                "id": {"S": f"{LINK}{id_}"},
                "user_id": user,
                "linked_at": {"S": format_timestamp(link.linked_at)},
                "ttl": {"N": str(int(link.expires_at))},
            },
            "ConditionExpression": "attribute_not_exists(id) OR user_id = :user OR #ttl <= :now",
            "ExpressionAttributeNames": {"#ttl": "ttl"},
            "ExpressionAttributeValues": {":user": user, ":now": {"N": str(int(now))}},
        }


def _make_key(experiment_id: str, user_id: str) -> dict[str, Any]:
    return {"id": {"S": f"{experiment_id}#{user_id}"}}


def _write_assignment(row: Assignment) -> dict[str, Any]:
    item: dict[str, Any] = {
        "variant": {"S": row.variant},
        "assignment_id": {"S": row.assignment_id},
        "timestamp": {"S": format_timestamp(row.timestamp)},
    }
    if row.iteration != 1:
        item["iteration"] = {"N": str(row.iteration)}
    if row.version:
        item["version"] = {"N": str(row.version)}
    if row.expires_at is not None:
        item["ttl"] = {"N": str(int(row.expires_at))}
    if row.linked_at is not None:
        item["linked_at"] = {"S": format_timestamp(row.linked_at)}
    if row.person:
        item["person"] = {"S": row.person}
    return item


def _read_row(item: Any) -> Assignment:
    return Assignment(
        variant=item["variant"]["S"],
        assignment_id=item["assignment_id"]["S"],
        timestamp=parse_timestamp(item["timestamp"]["S"]),
        iteration=int(item["iteration"]["N"]) if "iteration" in item else 1,
        expires_at=float(item["ttl"]["N"]) if "ttl" in item else None,
        version=int(item["version"]["N"]) if "version" in item else 0,
        replaced=tuple(_read_row(replaced["M"]) for replaced in item["replaced"]["L"])
        if "replaced" in item
        else (),
        person=item["person"]["S"] if "person" in item else "",
        linked_at=parse_timestamp(item["linked_at"]["S"]) if "linked_at" in item else None,
    )


def _read_link(item: Any) -> Link:
    linked_at = parse_timestamp(item["linked_at"]["S"])
    return Link(item["user_id"]["S"], linked_at, float(item["ttl"]["N"]))
