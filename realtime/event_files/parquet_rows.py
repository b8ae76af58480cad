"""Parquet by DuckDB, as a stream: each row as JSON, so that times, decimals and structs arrive alike."""

import glob
from collections.abc import Iterator
from pathlib import Path

from realtime.event_files.json_rows import JsonDecoder
from realtime.event_files.rows import FileError, Row
from realtime.safe_reading.unpacking import Allowance

FETCH = 100
QUERY = 'SELECT to_json("the row") FROM read_parquet(?) "the row"'


def read_parquet(path: Path, name: str, decoder: JsonDecoder, allowance: Allowance) -> Iterator[Row]:
    import duckdb

    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'; SET memory_limit = '1GB'")
        try:
            result = database.execute(QUERY, [glob.escape(str(path))])
            number = 0
            while texts := result.fetchmany(FETCH):
                for (text,) in texts:
                    number += 1
                    allowance.spend(len(text))
                    value, _, problem = decoder.decode(text)
                    yield Row(str(number), f"row {number}", value, problem)
        except duckdb.Error as error:
            raise FileError(f"{name}: cannot be read: {str(error).splitlines()[0]}") from None
