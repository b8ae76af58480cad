"""`make bench`: what decisions, requests and batches cost in this process; writes build/bench.json.

Times are taken in turns within one run, as machines are noisy. A lower bound decides the same by hand
(loadtests/workloads.py), and it is checked that it does. Budgets in µs and ms were derived on a machine whose
lower bounds are known: where those are slower, the budgets grow by as much; the first row says how much.
The last rows are of the local AWS, whose speed they therefore hold as well.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from chalicelib.domain.assignment import decide
from chalicelib.domain.definitions.compiler import (
    compile_experiment,
    compile_flag,
    parse_experiment,
    parse_flag,
)
from chalicelib.domain.definitions.model import Evaluation, Experiment, Flag
from chalicelib.domain.evaluation import evaluate
from loadtests.bench_local import local_rows
from loadtests.bench_requests import batch_rows, request_rows
from loadtests.timing import Row, fastest, row
from loadtests.workloads import RULES, bounds, users

OUTPUT = Path("build") / "bench.json"
BUDGETS_FOR = {"W1": 0.14, "W2": 0.18, "W3": 0.14, "W4": 0.20, "W5": 10.1}
"""µs of the lower bounds on the machine that the absolute budgets are for."""
NOW = 1_767_225_600.0
Decision = Callable[[dict[str, Any]], Any]


def decision_rows(seen: dict[str, float]) -> Iterator[Row]:
    """``seen`` gets each lower bound in µs."""
    people, by_hand = users(), bounds()
    for name, (decide_for, shown) in decisions().items():
        bound = by_hand[name]
        sample = people[:200] if name == "W5" else people
        for user in sample:
            if shown(decide_for(user)) != bound(user):
                raise AssertionError(f"{name}: the lower bound decides otherwise")
        ours, least = fastest(partial(_each, decide_for, sample), partial(_each, bound, sample))
        seen[name] = least / len(sample) * 1e6
        yield row(f"{name}: decision", ours / len(sample) * 1e6, "µs", 3 * seen[name])
        yield row(f"{name}: decision / lower bound", ours / least, "×", 3.0)


def decisions() -> dict[str, tuple[Decision, Callable[[Any], Any]]]:
    """Each workload's real decision, and what a lower bound says in its place."""
    w1, w2 = _flag("w1", 50), _flag("w2", 30, RULES)
    w3 = _experiment("w3", 0.8, (0.5, 0.5))
    w4 = _experiment("w4", 1.0, (0.34, 0.33, 0.33), RULES)
    hundred = [_flag(f"w5-{n}", 50) for n in range(50)] + [
        _flag(f"w5-{n}", 30, RULES) for n in range(50, 100)
    ]
    return {
        "W1": (_evaluation(w1), _inside),
        "W2": (_evaluation(w2), _inside),
        "W3": (_assignment(w3), _index),
        "W4": (_assignment(w4), _index),
        "W5": (_evaluations(hundred), lambda found: [_inside(one) for one in found]),
    }


def _evaluation(flag: Flag) -> Decision:
    return lambda user: evaluate(flag, user["user_id"], user, NOW, _no_other)


def _evaluations(flags: Sequence[Flag]) -> Decision:
    def many(user: dict[str, Any]) -> list[Evaluation]:
        user_id = user["user_id"]
        return [evaluate(flag, user_id, user, NOW, _no_other) for flag in flags]

    return many


def _assignment(experiment: Experiment) -> Decision:
    return lambda user: decide(experiment, user["user_id"], user, NOW, _not_stored)


def _no_other(key: str) -> Flag | None:
    raise LookupError(key)


def _not_stored() -> None:
    return None


def _inside(found: Evaluation) -> bool | None:
    return True if found.enabled else None


def _index(found: Any) -> int | None:
    return None if found.variant is None else int(found.variant)


def _flag(key: str, percentage: float, rules: object = None) -> Flag:
    document = {"key": key, "type": "boolean", "rollout_percentage": percentage, "targeting_rules": rules}
    return compile_flag(parse_flag(document))


def _experiment(key: str, traffic: float, shares: Sequence[float], rules: object = None) -> Experiment:
    variants = [{"key": str(index), "allocation": share} for index, share in enumerate(shares)]
    document = {"key": key, "status": "active", "variants": variants, "targeting_rules": rules}
    return compile_experiment(parse_experiment({**document, "traffic_allocation": traffic}))


def _each(decision: Decision, people: Sequence[dict[str, Any]]) -> None:
    for user in people:
        decision(user)


def scaled(one: Row, slowness: float) -> Row:
    return row(one.name, one.value, one.unit, one.limit * slowness) if one.unit in ("µs", "ms") else one


def main() -> int:
    """Prints every row and writes them; 1 if one is over its limit."""
    seen: dict[str, float] = {}
    decided = list(decision_rows(seen))
    slowness = max(1.0, median(seen[name] / least for name, least in BUDGETS_FOR.items()))
    rows = [row("this machine / the one of the budgets", slowness, "×", 10.0), *decided]
    rows += [scaled(one, slowness) for one in (*request_rows(), *batch_rows())]
    rows += local_rows()
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps([asdict(one) for one in rows], indent=1) + "\n")
    table = Table("what", "measured", "limit", "")
    for one in rows:
        shown = (f"{value:,.2f} {one.unit}" for value in (one.value, one.limit))
        table.add_row(one.name, *shown, "ok" if one.ok else "[red]over[/red]")
    Console().print(table)
    return int(not all(one.ok for one in rows))


if __name__ == "__main__":
    sys.exit(main())
