"""The table over an archive in S3, with partitions projected from its keys (docs/archive.md)."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from realtime.analysis.archive.files import Days
from realtime.analysis.archive.layout import RAW
from realtime.analysis.engines.literals import quote

TABLE = "realtime_events"
FIRST_YEAR, LAST_YEAR = 1997, 2050


@dataclass(frozen=True, slots=True)
class AthenaOptions:
    """``output``: s3://… for results, where the workgroup has none. ``is_made``: the table is there;
    otherwise it is created if it is missing.
    """

    database: str
    table: str
    workgroup: str
    output: str | None = None
    is_made: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """``location``: s3://BUCKET or s3://BUCKET/PREFIX. ``has_hours``: not as Firehose files objects."""

    location: str
    has_hours: bool = True

    @property
    def root(self) -> str:
        return f"{self.location.rstrip('/')}/{RAW}"


COLUMNS: Mapping[str, str] = {
    "event_id": "string",
    "event_type": "string",
    "user_id": "string",
    "timestamp": "string",
    "value": "string",
    "currency": "string",
    "experiment_key": "string",
    "flag_key": "string",
    "properties": "string",
    "realtime": (
        "struct<place:string,occurred_at:string,arrived_at:double,received_at:double,duplicate:boolean,"
        "backfill:boolean,person:string,experiments:array<struct<key:string,id:string,iteration:int,"
        "variant:string,rule:string,counted_as:string,assigned_at:double,seconds_since_assignment:double>>>"
    ),
}
"""Those that statements read."""
SERDE = "org.openx.data.jsonserde.JsonSerDe"
SERDE_PROPERTIES: Mapping[str, str] = {"case.insensitive": "FALSE", "ignore.malformed.json": "TRUE"}
"""An event may have other fields, whose names differ from these in capitals only."""


def name_in_stack(env: str) -> AthenaOptions:
    """What the data stack of an environment makes (infra/athena.py)."""
    return AthenaOptions(f"realtime_{env.replace('-', '_')}", TABLE, f"realtime-{env}", is_made=True)


def name_elsewhere(layout: Layout) -> AthenaOptions:
    """In what every account has. A table for each archive: one with its name may be of another."""
    text = f"{layout.root} {layout.has_hours}"
    return AthenaOptions("default", f"{TABLE}_{hashlib.sha256(text.encode()).hexdigest()[:8]}", "primary")


def list_partitions(*, has_hours: bool) -> list[str]:
    return ["year", "month", "day", *(["hour"] if has_hours else [])]


def write_template(*, has_hours: bool) -> str:
    """The folders under ``raw/events/`` with the names of partitions, as Athena replaces them."""
    return "".join(f"{name}=${{{name}}}/" for name in list_partitions(has_hours=has_hours))


def list_projection(*, has_hours: bool) -> dict[str, str]:
    """Properties of the table, by which Athena knows the partitions without asking for them."""
    return {
        "projection.enabled": "true",
        "projection.year.type": "integer",
        "projection.year.range": f"{FIRST_YEAR},{LAST_YEAR}",
        **_project("month", "1,12"),
        **_project("day", "1,31"),
        **(_project("hour", "0,23") if has_hours else {}),
    }


def write_table(database: str, table: str, layout: Layout) -> str:
    has_hours = layout.has_hours
    columns = ",\n  ".join(f"`{name}` {kind}" for name, kind in COLUMNS.items())
    partitions = ", ".join(f"{name} string" for name in list_partitions(has_hours=has_hours))
    template = {"storage.location.template": layout.root + write_template(has_hours=has_hours)}
    properties = {**list_projection(has_hours=has_hours), **template}
    return f"""create external table if not exists `{database}`.`{table}` (
  {columns})
partitioned by ({partitions})
row format serde {quote(SERDE)}
with serdeproperties ({_list_properties(SERDE_PROPERTIES)})
location {quote(layout.root)}
tblproperties (
  {_list_properties(properties)})"""


def write_partitions(days: Days, layout: Layout, today: date) -> str:
    """By which Athena prunes: years, and months where they are in one year. Firehose files by delivery, so
    there everything is read that was delivered since the first day."""
    first, last = days.first or date(FIRST_YEAR, 1, 1), days.last or today
    if not layout.has_hours:
        first, last = first - timedelta(days=1), max(last, today)
    years = [f"{year:04d}" for year in range(first.year, last.year + 1)]
    text = f"year in ({', '.join(map(quote, years))})" if years else "year in ('')"
    if first.year == last.year:
        months = [f"{month:02d}" for month in range(first.month, last.month + 1)]
        text += f" and month in ({', '.join(map(quote, months))})" if months else " and month in ('')"
    return text


def _project(name: str, span: str) -> dict[str, str]:
    return {
        f"projection.{name}.type": "integer",
        f"projection.{name}.range": span,
        f"projection.{name}.digits": "2",
    }


def _list_properties(properties: Mapping[str, str]) -> str:
    return ",\n  ".join(f"{quote(name)} = {quote(value)}" for name, value in properties.items())
