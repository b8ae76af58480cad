"""The table over an archive in S3, with partitions projected from its keys (docs/archive.md)."""

from dataclasses import dataclass
from datetime import date, timedelta

from realtime.analysis.archive.files import Days
from realtime.analysis.archive.layout import RAW
from realtime.analysis.engines.literals import quote

FIRST_YEAR, LAST_YEAR = 1997, 2050


@dataclass(frozen=True, slots=True)
class Layout:
    """``location``: s3://BUCKET or s3://BUCKET/PREFIX. ``has_hours``: not as Firehose files objects."""

    location: str
    has_hours: bool = True

    @property
    def root(self) -> str:
        return f"{self.location.rstrip('/')}/{RAW}"


def write_table(database: str, table: str, layout: Layout) -> str:
    """Of the columns that statements read. Names in capitals are other fields, which events may have."""
    hour = ", hour string" if layout.has_hours else ""
    template = layout.root + "year=${year}/month=${month}/day=${day}/"
    properties = {
        "projection.enabled": "true",
        "projection.year.type": "integer",
        "projection.year.range": f"{FIRST_YEAR},{LAST_YEAR}",
        **_project("month", "1,12"),
        **_project("day", "1,31"),
    }
    if layout.has_hours:
        properties |= _project("hour", "0,23")
        template += "hour=${hour}/"
    properties["storage.location.template"] = template
    listed = ",\n  ".join(f"{quote(name)} = {quote(value)}" for name, value in properties.items())
    return f"""create external table if not exists `{database}`.`{table}` (
  event_id string, event_type string, user_id string, `timestamp` string, value string, currency string,
  experiment_key string, flag_key string, properties string,
  realtime struct<place:string, occurred_at:string, arrived_at:double, received_at:double,
    duplicate:boolean, backfill:boolean, person:string,
    experiments:array<struct<key:string, id:string, iteration:int, variant:string, rule:string,
      counted_as:string, assigned_at:double, seconds_since_assignment:double>>>)
partitioned by (year string, month string, day string{hour})
row format serde 'org.openx.data.jsonserde.JsonSerDe'
with serdeproperties ('case.insensitive' = 'FALSE', 'ignore.malformed.json' = 'TRUE')
location {quote(layout.root)}
tblproperties (
  {listed})"""


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
