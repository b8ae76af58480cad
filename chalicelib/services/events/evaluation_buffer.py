"""Evaluations that wait to be sent. A request only appends to the buffer; tracking costs it nothing else."""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import count
from threading import Lock
from typing import TypeAlias

from chalicelib.domain.definitions.model import Evaluation

PendingEvaluation: TypeAlias = tuple[int, str, float, Evaluation]
"""Of one request: its number, the user id, epoch seconds, and its evaluation.

A tuple, because a named one would cost each request several times as much to build.
"""
UserEvaluations: TypeAlias = tuple[str, float, Sequence[Evaluation]]
"""The user id, epoch seconds, and the evaluations of one request."""


class EvaluationBuffer(deque[PendingEvaluation]):
    """Keeps the latest ``capacity`` requests for one flag:
    ``buffer.append((buffer.next_number(), user_id, now, evaluation))``.

    The numbers show how many were pushed out. `append_many` is for requests for many flags.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__(maxlen=capacity)
        self.next_number = count().__next__
        self._expected_number = 0
        self.lost = 0
        self._capacity = capacity
        self._many: deque[UserEvaluations] = deque()
        self._many_waiting = self._many_lost = 0
        self._many_lock = Lock()

    def append_many(self, user_id: str, now: float, evaluations: Sequence[Evaluation]) -> None:
        """Keeps the latest requests, with at most ``capacity`` evaluations in all."""
        kept = evaluations[: self._capacity]
        with self._many_lock:
            self._many.append((user_id, now, kept))
            self._many_waiting += len(kept)
            self._many_lost += len(evaluations) - len(kept)
            while self._many_waiting > self._capacity:
                pushed_out = len(self._many.popleft()[2])
                self._many_waiting -= pushed_out
                self._many_lost += pushed_out

    def drain(self) -> Iterator[UserEvaluations]:
        """Removes and returns the waiting requests, and adds the evaluations pushed out to ``lost``.

        Threads may append out of order. A request that comes late subtracts what its absence has added, so
        ``lost`` may be negative until the next request comes.
        """
        while self:
            number, user_id, now, evaluation = self.popleft()
            self.lost += number - self._expected_number
            self._expected_number = number + 1
            yield user_id, now, (evaluation,)
        with self._many_lock:
            many, self._many = self._many, deque()
            self.lost += self._many_lost
            self._many_waiting = self._many_lost = 0
        yield from many
