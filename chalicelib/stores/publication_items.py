"""Items and writes of publications: see `chalicelib.stores.publication`."""

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.domain.definitions.model import DefinitionRow

_ATTRIBUTES = ("definition", "status", "version", "updated_at", "previous")


def put_publication(table: str, origin: DefinitionRow, changed: Sequence[DefinitionRow] | None) -> Any:
    """``origin`` has the version, and who published it when. ``changed`` None: anything may have changed."""
    item: dict[str, Any] = {**build_key("publication", origin.version), **_build_origin(origin)}
    if changed is not None:
        changes = [{"kind": {"S": row.kind}, "key": {"S": row.key}} for row in changed]
        item["changes"] = {"L": [{"M": change} for change in changes]}
    return {"Put": {"TableName": table, "Item": item, "ConditionExpression": "attribute_not_exists(id)"}}


def put_version(table: str, row: DefinitionRow) -> Any:
    """One version of one definition, in the history."""
    item = {
        **build_key(f"{row.kind}/{row.key}", row.version),
        "definition": {"S": row.text},
        "status": {"S": row.status},
        **_build_origin(row),
    }
    return {"Put": {"TableName": table, "Item": item}}


def update_first(table: str, row: DefinitionRow) -> Any:
    """The row of a definition of which no version was in force before.

    An update, since the platform keeps attributes of its own in the same row.
    """
    return {"Update": update_row(table, row.key, {**build_values(row), "previous": {"N": "0"}})}


def clear_row(table: str, key: str) -> Any:
    """Removes what this service wrote; the platform's attributes stay."""
    return {"Update": update_row(table, key, {})}


def build_key(item_id: str, version: int) -> dict[str, Any]:
    return {"id": {"S": item_id}, "version": {"N": str(version)}}


def _build_origin(row: DefinitionRow) -> dict[str, Any]:
    origin: dict[str, Any] = {
        "published_at": {"S": row.published_at},
        "published_by": {"S": row.published_by},
    }
    return origin | ({"published_note": {"S": row.published_note}} if row.published_note else {})


def build_values(row: DefinitionRow) -> dict[str, Any]:
    values: dict[str, Any] = {
        "status": {"S": row.status},
        "version": {"N": str(row.version)},
        "updated_at": {"S": row.published_at},
    }
    return values | ({"definition": {"S": row.text}} if row.text else {})


def update_row(table: str, key: str, values: Mapping[str, Any], *, keep_previous: bool = False) -> Any:
    """Sets our attributes in ``values`` and removes our others; the platform's attributes stay.

    ``keep_previous``: the version that was there before becomes ``previous``.
    """
    sets = [f"#{name} = :{name}" for name in values]
    if keep_previous:
        sets.append("#previous = if_not_exists(#version, :none)")
        values = {**values, "none": {"N": "0"}}
    removed = [
        f"#{name}"
        for name in _ATTRIBUTES
        if name not in values and not (keep_previous and name == "previous")
    ]
    expression = (f"SET {', '.join(sets)} " if sets else "") + (
        f"REMOVE {', '.join(removed)}" if removed else ""
    )
    update = {
        "TableName": table,
        "Key": {"id": {"S": key}},
        "UpdateExpression": expression,
        "ExpressionAttributeNames": {f"#{name}": name for name in _ATTRIBUTES},
    }
    if values:
        update["ExpressionAttributeValues"] = {f":{name}": value for name, value in values.items()}
    return update
