"""How long an experiment without a plan will take, for who publishes it."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.domain.definitions.schema import ExperimentDocument
from realtime.analysis.archive.layout import RAW
from realtime.analysis.archive.places import open_archive
from realtime.analysis.engines.duckdb_engine import create_duckdb_engine
from realtime.analysis.model import ArchiveError
from realtime.analysis.plan_question import Ask, find_setting
from realtime.analysis.planning import PlanError
from realtime.commands.plan_experiment import Source, make_plan_from
from realtime.commands.publish import name_planner

if TYPE_CHECKING:
    from chalicelib.wiring import Plane

MAX_BYTES, MAX_PAGES = 50_000_000, 5
"""Of an archive that is read for this, and pages of 1,000 objects. A larger one is for `plan-experiment`."""


def estimate_duration(services: "Plane", experiment: ExperimentDocument) -> str:
    """From today's archive, if that takes seconds; else the command that says it. Raises nothing for either:
    the experiment is published by now. Who publishes keeps no copy of the events.
    """
    try:
        if not _is_small(services):
            return name_planner(experiment)
        metrics = experiment.analysis.metrics if experiment.analysis else ()
        setting = find_setting(Ask(), experiment, {metric.key: metric for metric in metrics})
        with tempfile.TemporaryDirectory(prefix="realtime-") as copies:
            archive = open_archive(None, services.clients.s3, services.settings.archive_bucket, Path(copies))
            source = Source(lambda tell: create_duckdb_engine(archive, tell), None, services.clock())
            plan = make_plan_from(source.open_engine(lambda _: None), source, Ask(), setting)
    except PlanError as error:
        return f"the archive does not say how many it needs: {error}. {name_planner(experiment)}"
    except ArchiveError:  # there is none yet
        return name_planner(experiment)
    except Exception as error:  # noqa: BLE001 - all is published, and that must not look as if it had failed
        return f"the archive cannot be read ({type(error).__name__}). {name_planner(experiment)}"
    if plan.duration is None:
        return name_planner(experiment)
    weeks = plan.duration.weeks
    return (
        f"it needs {plan.all_users:,} users, which takes {weeks} week{'s' if weeks > 1 else ''} if they come"
        f" in as in the archive. `python -m realtime plan-experiment {experiment.key}` says more"
    )


def _is_small(services: "Plane") -> bool:
    size = 0
    pages = services.clients.s3.get_paginator("list_objects_v2")
    for number, page in enumerate(pages.paginate(Bucket=services.settings.archive_bucket, Prefix=RAW), 1):
        size += sum(each["Size"] for each in page.get("Contents", ()))
        if size > MAX_BYTES or number > MAX_PAGES:
            return False
    return True
