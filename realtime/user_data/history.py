"""Rows of users in PostgreSQL: the history of assignments."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import orjson

from chalicelib.domain.timestamps import format_timestamp
from realtime.postgres.connection import connect, find_target
from realtime.user_data.stores import Request, Row

if TYPE_CHECKING:
    from chalicelib.stores.postgres_connection import ClosingConnection
    from chalicelib.wiring import Plane

NO_VALUE = ("22P02", "22P05")
"""SQLSTATE of an id that no row can have, such as a text where the column is a uuid."""

# The id gets the column's own type, text or uuid.
SELECT = """
SELECT id::text, experiment_id, variant_id, user_id::text, created_at, updated_at FROM assignments
WHERE user_id = (SELECT user_id FROM json_populate_record(NULL::assignments, :id))
"""
DELETE = "DELETE FROM assignments WHERE id = :id"
UPDATE = """
UPDATE assignments SET id = :new_id, user_id = :user_id
WHERE id = :id AND NOT EXISTS (SELECT FROM assignments WHERE id = :new_id)
"""


def find_history(services: "Plane", request: Request) -> Iterator[Row]:
    """The rows keep their variant and times under a pseudonym. Their ids are hashes that anybody can compute
    from the user's, so they are replaced as well."""
    with connect(find_target(services)) as connection:
        for user_id in sorted(request.matcher.ids):
            for row in _select(connection, user_id):

                def forget(id_: str = row[0], user_id: str = user_id) -> None:
                    _forget(connection, request, id_, user_id)

                yield Row(_describe(row), forget)


def _select(connection: "ClosingConnection", user_id: str) -> list[Any]:
    from pg8000.native import DatabaseError

    try:
        rows: list[Any] = connection.run(SELECT, id=orjson.dumps({"user_id": user_id}).decode())
    except DatabaseError as error:
        if error.args[0].get("C") in NO_VALUE:
            return []
        raise
    return rows


def _forget(connection: "ClosingConnection", request: Request, id_: str, user_id: str) -> None:
    pseudonyms = request.action.pseudonyms
    if pseudonyms is not None:
        hidden = pseudonyms.hide("assignment", id_)
        connection.run(UPDATE, id=id_, new_id=hidden, user_id=pseudonyms.get_user(user_id))
    connection.run(DELETE, id=id_)  # also a row that was synced again after an earlier run


def _describe(row: Any) -> dict[str, str]:
    id_, experiment_id, variant_id, user_id, created_at, updated_at = row
    return {
        "id": id_,
        "experiment_id": str(experiment_id),
        "variant_id": str(variant_id),
        "user_id": user_id,
        "created_at": format_timestamp(created_at.timestamp()),
        "updated_at": format_timestamp(updated_at.timestamp()),
    }
