"""Which engine counts, and on which archive."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from realtime.analysis.archive.files import Tell
from realtime.analysis.archive.places import open_archive
from realtime.analysis.engines.athena_engine import create_athena_engine
from realtime.analysis.engines.athena_table import AthenaOptions, Layout, name_elsewhere, name_in_stack
from realtime.analysis.engines.duckdb_engine import create_duckdb_engine
from realtime.analysis.model import ArchiveError, Engine

if TYPE_CHECKING:
    from chalicelib.settings import Settings
    from chalicelib.wiring import Plane

EngineName = Literal["duckdb", "athena"]


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """Of Athena, None is what the data stack has made, or what every account has."""

    name: EngineName = "duckdb"
    workgroup: str | None = None
    output: str | None = None
    database: str | None = None


def find_engine(services: "Plane", archive: str | None, choice: EngineChoice) -> Callable[[Tell], Engine]:
    """``archive`` None is the environment's bucket. Raises ArchiveError."""
    settings = services.settings
    if choice.name == "duckdb":
        place = open_archive(archive, services.clients.s3, settings.archive_bucket)
        return lambda tell: create_duckdb_engine(place, tell)
    location = archive or f"s3://{settings.archive_bucket}"
    if not location.startswith("s3://"):
        raise ArchiveError(f"--archive {location}: Athena reads s3://BUCKET only; use --engine duckdb")
    layout = Layout(location, has_hours=settings.archive != "firehose")
    options = find_athena(settings, layout, choice, is_own=archive is None)
    if options.is_made:
        # The table knows how objects are filed, and the settings of this machine may not. What is right for
        # Firehose's folders reads enough of the others, too.
        layout = replace(layout, has_hours=False)
    import boto3

    return lambda tell: create_athena_engine(boto3.client("athena"), layout, options, tell)


def find_athena(settings: "Settings", layout: Layout, choice: EngineChoice, *, is_own: bool) -> AthenaOptions:
    """``is_own``: the archive is the environment's. An existing platform has no stack of ours for it."""
    options = name_elsewhere(layout)
    if choice.database is not None:
        options = replace(options, database=choice.database)
    if is_own and settings.platform == "standalone":
        made = name_in_stack(settings.env)
        options = made if choice.database is None else replace(options, workgroup=made.workgroup)
    return replace(options, workgroup=choice.workgroup or options.workgroup, output=choice.output)
