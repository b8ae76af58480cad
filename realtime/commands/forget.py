"""`forget`: remove a user from every store, or put a pseudonym in the user's place. A search proves it."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from chalicelib.domain.identity import Identities
from chalicelib.domain.timestamps import format_timestamp
from chalicelib.stores.resilience import guarded
from realtime.commands.forget_report import (
    Findings,
    is_clean,
    make_report,
    say_when_to_run_again,
    show,
    write_report,
)
from realtime.commands.replay_position import POSITIONS
from realtime.resources import STREAM_HOURS
from realtime.user_data import bucket, position
from realtime.user_data.lines import Action
from realtime.user_data.matching import MENTIONS, Matcher, Mentions
from realtime.user_data.people import Person, add_linked_ids, map_ids
from realtime.user_data.places import list_stores
from realtime.user_data.position import Position, open_position
from realtime.user_data.pseudonyms import Pseudonyms
from realtime.user_data.stores import Finding, Request, UserStore

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients
    from chalicelib.wiring import Plane

ListStores = Callable[[bucket.Progress], Sequence[UserStore]]


@dataclass(frozen=True, slots=True)
class Options:
    """``drop``: fields that lines with a pseudonym lose. ``has_to_scan``: see `places`."""

    is_pseudonymised: bool = False
    drop: Sequence[str] = ()
    mentions: Mentions = "auto"
    restart: bool = False
    has_to_scan: bool = False

    @property
    def mode(self) -> str:
        return "pseudonymise" if self.is_pseudonymised else "remove"


def read_options(*, drop: str, mentions: str, is_pseudonymised: bool, **flags: bool) -> Options:
    """From the command line. Raises ValueError."""
    known = next((name for name in MENTIONS if name == mentions), None)
    if known is None:
        raise ValueError(f"--mentions must be {', '.join(MENTIONS)}; it is {mentions!r}")
    fields = tuple(name.strip() for name in drop.split(",") if name.strip())
    if fields and not is_pseudonymised:
        raise ValueError("--drop belongs to --pseudonymise: without it, the whole event goes")
    needed = sorted({"event_type", "user_id", "timestamp", "realtime"} & set(fields))
    if needed:
        raise ValueError(f"--drop: every query needs {', '.join(needed)}")
    return Options(is_pseudonymised, fields, known, **flags)


def find_linked_ids(console: Console, people: Sequence[Person], identities: Identities) -> list[Person]:
    """``people`` with the ids that are linked to theirs. It names them: the links are forgotten, too."""
    complete = add_linked_ids(people, identities)
    named = {id_ for person in people for id_ in person.ids}
    for person in complete:
        for id_ in person.ids:
            if id_ not in named:
                text = f"Linked to {person.user_id}, and meant too: {id_}  (in a later run: --also-id)"
                console.print(text, markup=False, highlight=False)
    return complete


def search_user(
    console: Console,
    plane: "Plane",
    people: Sequence[Person],
    options: Options,
    report: Path | None,
    *,
    is_proof: bool,
) -> int:
    """The exit status: 1 if a proof finds anything."""
    stores = list_stores(plane, POSITIONS, has_to_scan=options.has_to_scan)
    columns = {"found": search(console, stores, people, options.mentions)}
    show(console, columns)
    is_nothing_left = is_clean(columns["found"])
    write_report(report, make_report(people, "search", columns, is_clean=is_nothing_left))
    if is_nothing_left:
        console.print("Nothing was found.")
    return int(is_proof and not is_nothing_left)


def forget_user(
    console: Console, plane: "Plane", people: Sequence[Person], options: Options, report: Path | None
) -> int:
    """The exit status: 1 if the proof finds anything."""
    retention = StreamRetention(plane.clients, plane.settings.event_stream).read()
    changed, left, until = forget(
        console,
        lambda progress: list_stores(plane, POSITIONS, progress, has_to_scan=options.has_to_scan),
        people,
        options,
        folder=get_folder(),
        stream_seconds=retention,
        clock=plane.clock,
    )
    columns = {"changed": changed, "left": left}
    show(console, columns)
    is_nothing_left = is_clean(left)
    run_again = format_timestamp(until, "seconds") if until else None
    fields = {"is_clean": is_nothing_left, "run_again_after": run_again}
    write_report(report, make_report(people, options.mode, columns, **fields))
    if is_nothing_left:
        console.print("Proof: a search of every store finds nothing.")
    say_when_to_run_again(console, until)
    return int(not is_nothing_left)


def search(
    console: Console, stores: Sequence[UserStore], people: Sequence[Person], mentions: Mentions
) -> Findings:
    """What each store holds of ``people``. Changes nothing."""
    request = Request(people, _create_matcher(people, mentions), Action(None))
    return _run(console, "Searching", stores, request, lambda store, request: store.search(request))


def forget(
    console: Console,
    create_stores: ListStores,
    people: Sequence[Person],
    options: Options,
    *,
    folder: Path,
    stream_seconds: float,
    clock: Callable[[], float] = time.time,
) -> tuple[Findings, Findings, float]:
    """Change every store, then search all of them: what was changed, what is left, and the time after which
    a run is the last (0: this one was). An interrupted run continues."""
    run = open_position(folder, people, options.mode, restart=options.restart)
    if run.is_interrupted:
        console.print("Continuing an interrupted run; --restart begins again.")
    run.save()
    pseudonyms = Pseudonyms(bytes.fromhex(run.salt), map_ids(people)) if options.is_pseudonymised else None
    request = Request(people, _create_matcher(people, options.mentions), Action(pseudonyms, options.drop))
    earlier = Finding(run.own, run.mentions)
    stores = create_stores(bucket.Progress(lambda prefix: run.after.get(prefix, ""), run.advance, run.add))
    try:
        changed = _run(console, "Forgetting", stores, request, lambda store, request: store.forget(request))
    finally:
        run.save()
    if bucket.BucketStore.name in changed:
        changed[bucket.BucketStore.name].add(earlier)
    left = _run(console, "Proving", stores, request, lambda store, request: store.search(request))
    return changed, left, _finish(run, changed, left, clock(), stream_seconds)


def _finish(run: Position, changed: Findings, left: Findings, now: float, stream_seconds: float) -> float:
    found = sum(finding.own + finding.mentions for finding in (*changed.values(), *left.values()))
    is_last = run.finish(found, now, stream_seconds)
    return 0.0 if is_last else run.stream_until


def get_folder() -> Path:
    """The positions of runs against the AWS that the environment names."""
    target = f"{os.environ.get('REALTIME_ENV', 'local')}-{os.environ.get('AWS_ENDPOINT_URL', 'aws')}"
    return position.FOLDER / quote(target, safe="")


class StreamRetention:
    """How long the event stream keeps a record."""

    def __init__(self, clients: "Clients", stream: str) -> None:
        self._clients = clients
        self._stream = stream

    @guarded
    def read(self) -> float:
        """In seconds."""
        answer = self._clients.kinesis.describe_stream_summary(StreamName=self._stream)
        hours = answer["StreamDescriptionSummary"].get("RetentionPeriodHours", STREAM_HOURS)
        return hours * 3600.0


def confirm(people: Sequence[Person], options: Options, env: str) -> bool:
    """Raises ValueError without a terminal: nobody would see the question."""
    if not sys.stdin.isatty():
        raise ValueError("nobody can be asked without a terminal: look with --dry-run, then add --yes")
    what = "Put a pseudonym in the place of" if options.is_pseudonymised else "Remove"
    question = f"{what} {len(people)} user(s) in every store of {env}, for good?"
    return typer.prompt(f"{question} [y/N]", default="n", show_default=False).strip().lower() in ("y", "yes")


def _create_matcher(people: Sequence[Person], mentions: Mentions) -> Matcher:
    return Matcher(list(map_ids(people)), mentions)


def _run(
    console: Console,
    title: str,
    stores: Sequence[UserStore],
    request: Request,
    act: Callable[[UserStore, Request], Finding],
) -> dict[str, Finding]:
    findings = {}
    with _show_progress(console) as tell:
        for store in stores:
            name = f"{title}: {store.name}"
            tell(name)
            findings[store.name] = act(store, replace(request, tell=partial(_tell_more, tell, name)))
    return findings


def _tell_more(tell: Callable[[str], None], name: str, text: str) -> None:
    tell(f"{name}, {text}")


@contextmanager
def _show_progress(console: Console) -> Iterator[Callable[[str], None]]:
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None)
        yield lambda text: progress.update(task, description=text)
