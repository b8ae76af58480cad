"""How long does an analysis of a large archive take? It writes one, compacts it, and asks.

The archive is made of 30 days. Of ten events one is an assignment; of the others two in nine are exposures,
three are page views and four are purchases. A half percent of the lines is repeated, another is marked as
repeated.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from chalicelib.domain.definitions.analysis_schema import MetricDocument
from realtime.analysis.archive.compaction import compact, find_days
from realtime.analysis.archive.files import Days
from realtime.analysis.archive.folder import FolderArchive
from realtime.analysis.archive.layout import RAW, write_folder
from realtime.analysis.engines.duckdb_connection import MEMORY, connect
from realtime.analysis.engines.duckdb_engine import create_duckdb_engine
from realtime.analysis.engines.parquet import write_parquet
from realtime.analysis.model import Design, PlannedMetric

DAYS = 30
START = 1_793_491_200  # 2026-11-01T00:00:00Z
METRICS: Sequence[Mapping[str, Any]] = [
    {"key": "revenue", "event": "purchase", "aggregate": "sum", "cap": 0.99, "pre_period": "14d"},
    {"key": "orders", "event": "purchase"},
    {"key": "readers", "event": "page_view", "aggregate": "conversion"},
    {
        "key": "order-value",
        "numerator": {"event": "purchase", "aggregate": "sum"},
        "denominator": {"event": "purchase"},
    },
]
_ATTRIBUTION = "rule: 'assignment', assigned_at: 1793491200.0, seconds_since_assignment: 60.0"


def write(folder: Path, events: int) -> None:
    for day in range(DAYS):
        _write_day(folder, day, events)


def _write_day(folder: Path, day: int, events: int) -> None:
    """One object; ``events`` are those of all days."""
    users, own, count = events // 10, events // 10 // DAYS, events // DAYS
    target = folder / RAW / write_folder(date(2026, 11, 1 + day)) / "hour=00" / "events.jsonl.gz"
    target.parent.mkdir(parents=True)
    shard = "'events/shardId-' || lpad((u % 4)::varchar, 12, '0')"
    place = f"{shard} || ':4959033827149025660855969253836157109592157598'"
    with tempfile.TemporaryDirectory() as spill, connect(MEMORY, spill) as connection:
        connection.execute(f"""copy (
with numbers as (
  select unnest(range({day * count}, {(day + 1) * count})) as i
  union all select unnest(range({day * count} + 7, {(day + 1) * count}, 200))),
hashed as (select i, i - {day * count} as k, hash(i) as h, hash(i, 1) as g from numbers),
events as (
  select i, h, g, case when k < {own} then 'assignment' when h % 9 < 2 then 'exposure'
      when h % 9 < 5 then 'page_view' else 'purchase' end as event_type,
    case when k < {own} then k * {DAYS} + {day} else g % {users} end as u,
    ({START + day * 86_400} + h % 86400)::bigint * 1000000 + (g % 1000000)::bigint as moment from hashed),
described as (
  select *, case when hash(u, 2) % 2 = 0 then 'control' else 'treatment' end as variant,
    strftime(make_timestamp(moment), '%Y-%m-%dT%H:%M:%S.%fZ') as text from events)
select 'e' || lpad(i::varchar, 12, '0') as event_id, event_type, text as "timestamp",
  'user-' || lpad(u::varchar, 9, '0') as user_id,
  case when event_type = 'purchase' then ((h % 20000) / 100)::decimal(12, 2) end as value,
  case when event_type = 'purchase' then 'EUR' end as currency,
  case event_type when 'assignment'
    then {{experiment_key: 'checkout', experiment_id: 'checkout', iteration: 1, variant: variant}}::json
    else {{country: 'DE', page: 'page-' || (g % 100)}}::json end as properties,
  {{place: {place} || lpad(i::varchar, 12, '0') || ':' || (i % 50), occurred_at: text,
    arrived_at: moment / 1e6, duplicate: h % 200 = 0,
    experiments: case when event_type = 'assignment' then [] else [
      {{key: 'checkout', id: 'checkout', iteration: 1, variant: variant, {_ATTRIBUTION}}},
      {{key: 'other', id: 'other', iteration: 2, variant: 'b', {_ATTRIBUTION}}}] end}} as realtime
from described) to '{target}' (format json, compression gzip)""")


def analyze(folder: Path) -> list[int]:
    """As `analyze` does; users of each variant."""
    metrics = [MetricDocument.model_validate({"window": "14d", **fields}) for fields in METRICS]
    design = Design(
        experiment_key="checkout",
        experiment_id="checkout",
        iteration=1,
        version=1,
        shares={"control": 0.5, "treatment": 0.5},
        control="control",
        anchor="exposure",
        metrics=[PlannedMetric(metric, "primary") for metric in metrics],
        until=START + 40 * 86_400.0,
    )
    engine = create_duckdb_engine(FolderArchive(folder))
    census = engine.read_census(design)
    engine.read_moments(design, metrics)
    engine.read_counts(design)
    return [users.users for users in census.users]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, help="keep the archive here, and use it if it is there")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="realtime-") as temporary:
        folder = options.folder or Path(temporary)
        if not (folder / RAW).is_dir():
            _measure("write", lambda: write(folder, options.events))
            archive = FolderArchive(folder)
            days = find_days(archive, Days())
            _measure("compact", lambda: list(compact(archive, days, write_parquet, lambda _: None)))
        _measure("analyze", lambda: print(f"{sum(analyze(folder)):,} users"))


def _measure(name: str, run: Callable[[], object]) -> None:
    began, cpu = time.perf_counter(), time.process_time()
    run()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    took, used = time.perf_counter() - began, time.process_time() - cpu
    print(f"{name:8} {took:7.1f} s, {used:7.1f} s of CPU, at most {memory:.1f} GB of memory", flush=True)


if __name__ == "__main__":
    main()
