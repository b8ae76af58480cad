"""Athena: the account's distributed engine. It scans the archive in S3, and charges by what it scans."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from realtime.analysis.archive.files import Days, Tell
from realtime.analysis.engines.answers import Row
from realtime.analysis.engines.athena_table import AthenaOptions, Layout, write_partitions, write_table
from realtime.analysis.engines.duckdb_engine import find_days
from realtime.analysis.engines.lines import write_lines
from realtime.analysis.engines.selection import Selection
from realtime.analysis.engines.sources import write_athena_source
from realtime.analysis.engines.sql_engine import SqlEngine
from realtime.analysis.model import ArchiveError

MAX_STATEMENT = 262_144
"""Bytes that Athena takes."""
DOLLARS_PER_TB = 5.0
"""In most regions. At least 10 MB are charged for each statement."""
MIN_BYTES = 10_000_000
POLL_SECONDS = 0.2, 3.0
STATEMENT_SECONDS = 1800.0
_DONE = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})


class AthenaDatabase:
    """Nothing is ever deleted: neither the table, nor objects, nor results."""

    name = "athena"
    keeps_tables = False

    def __init__(
        self,
        client: Any,
        layout: Layout,
        options: AthenaOptions,
        tell: Tell = lambda _: None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._layout = layout
        self._options = options
        self._tell = tell
        self._sleep = sleep
        self._clock = clock
        self._has_table = options.is_made
        self.scanned_bytes = 0
        self.charged_dollars = 0.0

    @property
    def table(self) -> str:
        return f'"{self._options.database}"."{self._options.table}"'

    def open(self, selection: Selection) -> list[str]:
        days = find_days(selection)
        if days.last is None:
            days = Days(days.first, self._find_today())
        partitions = write_partitions(days, self._layout, self._find_today())
        return [write_athena_source(selection, self.table, partitions), *write_lines(selection)]

    def describe(self, selection: Selection) -> tuple[list[str], list[str]]:
        return [] if self._options.is_made else [self._write_table()], self.open(selection)

    def run(self, sql: str) -> list[Row]:
        if not self._has_table:
            self._execute(self._write_table())
            self._has_table = True
        return list(self._read_rows(self._execute(sql)))

    def _write_table(self) -> str:
        return write_table(self._options.database, self._options.table, self._layout)

    def _find_today(self) -> date:
        return datetime.fromtimestamp(self._clock(), UTC).date()

    def _execute(self, sql: str) -> str:
        """The id of the execution, which has succeeded. Raises ArchiveError."""
        if len(sql.encode()) > MAX_STATEMENT:
            raise ArchiveError(
                "the statement is longer than Athena takes: name fewer metrics, or --engine duckdb"
            )
        request: dict[str, Any] = {"QueryString": sql, "WorkGroup": self._options.workgroup}
        if self._options.output:
            request["ResultConfiguration"] = {"OutputLocation": self._options.output}
        query: str = self._call("start_query_execution", **request)["QueryExecutionId"]
        try:
            return self._await(query)
        except KeyboardInterrupt:
            self._call("stop_query_execution", QueryExecutionId=query)
            raise

    def _await(self, query: str) -> str:
        pause, deadline = POLL_SECONDS[0], self._clock() + STATEMENT_SECONDS
        while True:
            execution = self._call("get_query_execution", QueryExecutionId=query)["QueryExecution"]
            status = execution["Status"]
            if status["State"] in _DONE:
                break
            if self._clock() > deadline:
                self._call("stop_query_execution", QueryExecutionId=query)
                raise ArchiveError(f"Athena has not finished {query} in {STATEMENT_SECONDS / 60:.0f} minutes")
            self._tell(f"Athena: {status['State'].lower()}")
            self._sleep(pause)
            pause = min(pause * 1.5, POLL_SECONDS[1])
        self._add_cost(execution.get("Statistics", {}).get("DataScannedInBytes", 0))
        if status["State"] != "SUCCEEDED":
            reason = status.get("StateChangeReason", "no reason given")
            raise ArchiveError(f"Athena: {status['State'].lower()}: {reason} (query {query})")
        return query

    def _add_cost(self, scanned: int) -> None:
        self.scanned_bytes += scanned
        if scanned:
            self.charged_dollars += max(scanned, MIN_BYTES) / 1e12 * DOLLARS_PER_TB
        self._tell(self._describe_cost())

    @property
    def notes(self) -> list[str]:
        return [self._describe_cost()] if self.scanned_bytes else []

    def _describe_cost(self) -> str:
        return f"Athena has scanned {self.scanned_bytes / 1e6:,.1f} MB, about ${self.charged_dollars:.4f}"

    def _read_rows(self, query: str) -> Iterator[Row]:
        """All pages; the first row of the first one has the names."""
        names: list[str] = []
        request: dict[str, Any] = {"QueryExecutionId": query}
        while True:
            page = self._call("get_query_results", **request)
            for row in page["ResultSet"]["Rows"]:
                values = [value.get("VarCharValue") for value in row["Data"]]
                if names:
                    yield dict(zip(names, values, strict=True))
                else:
                    names = [str(value) for value in values]
            if not page.get("NextToken"):
                return
            request["NextToken"] = page["NextToken"]

    def _call(self, operation: str, **request: Any) -> Any:
        try:
            return getattr(self._client, operation)(**request)
        except ClientError as error:
            raise ArchiveError(f"Athena: {error.response['Error']['Message']} ({operation})") from error
        except BotoCoreError as error:
            raise ArchiveError(f"Athena cannot be reached: {error}") from error


def create_athena_engine(
    client: Any, layout: Layout, options: AthenaOptions, tell: Tell = lambda _: None
) -> SqlEngine:
    return SqlEngine(AthenaDatabase(client, layout, options, tell))
