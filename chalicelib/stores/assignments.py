"""The assignments table: one row per experiment and user, written once."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.domain.definitions.model import Assignment, Experiment
from chalicelib.domain.timestamps import format_timestamp, parse_timestamp
from chalicelib.settings import Settings
from chalicelib.stores.batches import batch_get
from chalicelib.stores.conditions import get_existing_item
from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients


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
        ids = {f"{experiment_id}#{user_id}": (experiment_id, user_id) for experiment_id, user_id in pairs}
        keys = [{"id": {"S": row_id}} for row_id in ids]
        items = batch_get(self._clients.dynamodb, self._table, keys, consistent=consistent)
        return {ids[item["id"]["S"]]: _read_row(item) for item in items}

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
    )
