"""A connection to DuckDB within a bounded memory, and its errors in one line."""

from typing import Any

from realtime.analysis.engines.answers import Row
from realtime.analysis.model import ArchiveError

MEMORY = "2GB"
"""DuckDB writes to disk what is more; its process takes about half a GB besides."""


def connect(memory: str, folder: str) -> Any:
    """``folder`` takes what does not fit into memory."""
    import duckdb

    settings: dict[str, Any] = {
        "memory_limit": memory,
        "temp_directory": folder,
        "preserve_insertion_order": False,
        "disabled_optimizers": "build_side_probe_side,join_order",  # it takes events for few, users for many
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,  # of time zones: text without one would be local time
    }
    return duckdb.connect(config=settings)


def execute(connection: Any, sql: str) -> list[Row]:
    """Raises ArchiveError."""
    import duckdb

    try:
        cursor = connection.execute(sql)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    except duckdb.Error as error:
        raise ArchiveError(explain(error)) from error


def explain(error: Exception) -> str:
    """One line of DuckDB's message, which names the file if one cannot be read."""
    first = str(error).split("\n")[0]
    return f"the archive cannot be read: {first}"
