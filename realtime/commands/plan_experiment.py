"""`plan-experiment`: how many users, and for how long?"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from chalicelib.domain.definitions.analysis_schema import MetricDocument
from chalicelib.domain.definitions.model import Definitions
from chalicelib.domain.definitions.percent import read_share as read_percent
from chalicelib.domain.definitions.schema import ExperimentDocument
from chalicelib.domain.publishing.documents import parse_row
from chalicelib.domain.timestamps import parse_timestamp
from realtime.analysis.archive.files import Tell
from realtime.analysis.design import find_published
from realtime.analysis.experiment_plan import ExperimentPlan, make_plan
from realtime.analysis.model import ArchiveError, Engine, PlannedMetric
from realtime.analysis.plan_question import Ask, Setting, find_setting, make_baseline_design
from realtime.analysis.planning import Baseline, PlanError, read_baseline
from realtime.analysis.reports.plan import describe_plan, draw_plan
from realtime.analysis.reports.shown_text import show
from realtime.commands.archive_engine import EngineChoice, find_engine
from realtime.definition_files.read import read_definitions

if TYPE_CHECKING:
    from chalicelib.wiring import Plane


@dataclass(frozen=True, slots=True)
class Known:
    """A baseline that needs no archive."""

    name: str
    baseline: Baseline


@dataclass(frozen=True, slots=True)
class Source:
    """Where the numbers of today come from: users in [``since``, ``until``), epoch seconds."""

    open_engine: Callable[[Tell], Engine]
    since: float | None
    until: float


def read_share(text: str, option: str) -> float:
    """``5%`` and ``0.05`` are the same. Raises ValueError."""
    try:
        share = float(read_percent(text))
    except ValueError:
        share = 1.0
    if not 0 < share < 1 and not (share == 1 and "%" in text):
        raise ValueError(f"{option}: {text!r} must be a share above 0, such as 5% or 0.05")
    return share


def read_ratio(text: str) -> float:
    """``1:3`` are three users of a treatment for one of the control. Raises ValueError."""
    match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?):(\d{1,6}(?:\.\d{1,6})?)", text.strip())
    if match is None or float(match[1]) == 0 or float(match[2]) == 0:
        raise ValueError(f"--ratio: {text!r} must be control to treatment, such as 1:3")
    return float(match[2]) / float(match[1])


def find_known(
    rate: float | None, mean: float | None, variance: float | None, correlation: float
) -> Known | None:
    """Raises ValueError."""
    if rate is not None:
        if mean is not None or variance is not None:
            raise ValueError("--rate: is the whole baseline; leave out --mean and --variance")
        return Known("rate", Baseline(rate, rate * (1 - rate), correlation, is_conversion=True))
    if (mean is None) != (variance is None):
        raise ValueError("--mean: needs --variance of a user's number, and the other way round")
    if mean is None or variance is None:
        return None
    return Known("mean", Baseline(mean, variance, correlation))


def find_source(
    services: "Plane", archive: str | None, engine: EngineChoice, since: str, until: str
) -> Source:
    """Those of an environment. Raises ValueError."""
    now = services.clock()
    try:
        open_engine = find_engine(services, archive, engine)
    except ArchiveError as error:
        raise ValueError(str(error)) from error
    begin, end = _read_time(since, "--since"), _read_time(until, "--until")
    return Source(open_engine, begin, now if end is None else min(end, now))


def run_plan(
    console: Console,
    definitions: Callable[[], Definitions],
    source: Callable[[], Source],
    ask: Ask,
    *,
    key: str | None,
    file: Path | None,
    known: Known | None,
    as_json: bool,
) -> None:
    """``definitions`` and ``source`` are asked only where they are needed. Raises ValueError."""
    entry, notes = "", list[str]()
    try:
        if known is not None:
            plan = _plan_known(ask, known)
        else:
            setting = _read_setting(definitions(), ask, key, file)
            plan, notes = _plan_from_archive(console, source(), ask, setting)
            entry = setting.entry
    except (ArchiveError, PlanError) as error:
        raise ValueError(str(error)) from error
    if as_json:
        print(json.dumps(describe_plan(plan, entry), ensure_ascii=False, allow_nan=False))
    else:
        console.print(draw_plan(plan, entry), highlight=False)
        for note in notes:
            console.print(show(f"! {note}"), highlight=False)


def _plan_known(ask: Ask, known: Known) -> ExperimentPlan:
    aggregate = "conversion" if known.baseline.is_conversion else "sum"
    metric = MetricDocument.model_validate({"key": known.name, "event": "event", "aggregate": aggregate})
    setting = find_setting(replace(ask, metric=known.name), None, {known.name: metric})
    baselines = [(planned, known.baseline) for planned in setting.metrics]
    return make_plan(
        baselines, setting.question, setting.traffic, lift=ask.lift, treatments=setting.treatments
    )


def _plan_from_archive(
    console: Console, source: Source, ask: Ask, setting: Setting
) -> tuple[ExperimentPlan, list[str]]:
    """With the engine's notes."""
    with console.status("Reading the archive …") as status:
        engine = source.open_engine(lambda text: status.update(Text(text)))
        return make_plan_from(engine, source, ask, setting), [*engine.notes]


def make_plan_from(engine: Engine, source: Source, ask: Ask, setting: Setting) -> ExperimentPlan:
    """Raises ArchiveError or PlanError."""
    design = make_baseline_design(setting, source.since, source.until)
    census = engine.read_census(design)
    moments = engine.read_moments(design, [planned.metric for planned in setting.metrics])
    if not any(one.users for one in census.users):
        raise PlanError(f"nobody had the event {setting.entry} then: name another with --entry")
    baselines: list[tuple[PlannedMetric, Baseline]] = [
        (planned, read_baseline(planned.metric, one))
        for planned, one in zip(setting.metrics, moments, strict=True)
    ]
    new_users = fill_days({day: users for one in census.users for day, users in one.by_day.items()})
    traffic = replace(setting.traffic, new_users=new_users)
    return make_plan(baselines, setting.question, traffic, lift=ask.lift, treatments=setting.treatments)


def fill_days(by_day: dict[str, int]) -> list[int]:
    """Users of each day from the first to the last; days without any are there as 0."""
    if not by_day:
        return []
    first, last = (date.fromisoformat(day) for day in (min(by_day), max(by_day)))
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [by_day.get(day.isoformat(), 0) for day in days]


def _read_time(text: str, option: str) -> float | None:
    try:
        return parse_timestamp(text) if text else None
    except ValueError:
        raise ValueError(f"{option}: {text!r} must be a day such as 2026-05-01") from None


def _read_setting(definitions: Definitions, ask: Ask, key: str | None, file: Path | None) -> Setting:
    experiments, catalogue = _read_file(file) if file else ({}, {})
    published = {
        row.key: document
        for row in definitions.get_all("experiment").values()
        if isinstance(document := parse_row(row), ExperimentDocument)
    }
    known = {
        metric.key: metric
        for document in published.values()
        for metric in (document.analysis.metrics if document.analysis else ())
    }
    experiment = None
    if key is not None:
        found = experiments.get(key) or published.get(key)
        experiment = found or find_published(key, definitions.get_history("experiment", key)).document
    own = experiment.analysis.metrics if experiment and experiment.analysis else ()
    return find_setting(ask, experiment, known | {one.key: one for one in own} | catalogue)


def _read_file(file: Path) -> tuple[dict[str, ExperimentDocument], dict[str, MetricDocument]]:
    """Experiments and metrics by key. Raises ValueError with all that is wrong."""
    definitions = read_definitions([file])
    definitions.freeze_metrics({})
    if definitions.problems:
        raise ValueError("; ".join(map(str, definitions.problems)))
    metrics = {key: one.metric for key, one in definitions.metrics.items()}
    return {one.key: one for one in definitions.experiments}, metrics
