"""`doctor`: what a command needs of this machine and of AWS, what of it is missing, and what to do."""

import json
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ClientError, NoRegionError
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from chalicelib import __version__
from chalicelib.domain.status.alarms import TABLES, list_used_tables
from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients
from realtime.resources import Table as KeyedTable
from realtime.resources import describe
from realtime.store_errors import describe_store_error

State = Literal["ok", "note", "problem"]
COLOURS: Mapping[State, str] = {"ok": "green", "note": "yellow", "problem": "red"}
TESTED = ((3, 11), (3, 12), (3, 13))
SKEW_NOTE, SKEW_PROBLEM = 30.0, 300.0
"""Seconds. AWS refuses requests that are signed by a clock more than five minutes off."""
MAX_NAMED = 5
INSTALL = "make test-environment installs those that are pinned."
SIGN_IN = "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; `aws sso login` renews a session."
START = "Start `make run`, or set AWS_ENDPOINT_URL."
DEPLOY = "Deploy it (docs/deployment.md), or set REALTIME_ENV to another environment."


@dataclass(frozen=True, slots=True)
class Finding:
    """``remedy`` is empty if all is well."""

    name: str
    state: State
    text: str
    remedy: str = ""


@dataclass(frozen=True)
class Machine:
    """What is looked at. ``now`` is epoch seconds; ``requirements`` are files with pinned packages."""

    settings: Settings
    clients: Clients
    identify: Callable[[], str]
    now: float
    requirements: Sequence[Path] = ()
    url: str = ""
    """Of the local API; empty elsewhere."""

    @property
    def is_local(self) -> bool:
        return self.settings.env == "local"

    @property
    def remedy(self) -> str:
        """If something is not there."""
        return START if self.is_local else DEPLOY


def examine(machine: Machine) -> Iterator[Finding]:
    """What needs AWS comes last, and only if it can be asked."""
    yield check_python(sys.version_info[:3])
    yield check_packages(machine.requirements)
    yield Finding("environment", "ok", f"{machine.settings.env}, by REALTIME_ENV")
    access = check_region(machine), check_identity(machine)
    yield from access
    if all(finding.state == "ok" for finding in access):
        yield from check_aws(machine)
    if machine.is_local:
        yield check_api(machine.url)


def check_aws(machine: Machine) -> Iterator[Finding]:
    """Nothing more if AWS does not answer at all."""
    reached = check_clock(machine)
    yield reached
    if reached.name == "clock":
        yield check_tables(machine)
        yield from check_others(machine)


def check_python(version: tuple[int, ...]) -> Finding:
    shown = ".".join(map(str, version))
    if version[:2] < TESTED[0]:
        return Finding("Python", "problem", shown, "Use Python 3.11 or later: make run PYTHON=python3.13")
    if version[:2] not in TESTED:
        return Finding("Python", "note", f"{shown}, tested are 3.11 to 3.13", "Use one of these.")
    return Finding("Python", "ok", shown)


def check_packages(files: Sequence[Path]) -> Finding:
    wanted = dict(pair for file in files for pair in _read_pins(file))
    different = []
    for name, version in wanted.items():
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            installed = "absent"
        if installed != version:
            different.append(f"{name} {installed}, pinned is {version}")
    if different:
        return Finding(
            "packages", "note", _shorten(different), "make test-environment installs those that are pinned."
        )
    return Finding("packages", "ok", f"{len(wanted)} as pinned; realtime {__version__}")


def check_region(machine: Machine) -> Finding:
    try:
        return Finding("region", "ok", machine.clients.dynamodb.meta.region_name)
    except NoRegionError:
        remedy = "Set AWS_REGION, such as eu-central-1, or region in ~/.aws/config."
        return Finding("region", "problem", "none", remedy)


def check_identity(machine: Machine) -> Finding:
    if machine.is_local:
        return Finding("credentials", "ok", "the local AWS takes any")
    try:
        return Finding("credentials", "ok", machine.identify())
    except (BotoCoreError, ClientError) as error:
        return Finding("credentials", "problem", describe_store_error(error), SIGN_IN)


def check_clock(machine: Machine) -> Finding:
    """By the date of an answer. Without an answer it is a finding about AWS itself."""
    try:
        answer: Any = machine.clients.dynamodb.list_tables(Limit=1)
    except (BotoCoreError, ClientError) as error:
        return Finding("AWS", "problem", describe_store_error(error), machine.remedy)
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    if date is None:
        return Finding("clock", "note", "the answer has no date", "Compare it yourself: date -u")
    skew = machine.now - parsedate_to_datetime(date).timestamp()
    text = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} AWS"
    if abs(skew) <= SKEW_NOTE:
        return Finding("clock", "ok", text)
    state: State = "problem" if abs(skew) > SKEW_PROBLEM else "note"
    return Finding("clock", state, text, "Set the clock: AWS refuses requests that are five minutes off.")


def check_tables(machine: Machine) -> Finding:
    settings = machine.settings
    tables = dict(zip(TABLES, describe(settings).tables, strict=True))
    names = list_used_tables(settings.platform, settings.event_dedupe)
    problems = [problem for name in names if (problem := _examine_table(machine.clients, tables[name]))]
    if problems:
        text = f"{len(problems)} of {len(names)}: {_shorten(problems)}"
        return Finding("tables", "problem", text, machine.remedy)
    return Finding("tables", "ok", f"{len(names)} are there")


def check_others(machine: Machine) -> Iterator[Finding]:
    settings, clients = machine.settings, machine.clients
    asked: Mapping[str, tuple[str, Callable[[str], object]]] = {
        "stream": (
            settings.event_stream,
            lambda name: clients.kinesis.describe_stream_summary(StreamName=name),
        ),
        "bucket": (settings.archive_bucket, lambda name: clients.s3.head_bucket(Bucket=name)),
        "quarantine": (settings.quarantine_queue, lambda name: clients.sqs.get_queue_url(QueueName=name)),
    }
    for label, (name, ask) in asked.items():
        try:
            ask(name)
        except (BotoCoreError, ClientError) as error:
            yield Finding(
                label, "problem", f"{name} {_describe(error)}", START if machine.is_local else DEPLOY
            )
        else:
            yield Finding(label, "ok", name)


def check_api(url: str) -> Finding:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=3) as answer:  # noqa: S310 - our own address
            version = json.load(answer)["version"]
    except (OSError, ValueError, KeyError) as error:
        return Finding("API", "note", f"{url}: {error}", "Start `make run`, or set PORT to where it listens.")
    if version != __version__:
        return Finding("API", "note", f"{url} is version {version}, this is {__version__}", "Start it again.")
    return Finding("API", "ok", url)


def show(console: Console, findings: Sequence[Finding], *, as_json: bool) -> int:
    """Returns the exit status: 1 if there is a problem."""
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False))
    for finding in () if as_json else findings:
        row = Table.grid(padding=(0, 2, 0, 0))
        row.add_column(width=7)
        row.add_column(width=11)
        row.add_column(overflow="fold")
        row.add_row(Text(finding.state, style=COLOURS[finding.state]), finding.name, Text(finding.text))
        console.print(row)
        if finding.remedy:
            console.print(Padding(Text(f"→ {finding.remedy}", style=COLOURS[finding.state]), (0, 0, 0, 9)))
    return int(any(finding.state == "problem" for finding in findings))


def _examine_table(clients: Clients, wanted: KeyedTable) -> str:
    """What is wrong with it; empty if nothing is."""
    name = wanted.name
    try:
        table = clients.dynamodb.describe_table(TableName=name)["Table"]
    except (BotoCoreError, ClientError) as error:
        return f"{name} {_describe(error)}"
    keys = [key["AttributeName"] for key in table["KeySchema"]]
    expected = [wanted.partition_key.name, *([wanted.sort_key.name] if wanted.sort_key else [])]
    if keys != expected:
        return f"{name} has the key {', '.join(keys)}, not {', '.join(expected)}"
    return (
        "" if table["TableStatus"] in ("ACTIVE", "UPDATING") else f"{name} is {table['TableStatus'].lower()}"
    )


def _describe(error: BotoCoreError | ClientError) -> str:
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "an error")
        is_missing = code in ("ResourceNotFoundException", "404", "NoSuchBucket", "QueueDoesNotExist")
        return "is not there" if is_missing or "NonExistentQueue" in code else f"answers {code}"
    return describe_store_error(error)


def _shorten(texts: Sequence[str]) -> str:
    more = f"; and {len(texts) - MAX_NAMED} more" if len(texts) > MAX_NAMED else ""
    return "; ".join(texts[:MAX_NAMED]) + more


def _read_pins(file: Path) -> Iterator[tuple[str, str]]:
    for line in file.read_text().splitlines():
        name, separator, version = line.partition("#")[0].strip().partition("==")
        if separator:
            yield name.partition("[")[0], version
