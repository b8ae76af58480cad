"""Evaluations that wait to be sent. A request only appends to the buffer; tracking costs it nothing else."""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import count
from typing import TypeAlias

from chalicelib.domain.definitions.model import Evaluation

PendingEvaluation: TypeAlias = tuple[int, str, float, Evaluation | Sequence[Evaluation]]
"""Of one request: its number, the user id, epoch seconds, and its evaluation or evaluations.

A tuple, because a named one would cost each request several times as much to build.
"""


class EvaluationBuffer(deque[PendingEvaluation]):
    """Keeps the latest ``capacity`` requests:
    ``buffer.append((buffer.next_number(), user_id, now, evaluation))``.

    The numbers show how many requests were pushed out.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__(maxlen=capacity)
        self.next_number = count().__next__
        self._expected_number = 0
        self.lost = 0

    def drain(self) -> Iterator[PendingEvaluation]:
        """Removes and returns the waiting requests, the oldest first, and adds those pushed out to ``lost``.

        Threads may append out of order. A request that comes late subtracts what its absence has added, so
        ``lost`` may be negative until the next request comes.
        """
        while self:
            pending = self.popleft()
            self.lost += pending[0] - self._expected_number
            self._expected_number = pending[0] + 1
            yield pending
