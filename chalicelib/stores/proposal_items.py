"""Items of proposals in the publications table, and the writes that decide one while it is open.

``proposal`` with its number as the version is a proposal. ``proposal/NUMBER`` has the changed definitions,
compressed, in one item or more.
"""

import json
import zlib
from typing import Any

from chalicelib.domain.definitions.model import Approval, DefinitionRow
from chalicelib.domain.proposals import Proposal, ProposedChange
from chalicelib.domain.publishing.author import Author

ID = "proposal"
IS_OPEN: dict[str, Any] = {
    "ConditionExpression": "#state = :open",
    "ExpressionAttributeNames": {"#state": "state"},
    "ExpressionAttributeValues": {":open": {"S": "open"}},
}
_TEXTS = ("proposed_at", "reason", "state", "decided_at", "decision_note")


def build_key(number: int) -> dict[str, Any]:
    return {"id": {"S": ID}, "version": {"N": str(number)}}


def build_content_key(number: int, part: int) -> dict[str, Any]:
    return {"id": {"S": f"{ID}/{number}"}, "version": {"N": str(part)}}


def build_item(proposal: Proposal) -> dict[str, Any]:
    """Not decided."""
    return {
        **build_key(proposal.number),
        "base": {"N": str(proposal.base_version)},
        "changes": {"B": pack([list(change) for change in proposal.changes])},
        "proposed_by": write_author(proposal.proposed_by),
        **{name: {"S": getattr(proposal, name)} for name in _TEXTS},
    }


def read_item(item: Any) -> Proposal:
    return Proposal(
        changes=tuple(ProposedChange(*change) for change in unpack(item["changes"]["B"])),
        base_version=int(item["base"]["N"]),
        proposed_by=_read_author(item["proposed_by"]),
        number=int(item["version"]["N"]),
        decided_by=_read_author(item["decided_by"]) if "decided_by" in item else None,
        published_version=int(item["published"]["N"]) if "published" in item else None,
        **{name: item[name]["S"] for name in _TEXTS},
    )


def check_open(table: str, number: int) -> Any:
    return {"ConditionCheck": {"TableName": table, "Key": build_key(number), **IS_OPEN}}


def write_author(author: Author) -> Any:
    return {"M": {name: {"S": value} for name, value in author._asdict().items()}}


def _read_author(value: Any) -> Author:
    return Author(**{name: text["S"] for name, text in value["M"].items()})


def close_as_approved(table: str, approval: Approval, origin: DefinitionRow) -> Any:
    """``origin`` says who publishes it when, and as which version."""
    values = {
        "state": {"S": "approved"},
        "decided_at": {"S": origin.published_at},
        "decided_by": write_author(Author(origin.published_by, identity=approval.identity)),
        "decision_note": {"S": approval.note},
        "published": {"N": str(origin.version)},
    }
    return {"Update": {"TableName": table, **update_open(approval.number, values)}}


def update_open(number: int, values: dict[str, Any]) -> dict[str, Any]:
    """Refused unless the proposal is open."""
    return {
        "Key": build_key(number),
        "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in values),
        "ConditionExpression": IS_OPEN["ConditionExpression"],
        "ExpressionAttributeNames": {f"#{name}": name for name in values},
        "ExpressionAttributeValues": {
            **{f":{name}": value for name, value in values.items()},
            **IS_OPEN["ExpressionAttributeValues"],
        },
    }


def pack(value: Any) -> bytes:
    """Names and texts of definitions repeat each other: a tenth of their size."""
    return zlib.compress(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def unpack(data: bytes) -> Any:
    return json.loads(zlib.decompress(data))
