"""`make bench`: measures decisions, requests and batches in this process, and writes build/bench.json.

Machines are noisy, so what is compared takes turns within one run. A lower bound is the least code by hand
that decides the same (loadtests/workloads.py); the benchmark checks that it does. loadtests/timing.py says
how limits in µs and ms follow the machine; the first row shows it. The last rows include the time of the
local AWS.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
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
from chalicelib.domain.evaluation import evaluate, evaluate_all
from loadtests.bench_client import measure_client
from loadtests.bench_local import measure_local_stack
from loadtests.bench_requests import measure_batches, measure_requests
from loadtests.bench_services import measure_services
from loadtests.imported_flags import measure_imported_flags
from loadtests.timing import Row, build_row, compute_slowness, measure_fastest, run_reference
from loadtests.workloads import RULES, build_lower_bounds, build_users
from loadtests.written_flag import measure_written_flag

OUTPUT = Path("build") / "bench.json"
NOW = 1_767_225_600.0
SAMPLE, ROUNDS = 1_000, 60
Decision = Callable[[dict[str, Any]], Any]


def measure_decisions() -> Iterator[Row]:
    users, lower_bounds = build_users(SAMPLE), build_lower_bounds()
    for name, (decide_real, simplify) in build_decisions().items():
        lower_bound = lower_bounds[name]
        sample = users[:20] if name == "W5" else users
        for user in sample:
            if simplify(decide_real(user)) != lower_bound(user):
                raise AssertionError(f"{name}: the lower bound decides otherwise")
        real_seconds, bound_seconds = measure_fastest(
            partial(_decide_each, decide_real, sample),
            partial(_decide_each, lower_bound, sample),
            rounds=ROUNDS,
        )
        yield build_row(f"{name}: decision / lower bound", real_seconds / bound_seconds, "×", 3.0)


def build_decisions() -> dict[str, tuple[Decision, Callable[[Any], Any]]]:
    """Each workload's real decision, and a function that reduces its result to the lower bound's answer."""
    w1, w2 = _build_flag("w1", 50), _build_flag("w2", 30, RULES)
    w3 = _build_experiment("w3", 0.8, (0.5, 0.5))
    w4 = _build_experiment("w4", 1.0, (0.34, 0.33, 0.33), RULES)
    hundred = [_build_flag(f"w5-{n}", 50) for n in range(50)] + [
        _build_flag(f"w5-{n}", 30, RULES) for n in range(50, 100)
    ]
    return {
        "W1": (_decide_flag(w1), _read_enabled),
        "W2": (_decide_flag(w2), _read_enabled),
        "W3": (_decide_experiment(w3), _read_index),
        "W4": (_decide_experiment(w4), _read_index),
        "W5": (_decide_flags(hundred), lambda evaluations: [_read_enabled(item) for item in evaluations]),
    }


def _decide_flag(flag: Flag) -> Decision:
    return lambda user: evaluate(flag, user["user_id"], user, NOW, _find_no_flag)


def _decide_flags(flags: Sequence[Flag]) -> Decision:
    def decide_all(user: dict[str, Any]) -> list[Evaluation]:
        user_id = user["user_id"]
        return list(evaluate_all(flags, user_id, user, NOW, _find_no_flag, _fail))

    return decide_all


def _decide_experiment(experiment: Experiment) -> Decision:
    return lambda user: decide(experiment, user["user_id"], user, NOW, _find_no_assignment)


def _find_no_flag(key: str) -> Flag | None:
    raise LookupError(key)


def _fail(flag: Flag, error: Exception) -> None:
    raise AssertionError(f"{flag.key} has no answer") from error


def _find_no_assignment() -> None:
    return None


def _read_enabled(evaluation: Evaluation) -> bool | None:
    return True if evaluation.enabled else None


def _read_index(decision: Any) -> int | None:
    return None if decision.variant is None else int(decision.variant)


def _build_flag(key: str, percentage: float, rules: object = None) -> Flag:
    document = {"key": key, "type": "boolean", "rollout_percentage": percentage, "targeting_rules": rules}
    return compile_flag(parse_flag(document))


def _build_experiment(key: str, traffic: float, shares: Sequence[float], rules: object = None) -> Experiment:
    variants = [{"key": str(index), "allocation": share} for index, share in enumerate(shares)]
    document = {"key": key, "status": "active", "variants": variants, "targeting_rules": rules}
    return compile_experiment(parse_experiment({**document, "traffic_allocation": traffic}))


def _decide_each(decision: Decision, users: Sequence[dict[str, Any]]) -> None:
    for user in users:
        decision(user)


def main() -> int:
    """Prints every row and writes them; 1 if one is over its limit."""
    [reference] = measure_fastest(run_reference, rounds=100)
    rows = [build_row("this machine / the one of the limits", compute_slowness(reference), "×", 10.0)]
    rows += [*measure_decisions(), *measure_services(), *measure_written_flag(), *measure_client()]
    rows += measure_imported_flags(build_decisions()["W2"][0])
    rows += [*measure_requests(), *measure_batches(), *measure_local_stack()]
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    table = Table("what", "measured", "limit", "")
    for row in rows:
        figures = (f"{value:,.2f} {row.unit}" for value in (row.value, row.limit))
        table.add_row(row.name, *figures, "ok" if row.ok else "[red]over[/red]")
    Console().print(table)
    return int(not all(row.ok for row in rows))


if __name__ == "__main__":
    sys.exit(main())
