"""`analyze`: which variant won, and may we believe it?"""

import json
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Console, Group, RenderableType
from rich.text import Text

from chalicelib.domain.definitions.model import DefinitionRow, Definitions
from chalicelib.domain.timestamps import parse_timestamp
from realtime.analysis.answering import Counted, answer, list_counted
from realtime.analysis.archive.files import Tell
from realtime.analysis.changes_after_start import list_changes_after_start
from realtime.analysis.comparing import compare_metric
from realtime.analysis.design import Options, PublishedExperiment, find_published, make_design
from realtime.analysis.metric_file import MetricFile, read_metric_file
from realtime.analysis.model import Analysis, ArchiveError, Design, Engine, MetricResult, Moments
from realtime.analysis.reports.document import describe_analysis, describe_curves
from realtime.analysis.reports.html.page import write_page
from realtime.analysis.reports.plots import read_plots
from realtime.analysis.reports.shown_text import show
from realtime.analysis.reports.terminal import draw_analysis
from realtime.analysis.reports.terminal_plots import draw_plots
from realtime.commands.archive_engine import EngineChoice, find_engine

if TYPE_CHECKING:
    from chalicelib.wiring import Plane


@dataclass(frozen=True, slots=True)
class Question:
    """``since`` and ``until`` are epoch seconds; without ``archive`` it is the environment's bucket."""

    key: str
    metrics: Path | None = None
    archive: str | None = None
    engine: EngineChoice = field(default_factory=EngineChoice)
    anchor: str | None = None
    since: float | None = None
    until: float | None = None
    is_fixed_asked: bool = False
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """How the answer is shown; by default in words and a table. ``save`` gets it for the console."""

    as_json: bool = False
    has_plots: bool = False
    page: Path | None = None
    as_sql: bool = False
    save: Callable[[dict[str, Any]], None] | None = None


@dataclass(frozen=True, slots=True)
class Sources:
    """``count``: what the counters have. ``list_overridden``: users of another system's overrides."""

    definitions: Definitions
    open_engine: Callable[[Tell], Engine]
    count: Callable[[str], Counted]
    list_overridden: Callable[[str], Collection[str]] = lambda _: ()
    clock: Callable[[], float] = time.time


def run_analyze(console: Console, sources: Sources, question: Question, form: Form) -> None:
    """Prints the answer, also where it is that nothing can be said. Raises ValueError or NotFound."""
    plan = _read_plan(sources, question)
    try:
        if form.as_sql:
            _print_sql(sources.open_engine(lambda _: None), plan.design)
            return
        with console.status("Reading the archive …") as status:
            engine = sources.open_engine(lambda text: status.update(Text(text)))
            is_whole = question.since is None and question.until is None
            analysis = answer(
                engine,
                plan.design,
                plan.now,
                find_changes=plan.list_changes,
                counted=sources.count(question.key) if is_whole else None,
                by=question.by,
            )
            shown = _describe(console, engine, analysis, form)
    except ArchiveError as error:
        raise ValueError(str(error)) from error
    if isinstance(shown, dict):
        print(json.dumps(shown, ensure_ascii=False, allow_nan=False))
    else:
        console.print(shown, highlight=False)
        for note in engine.notes:
            console.print(show(f"! {note}"), highlight=False)


def read_time(text: str, option: str) -> float | None:
    """Epoch seconds of a UTC day or time. Raises ValueError."""
    if not text:
        return None
    try:
        return parse_timestamp(text)
    except ValueError:
        example = "a day such as 2026-05-01 or a time such as 2026-05-01T12:00:00Z"
        raise ValueError(f"{option}: {text!r} must be {example}") from None


def find_sources(services: "Plane", question: Question) -> Sources:
    """Those of an environment. Raises ValueError for an archive that cannot be there."""
    try:
        open_engine = find_engine(services, question.archive, question.engine)
    except ArchiveError as error:
        raise ValueError(str(error)) from error

    def list_overridden(key: str) -> Collection[str]:
        experiment = services.get_experiment(key) if services.platform_overrides else None
        return experiment.document.overrides if experiment else ()

    return Sources(
        services.definitions,
        open_engine,
        lambda key: list_counted(services.results(key)),
        list_overridden,
        services.clock,
    )


def measure(design: Design, moments: Moments) -> MetricResult:
    """Of one look, by the role that the metric has."""
    [planned] = [planned for planned in design.metrics if planned.metric.key == moments.metric.key]
    return compare_metric(design, planned, moments)


class _Plan(NamedTuple):
    """``now`` is the moment up to which the answer holds."""

    design: Design
    now: float
    published: PublishedExperiment
    history: Sequence[DefinitionRow]
    options: Options

    def list_changes(self, first_anchor: float | None) -> list[str]:
        return list_changes_after_start(self.published, self.history, first_anchor, self.options)


def _read_plan(sources: Sources, question: Question) -> _Plan:
    history = list(sources.definitions.get_history("experiment", question.key))
    published = find_published(question.key, history)
    file = read_metric_file(question.metrics, question.key) if question.metrics else MetricFile({}, None)
    now = sources.clock()
    until = now if question.until is None else min(question.until, now)
    if question.since is not None and question.since >= until:
        raise ValueError("--since must be before --until, and before now")
    options = Options(
        anchor=question.anchor,
        since=question.since,
        until=until,
        is_fixed_asked=question.is_fixed_asked,
        metrics=file.metrics,
        analysis=file.analysis,
    )
    design = make_design(published, history, now, options, sources.list_overridden(question.key))
    return _Plan(design, until, published, history, options)


def _describe(
    console: Console, engine: Engine, analysis: Analysis, form: Form
) -> dict[str, Any] | RenderableType:
    needs_plots = form.page is not None or form.has_plots or form.save is not None
    plots = read_plots(engine, analysis, measure, has_all=form.page is not None) if needs_plots else []
    if form.page is not None:
        form.page.write_text(write_page(analysis, plots), encoding="utf-8")
    document = describe_analysis(analysis) | {"notes": [*engine.notes]}
    if form.save is not None:
        form.save(document | {"curves": describe_curves(plots)})
    if form.as_json:
        return document
    parts: list[RenderableType] = [draw_analysis(analysis)]
    if form.has_plots:
        parts += [part for plot in draw_plots(analysis, plots, console.width) for part in (Text(""), plot)]
    if form.page is not None:
        parts += [Text(""), show(f"The page is {form.page}.")]
    if form.save is not None:
        parts += [Text(""), show("Saved: the console shows it.")]
    return Group(*parts)


def _print_sql(engine: Engine, design: Design) -> None:
    statements = engine.list_sql(design, [planned.metric for planned in design.metrics])
    print(";\n\n".join(statements) + ";")
