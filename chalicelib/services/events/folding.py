"""Folds the counters of closed days, some after each batch, so that results of a year are read at once."""

import logging
import time
from collections.abc import Callable

from chalicelib.domain import heartbeat
from chalicelib.domain.definitions.model import Experiment, Flag
from chalicelib.domain.errors import StorageUnavailable, Throttled
from chalicelib.domain.stream.counters import Counters, experiment_scope, flag_scope
from chalicelib.services.definitions.sources import DefinitionSource

SECONDS_BETWEEN = 3600.0
"""Between two rounds over all scopes, in one container."""
SECONDS_A_BATCH = 1.0
"""After a batch, so that the next one does not wait for longer."""
SECONDS_CLOSED = 7200.0
"""After its end a day may still be busy with events that come late by a little."""

log = logging.getLogger(__name__)


class CounterFolder:
    """``timer`` is monotonic, in seconds."""

    def __init__(
        self,
        counters: Counters,
        experiments: DefinitionSource[Experiment],
        flags: DefinitionSource[Flag],
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._counters = counters
        self._experiments = experiments
        self._flags = flags
        self._timer = timer
        self._scopes: list[str] = []
        self._due = 0.0

    def fold_some(self, now: float) -> None:
        """Some scopes of the round; ``now`` in epoch seconds. What fails is tried again in the next round.

        It never raises: the batch before it is settled, and a failure would make Lambda deliver it again.
        """
        end = self._timer() + SECONDS_A_BATCH
        try:
            if not self._scopes and now >= self._due:
                self._scopes, self._due = self._list_scopes(), now + SECONDS_BETWEEN
            while self._scopes and self._timer() < end:
                self._counters.fold(self._scopes.pop(), int((now - SECONDS_CLOSED) // 86_400), now)
        except (StorageUnavailable, Throttled) as error:
            log.warning("counters of closed days could not be folded: %s", error.code)
        except Exception as error:  # noqa: BLE001 - see above
            log.error("counters of closed days could not be folded: %s", type(error).__name__)  # noqa: TRY400 - its message may quote an item

    def _list_scopes(self) -> list[str]:
        experiments = self._experiments.get_all().values()
        scopes = {experiment_scope(each.id, each.iteration) for each in experiments}
        # An experiment that was restarted may have late events of its last iteration.
        scopes |= {
            experiment_scope(each.id, each.iteration - 1) for each in experiments if each.iteration > 1
        }
        return sorted(scopes) + [flag_scope(key) for key in (*self._flags.get_all(), heartbeat.FLAG)]
