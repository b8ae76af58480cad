"""CPU, memory, threads and descriptors of each process over time."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil


@dataclass(frozen=True, slots=True)
class Sample:
    at: float
    cpu: float  # percent of one core
    memory: float  # MB
    threads: int
    descriptors: int


MEASURES = ("cpu", "memory", "threads", "descriptors")


@dataclass(slots=True)
class Usage:
    """``samples`` by the name of the process, and the CPU of the whole machine, in percent of all cores."""

    samples: dict[str, list[Sample]] = field(default_factory=dict)
    machine: list[tuple[float, float]] = field(default_factory=list)

    def get_cpu(self, name: str, start: float, end: float) -> float:
        """The average between two times."""
        values = [sample.cpu for sample in self.samples.get(name, ()) if start <= sample.at <= end]
        return sum(values) / len(values) if values else 0.0

    def get_machine(self, start: float, end: float) -> float:
        values = [share for at, share in self.machine if start <= at <= end]
        return sum(values) / len(values) if values else 0.0


@contextmanager
def watch(processes: Mapping[str, int], seconds: float = 1.0) -> Iterator[Usage]:
    """Sample until the block ends. ``processes`` are ids by name; one may be added, or end, meanwhile."""
    usage, is_stopping = Usage(), threading.Event()
    known: dict[int, psutil.Process] = {}

    def run() -> None:
        psutil.cpu_percent()
        while not is_stopping.wait(seconds):
            now = time.time()
            usage.machine.append((now, psutil.cpu_percent()))
            for name, pid in list(processes.items()):
                if sample := _sample(pid, known, now):
                    usage.samples.setdefault(name, []).append(sample)

    thread = threading.Thread(target=run, name="watch", daemon=True)
    thread.start()
    try:
        yield usage
    finally:
        is_stopping.set()
        thread.join()


def _sample(pid: int, known: dict[int, psutil.Process], now: float) -> Sample | None:
    """None if the process has ended."""
    try:
        process = known.setdefault(pid, psutil.Process(pid))  # which knows its CPU time of the last sample
        with process.oneshot():
            memory = process.memory_info().rss / 1e6
            return Sample(now, process.cpu_percent(), memory, process.num_threads(), process.num_fds())
    except psutil.Error:
        return None
