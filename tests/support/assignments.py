"""Rows of the assignments table, and their changes as Lambda delivers them."""

from typing import Any

from tests.support.streams import TABLE_ARN

Image = dict[str, Any]


def row(
    user: str = "u1", variant: str = "control", at: str = "2026-11-22T10:30:00.000Z", **fields: str
) -> Image:
    image = {
        "id": {"S": f"checkout#{user}"},
        "user_id": {"S": user},
        "assignment_id": {"S": f"a-{user}"},
        "experiment_id": {"S": "checkout"},
        "variant": {"S": variant},
        "timestamp": {"S": at},
    }
    return image | {name: {"N": value} for name, value in fields.items()}


def change(number: int, new: Image | None = None, old: Image | None = None) -> dict[str, Any]:
    name = "INSERT" if old is None else "MODIFY" if new else "REMOVE"
    images = {"NewImage": new, "OldImage": old}
    return {
        "eventName": name,
        "eventSourceARN": TABLE_ARN,
        "dynamodb": {"SequenceNumber": f"{number:030d}"}
        | {key: image for key, image in images.items() if image},
    }
