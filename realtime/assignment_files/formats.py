"""Who has which variant, in the forms that systems store it in. Messages never hold a user's id."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from chalicelib.domain.timestamps import parse_timestamp
from realtime.event_files.numbers import describe_kind
from realtime.event_files.rows import Data, Row, get_column
from realtime.event_files.timestamps import FORMATS, convert_timestamp, list_formats

FormatName = Literal["rows", "growthbook", "optimizely"]


class Stored(NamedTuple):
    """``unit`` and ``variant`` as the file has them. ``assigned_at`` in epoch seconds, if it says that."""

    unit: Any
    variant: str
    assigned_at: float | None


@dataclass(frozen=True, slots=True)
class Form:
    """``user``, ``variant`` and ``time`` are columns. For GrowthBook ``user`` is the name of an attribute.

    ``experiment`` is the other system's key or id of it; ``bucket_version`` is GrowthBook's.
    """

    name: FormatName = "rows"
    user: str = ""
    variant: str = "variant"
    time: str = "assigned_at"
    experiment: str = ""
    bucket_version: str = ""

    @property
    def user_column(self) -> str:
        return self.user or ("id" if self.name == "growthbook" else "user_id")

    def split(self, row: Row) -> Iterator[Row]:
        """A dump of sticky buckets may be one object with a document for each user."""
        documents = list(row.data.values())
        is_dump = documents and all(isinstance(each, dict) for each in documents)
        if self.name == "rows" or not is_dump or row.data.keys() & _OF_A_DOCUMENT:
            yield row
            return
        for number, document in enumerate(documents, 1):
            yield Row(f"{row.number}.{number}", f"{row.place}, document {number}", document)

    def read(self, data: Data) -> Stored | None:
        """None for what is of another experiment or another unit. Raises ValueError with the remedy."""
        found = _READERS[self.name](self, data)
        if found is None:
            return None
        unit, variant = found
        return Stored(unit, _read_variant(variant, self), _read_time(get_column(data, self.time), self.time))


_OF_A_DOCUMENT = {"assignments", "experiment_bucket_map"}


def _read_row(form: Form, data: Data) -> tuple[Any, Any]:
    unit = get_column(data, form.user_column)
    if unit is None or unit == "":
        raise ValueError(f"has no {form.user_column}; --user-column names another column")
    variant = get_column(data, form.variant)
    if variant is None or variant == "":
        raise ValueError(f"has no {form.variant}; --variant-column names another, or leave the row out")
    return unit, variant


def _read_sticky_bucket(form: Form, data: Data) -> tuple[Any, Any] | None:
    """{"attributeName": "id", "attributeValue": ID, "assignments": {"experiment__0": "control"}}"""
    if data.get("attributeName") != form.user_column:
        if not isinstance(data.get("attributeName"), str):
            raise ValueError("has no attributeName; --format growthbook reads sticky bucket documents")
        return None
    assignments = _read_object(data, "assignments")
    versions = {
        version: variant
        for key, variant in assignments.items()
        for name, _, version in [key.rpartition("__")]
        if name == form.experiment and form.bucket_version in ("", version)
    }
    if len(versions) > 1:
        listed = ", ".join(sorted(versions))
        raise ValueError(f"has the bucket versions {listed}; name that in use with --bucket-version")
    return next(((data.get("attributeValue"), variant) for variant in versions.values()), None)


def _read_profile(form: Form, data: Data) -> tuple[Any, Any] | None:
    """{"user_id": ID, "experiment_bucket_map": {"11": {"variation_id": "22"}}}"""
    entry = _read_object(data, "experiment_bucket_map").get(form.experiment)
    if entry is None:
        return None
    if not isinstance(entry, dict) or "variation_id" not in entry:
        raise ValueError("has no variation_id in its experiment_bucket_map")
    return data.get(form.user_column), entry["variation_id"]


_READERS: Mapping[FormatName, Callable[[Form, Data], tuple[Any, Any] | None]] = {
    "rows": _read_row,
    "growthbook": _read_sticky_bucket,
    "optimizely": _read_profile,
}


def _read_object(data: Data, name: str) -> Mapping[str, Any]:
    value = data.get(name)
    if not isinstance(value, dict):
        raise ValueError(f"must have an object {name}; --format names another form")  # noqa: TRY004 - of the file
    return value


def _read_variant(value: Any, form: Form) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"{form.variant}: {describe_kind(value)} is no variant; write its key as text")


def _read_time(value: Any, column: str) -> float | None:
    """Only what cannot mean two times: ISO 8601, or a number of seconds and finer units."""
    if value is None or value == "":
        return None
    name = next((name for name in list_formats(value) if name in FORMATS), None)
    if name is None:
        raise ValueError(f"{column} must be ISO 8601, or seconds or milliseconds since 1970")
    try:
        return parse_timestamp(convert_timestamp(value, name))
    except ValueError as error:
        raise ValueError(f"{column}: {error}") from None
