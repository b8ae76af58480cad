"""What the commands print: progress to standard error, the result to standard output."""

import json
import shutil
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from infra.release.aliases import Traffic
from infra.release.executions import Outcome

RETURNED = ("AlarmRang", "TooFewCalls", "NotMoved")
"""Errors after which a release moves traffic back."""


def tell(text: str) -> None:
    """Write ``text`` to standard error, wrapped to the terminal."""
    for line in text.split("\n"):
        print(wrap(line), file=sys.stderr, flush=True)


def wrap(line: str) -> str:
    width = shutil.get_terminal_size().columns
    return textwrap.fill(line, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def get_name(arn: str) -> str:
    return arn.rpartition(":")[2]


@dataclass(slots=True)
class Progress:
    """Says where the traffic is each time that it has moved."""

    read: Callable[[], list[Traffic]]
    _shown: dict[str, str] = field(default_factory=dict)

    def show(self) -> None:
        for traffic in self.read():
            where = describe(traffic)
            if self._shown.setdefault(traffic.function, where) != where:
                self._shown[traffic.function] = where
                print(
                    f"{time.strftime('%H:%M:%S')} {traffic.function:15} {where}", file=sys.stderr, flush=True
                )


def describe(traffic: Traffic) -> str:
    if traffic.next:
        return f"{traffic.live}, {traffic.percent} % at {traffic.next}"
    return traffic.live or "not deployed"


def show_status(functions: list[Traffic], running: list[dict[str, Any]], is_json: bool) -> None:
    if is_json:
        rows = [{**asdict(traffic), "last_good": traffic.last_good} for traffic in functions]
        executions = [
            {"name": execution["name"], "started": execution["startDate"].isoformat()}
            for execution in running
        ]
        print(json.dumps({"functions": rows, "running": executions}, indent=2))
        return
    print(f"{'function':15}  {'traffic at':18}  {'back to':7}  rolled back")
    for traffic in functions:
        back = traffic.last_good or "–"
        print(f"{traffic.function:15}  {describe(traffic):18}  {back:7}  {traffic.bad or '–'}")
    for execution in running:
        print(wrap(f"{execution['name']} is under way since {execution['startDate']:%H:%M:%S}"))
    split = [traffic.function for traffic in functions if traffic.next]
    if split and not running:
        print(
            wrap(f"no release is under way, and {', '.join(split)} is between two versions: use --rollback")
        )


def show_outcome(outcome: Outcome, execution: str, is_json: bool) -> None:
    if is_json:
        fields = {"execution": execution, **asdict(outcome)}
        print(json.dumps(fields, indent=2))
        return
    if outcome.status == "SUCCEEDED":
        _show_success(outcome.output)
    elif outcome.status == "FAILED":
        print(wrap(f"{outcome.error}: {outcome.cause}"))
        if outcome.error in RETURNED:
            print("All traffic of this release is back where it was.")
    else:
        print(wrap(f"{execution} was stopped. An alias may be between two versions: --status shows it."))


def _show_success(output: dict[str, Any]) -> None:
    for title, key in (("released", "released"), ("rolled back", "rolled_back")):
        for move in output.get(key, ()):
            print(f"{title}: {move['name']:15} {move['from']} → {move['version']}")
    for held in output.get("held", ()):
        text = f"{held['name']} stays at {held['live']}: version {held['version']} was rolled back."
        print(wrap(f"{text} Deploy a fix, or release it with --again."))
    if not any(output.get(key) for key in ("released", "rolled_back", "held")):
        print("nothing to do: the deployed versions have all the traffic")
