"""Time limits that hold on a busy machine, and still catch slow code."""

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

Context = Mapping[str, Any]
Condition = Callable[[Context], bool]

REFERENCE_SECONDS = 0.000_24
"""CPU time of ``_run_reference`` on the machine for which the limits were set, when it is idle."""
MARGIN = 3


def assert_takes_less(run: Callable[[], object], seconds: float) -> None:
    """Fail if no run takes less CPU time than ``seconds`` (on a busy machine ``MARGIN`` times that).

    Other processes share this thread's caches, and slow down what reads much memory by more than the
    reference shows. What these limits are there to catch is slower by a larger factor than the margin.
    """
    fastest = measure_fastest(run, seconds)
    assert fastest < MARGIN * seconds, f"the fastest run took {fastest:.6f} s of CPU, allowed are {seconds} s"


def assert_ratio_below(limit: float, run: Callable[[], object], baseline: Callable[[], object]) -> None:
    """Fail if ``run`` takes ``limit`` times as long as ``baseline`` or longer, in CPU time of this thread.

    Both take turns; the fastest of each counts. Repeats until the ratio is below, for ten seconds at most.
    """
    tracer, end = sys.gettrace(), time.perf_counter() + 10.0
    sys.settrace(None)
    try:
        fastest, fastest_baseline = _measure(run), _measure(baseline)
        for _ in range(5):
            fastest_baseline = min(fastest_baseline, _measure(baseline))
        while fastest >= limit * fastest_baseline and time.perf_counter() < end:
            fastest = min(fastest, _measure(run))
            fastest_baseline = min(fastest_baseline, _measure(baseline))
    finally:
        sys.settrace(tracer)
    ratio = fastest / fastest_baseline
    assert ratio < limit, (
        f"it took {ratio:.1f} times as long as what it is compared with, allowed are {limit}"
    )


def measure_fastest(run: Callable[[], object], limit: float, max_seconds: float = 5.0) -> float:
    """CPU seconds of the fastest run. Repeats until one is below ``limit``, for ``max_seconds`` at most.

    CPU time of this thread excludes the time in which other processes have the processor. They also slow this
    thread down, as they share its caches: so the time is divided by how much slower the reference has become.
    Coverage's tracer, which slows Python down several times, is off meanwhile.
    """
    tracer, end = sys.gettrace(), time.perf_counter() + max_seconds
    sys.settrace(None)
    try:
        seconds = fastest = _measure(run)
        if seconds >= limit:
            reference = min(_measure(_run_reference) for _ in range(10))
        while seconds >= limit and time.perf_counter() < end:
            fastest = min(fastest, _measure(run))
            reference = min(reference, _measure(_run_reference))
            seconds = fastest / max(1.0, reference / REFERENCE_SECONDS)
    finally:
        sys.settrace(tracer)
    return seconds


def _measure(run: Callable[[], object]) -> float:
    start = time.thread_time()
    run()
    return time.thread_time() - start


def _build_rule(number: int) -> Condition:
    text = f"text-{number}"

    def has_text(context: Context) -> bool:
        return bool(context.get("a") != text)

    def is_greater(context: Context) -> bool:
        value = context.get("b")
        return value is not None and float(value) > number

    return lambda context: has_text(context) and is_greater(context)


_RULES = [_build_rule(number) for number in range(1_000)]


def _run_reference() -> None:
    """The least that 1,000 rules of two conditions cost, in time and in memory that they read."""
    context = {"a": "x", "b": -1}
    for rule in _RULES:
        rule(context)
