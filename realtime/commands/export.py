"""`export`: the users of an experiment and their numbers as files, for a team's own notebook."""

import json
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from realtime.analysis.archive.places import open_archive
from realtime.analysis.design import find_published, make_design
from realtime.analysis.engines.duckdb_engine import DuckDatabase
from realtime.analysis.engines.exporting import Format, export
from realtime.analysis.model import ArchiveError, Design

if TYPE_CHECKING:
    from chalicelib.wiring import Plane


def run_export(
    console: Console,
    services: "Plane",
    key: str,
    out: Path,
    file_format: Format,
    archive: str | None,
    *,
    as_json: bool,
) -> None:
    """Raises ValueError and NotFound."""
    design = _make_design(services, key)
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None)
        try:
            place = open_archive(archive, services.clients.s3, services.settings.archive_bucket)
            database = DuckDatabase(place, lambda text: progress.update(task, description=text))
            counts = export(database, design, out, file_format)
        except ArchiveError as error:
            raise ValueError(str(error)) from error
    if as_json:
        print(json.dumps({"experiment_key": key, "folder": str(out), "files": counts}))
        return
    for name, rows in counts.items():
        console.print(f"{rows:>9,}  {out / name}", highlight=False, markup=False, soft_wrap=True)
    for note in database.notes:
        console.print(f"! {note}", highlight=False, markup=False, soft_wrap=True)


def _make_design(services: "Plane", key: str) -> Design:
    """As `analyze` has it, up to now."""
    now = services.clock()
    history = services.definitions.get_history("experiment", key)
    experiment = services.get_experiment(key) if services.platform_overrides else None
    overridden: Collection[str] = experiment.document.overrides if experiment else ()
    design = make_design(find_published(key, history), history, now, overridden=overridden)
    return replace(design, until=now)
