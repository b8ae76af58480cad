"""Where a request leaves what it has answered: one append, which is all that tracking costs it."""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import count
from typing import TypeAlias

from chalicelib.domain.definitions.model import Evaluation

PendingEvaluation: TypeAlias = tuple[int, str, float, Evaluation | Sequence[Evaluation]]
"""A number, the user, when (epoch seconds), and the answer or answers of one request."""


class EvaluationBuffer(deque[PendingEvaluation]):
    """Keeps the latest ``capacity`` requests. ``number()`` numbers one, so that those that had to go
    can be counted: ``buffer.append((buffer.number(), user_id, now, evaluation))``.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__(maxlen=capacity)
        self.number = count().__next__
        self._expected = 0
        self.lost = 0

    def take(self) -> Iterator[PendingEvaluation]:
        """What waits, the oldest first; ``lost`` grows by the requests that were pushed out before it.

        Threads may append out of order: one that comes late takes back what its absence has added, so
        that ``lost`` may be negative until the next one comes.
        """
        while self:
            told = self.popleft()
            self.lost += told[0] - self._expected
            self._expected = told[0] + 1
            yield told
