"""Raw objects as one Parquet file: the columns of a line and the flat ones, within a bounded memory."""

import glob
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from realtime.analysis.engines.columns import COLUMNS, write_raw
from realtime.analysis.engines.duckdb_connection import MEMORY, connect, explain
from realtime.analysis.engines.literals import quote
from realtime.analysis.engines.packing import read_packed
from realtime.analysis.model import ArchiveError

ROW_GROUP = 122_880
BATCH = 10_000


def read_lines(file: Path, memory: str = MEMORY) -> Iterator[bytes]:
    """The lines of a Parquet file as JSON, a batch at a time. Raises ArchiveError."""
    import duckdb

    with tempfile.TemporaryDirectory(prefix="realtime-") as folder, connect(memory, folder) as connection:
        try:
            source = f"read_parquet({quote(glob.escape(str(file)))})"
            columns = ", ".join(f'"{name}"' for name in COLUMNS)
            lines = f"(select {columns} from {source}) as lines"
            cursor = connection.execute(f"select cast(to_json(lines) as varchar) from {lines}")
            while rows := cursor.fetchmany(BATCH):
                for (text,) in rows:
                    yield text.encode()
        except duckdb.Error as error:
            raise ArchiveError(explain(error)) from error


def write_parquet(raw: list[Path], target: Path, memory: str = MEMORY) -> int:
    """The number of lines. They are sorted by type, so that an analysis skips the types it does not need."""
    import duckdb

    with tempfile.TemporaryDirectory(prefix="realtime-") as folder, connect(memory, folder) as connection:

        def write(files: Sequence[Path]) -> int:
            try:
                cursor = connection.execute(
                    f"copy ({write_raw(files)} order by event_type) to {quote(str(target))}"
                    f" (format parquet, compression zstd, row_group_size {ROW_GROUP})"
                )
                lines: int = cursor.fetchone()[0]
            except duckdb.Error as error:
                raise ArchiveError(explain(error)) from error
            return lines

        return read_packed(raw, folder, write)
