"""`import-assignments`: users keep the variant that another system has stored for them."""

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, TaskID

from chalicelib.domain.definitions.model import Experiment, find_in_force
from chalicelib.domain.errors import StorageUnavailable
from chalicelib.service_wiring import DAY
from chalicelib.services.concurrency import batched
from chalicelib.wiring import Plane
from realtime.assignment_files.formats import Form
from realtime.assignment_files.reading import AssignmentReader, Line
from realtime.assignment_files.writing import BATCH, AssignmentTarget, Fate, Placed
from realtime.commands.import_position import POSITIONS, Position, load_position
from realtime.commands.replay import create_progress
from realtime.commands.replay_sending import send
from realtime.event_files.files import Source, find_sources
from realtime.postgres.assignment_table import Pace
from realtime.safe_reading.shown_text import escape_controls

SHOWN = 20
"""Lines that are named on a terminal. With --json there are at most 1,000."""
LISTED = 1_000
CONFLICT = "the user has another variant here already, and keeps it"


@dataclass
class AssignmentImport:
    """One run over any number of files. ``progress`` is shown on ``errors``, a console on standard error."""

    console: Console
    errors: Console
    reader: AssignmentReader
    target: AssignmentTarget
    dry_run: bool = False
    restart: bool = False
    as_json: bool = False
    positions: Path = POSITIONS
    counts: Counter[str] = field(default_factory=Counter)
    listed: list[dict[str, str]] = field(default_factory=list)

    def run(self, targets: Sequence[str]) -> int:
        """The exit status: 1 if a line cannot be used, or a user keeps another variant than the file says."""
        sources = [source for target in targets for source in find_sources(target)]
        with create_progress(self.errors) as progress:
            task = progress.add_task("assignments", total=self.reader.survey(sources))
            for source in sources:
                self._import_source(source, progress, task)
        if self.as_json:
            print(json.dumps(self._to_json()))
        else:
            self._summarize()
        return int(bool(self.counts["refused"] or self.counts[Fate.CONFLICT]))

    def _import_source(self, source: Source, progress: Progress, task: TaskID) -> None:
        position = load_position(
            self.positions, source, self.reader.experiment, self.reader.form, self.reader.variants
        )
        if self.restart:
            position.lines, position.is_begun, position.is_done = 0, False, False
        is_done = position.is_done and not self.dry_run
        if is_done:
            self._tell(f"{source.name}: was imported before; --restart imports it again.")
        with source.open() as path:
            for lines in batched(self.reader.read(path, source.name), BATCH):
                if is_done:
                    self._settle(lines, self._pass_over)
                else:
                    self._import_batch(source.name, lines, position)
                progress.advance(task, len(lines))
        if not self.dry_run and not is_done:
            position.is_begun, position.is_done = False, True
            position.save()

    def _import_batch(self, name: str, lines: Sequence[Line], position: Position) -> None:
        if self.dry_run:
            self._settle(lines, self.target.preview)
            return
        if lines[-1].number <= position.lines:
            self._settle(lines, self._pass_over)
            return
        is_in_doubt, position.is_begun = position.is_begun, True
        position.save()
        try:
            self._settle(lines, lambda some: self.target.write(some, is_in_doubt=is_in_doubt))
        except BaseException:
            done = f"{position.lines:,} lines are done" if position.lines else "nothing is done"
            self._tell(f"Stopped: of {name} {done}; the same command goes on from there.")
            raise
        position.lines, position.is_begun = lines[-1].number, False
        position.save()

    def _settle(self, lines: Sequence[Line], place: Callable[[Sequence[Line]], Sequence[Placed]]) -> None:
        usable = []
        for line in lines:
            if line.problem:
                self._list("refused", line, line.problem)
            elif line.other:
                self.counts[line.other] += 1
            else:
                usable.append(line)
        for line, fate, _ in place(usable) if usable else ():
            if fate is Fate.CONFLICT:
                self._list(fate, line, CONFLICT)
            else:
                self.counts[fate] += 1

    def _pass_over(self, lines: Sequence[Line]) -> Sequence[Placed]:
        self.counts["before"] += len(lines)
        return ()

    def _list(self, kind: str, line: Line, message: str) -> None:
        self.counts[kind] += 1
        if len(self.listed) < LISTED:
            self.listed.append({"kind": kind, "line": line.place, "message": message})
        if not self.as_json and len(self.listed) <= SHOWN:
            self._say(f"{kind} {line.place}: {message}")

    def _summarize(self) -> None:
        more = self.counts["refused"] + self.counts[Fate.CONFLICT] - SHOWN
        if more > 0:
            self._say(f"… and {more:,} more lines; --json lists {LISTED:,}.")
        key = self.reader.experiment.key
        verb = "would be written" if self.dry_run else "written"
        self._say(
            f"{key}: {self.counts[Fate.WRITTEN]:,} {verb}, {self.counts[Fate.KEPT]:,} were there, "
            f"{self.counts[Fate.CONFLICT]:,} have another variant, {self.counts['refused']:,} refused."
        )
        for name, text in OTHERS.items():
            if self.counts[name]:
                self._say(f"{self.counts[name]:,} {text}.")
        for reason, number in sorted(self.target.hidden.items()):
            self._say(f"{number:,} of these users do not get it now: {reason} comes before what is stored.")

    def _to_json(self) -> Mapping[str, object]:
        names = [*Fate, "refused", *OTHERS]
        counts = {str(name): self.counts[name] for name in names}
        return {
            "experiment": self.reader.experiment.key,
            "dry_run": self.dry_run,
            **counts,
            "hidden": dict(self.target.hidden),
            "lines": self.listed,
        }

    def _say(self, text: str) -> None:
        self.console.print(escape_controls(text), highlight=False, markup=False, soft_wrap=True)

    def _tell(self, text: str) -> None:
        self.errors.print(escape_controls(text), highlight=False, markup=False, soft_wrap=True)


OTHERS = {
    "foreign": "are of another experiment or unit",
    "repeated": "repeat a user with the same variant",
    "before": "were done by an earlier run",
}


def import_assignments(
    console: Console,
    errors: Console,
    services: Plane,
    targets: Sequence[str],
    experiment_key: str,
    form: Form,
    variants: Mapping[str, str],
    per_second: float,
    *,
    dry_run: bool,
    restart: bool,
    as_json: bool,
) -> int:
    """Returns the exit status. Raises ValueError before anything is written (exit 2)."""
    now = services.clock()
    experiment = find_experiment(services, experiment_key)
    if unknown := sorted(set(variants.values()) - experiment.variants.keys()):
        known = ", ".join(experiment.variants)
        raise ValueError(f"--variants: {experiment_key} has no variant {unknown[0]}; it has {known}")

    def find_unchanged() -> Experiment:
        found = find_experiment(services, experiment_key)
        if found.iteration != experiment.iteration or found.variants.keys() != experiment.variants.keys():
            raise ValueError(f"{experiment_key} was published with other variants meanwhile: run this again")
        return found

    target = AssignmentTarget(
        services.assignments,
        find_unchanged,
        partial(send_events, services) if services.settings.tracking else None,
        ttl=services.settings.assignment_ttl_days * DAY,
        now=now,
        pace=Pace(per_second),
        parallel=services.parallel,
    )
    reader = AssignmentReader(experiment, form, variants, now + services.limits.max_future)
    run = AssignmentImport(console, errors, reader, target, dry_run, restart, as_json)
    return run.run(targets)


def find_experiment(services: Plane, key: str) -> Experiment:
    """As it is in force now. Raises ValueError if there is none, or it does not answer what is stored."""
    found = services.get_experiment(key)
    if found is None:
        raise ValueError(f"there is no experiment {key}: publish it first, as a draft for instance")
    experiment = find_in_force(found, services.clock())
    if not experiment.is_sticky:
        raise ValueError(f"{key} is not sticky, so its hash would decide: publish it with sticky: true first")
    return experiment


def send_events(services: Plane, events: Sequence[dict[str, Any]]) -> None:
    """Of any age. Raises StorageUnavailable, or ValueError if one can never be sent."""
    outcome = send(lambda body: services.ingest(body, backfill=True, trusted=True), events, time.sleep)
    if outcome.refused:
        raise ValueError(f"an assignment event is refused: {next(iter(outcome.refused.values()))[1]}")
    if outcome.unsent:
        raise StorageUnavailable("The event stream takes no events for now; run this again later.")
