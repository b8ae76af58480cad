"""Empty a versioned bucket: every version, and every marker that hides one."""

from collections.abc import Callable, Iterator
from typing import Any


class NotEmptied(Exception):
    """S3 has refused to delete some versions."""


def empty(s3: Any, bucket: str, say: Callable[[str], object]) -> int:
    """The number of versions that were deleted. After an interruption, call it again."""
    deleted = 0
    for batch in _list_versions(s3, bucket):
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
        errors = answer.get("Errors", [])
        if errors:
            why = f"{errors[0]['Key']}: {errors[0]['Code']} {errors[0]['Message']}"
            raise NotEmptied(f"{bucket}: {len(errors)} versions stay, such as {why}")
        deleted += len(batch)
        say(f"{bucket}: {deleted} versions deleted")
    return deleted


def _list_versions(s3: Any, bucket: str) -> Iterator[list[dict[str, str]]]:
    """The first page again and again, until there is none: at most 1,000, which one deletion takes."""
    while True:
        page = s3.list_object_versions(Bucket=bucket)
        found = page.get("Versions", []) + page.get("DeleteMarkers", [])
        if not found:
            return
        yield [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
