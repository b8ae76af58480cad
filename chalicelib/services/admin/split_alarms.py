"""Tell webhooks that a split is not as defined: once for each iteration of an experiment."""

import logging
from typing import Protocol

from chalicelib.domain.announcements import announce_split_alarm
from chalicelib.domain.definitions.model import Experiment
from chalicelib.domain.errors import StorageUnavailable, Throttled
from chalicelib.domain.stream.counters import experiment_scope
from chalicelib.services.admin.webhooks import WebhookService

EVENT = "split_alarm"
_log = logging.getLogger("realtime")


class AlarmMarks(Protocol):
    """The store of what was announced. Both raise StorageUnavailable or Throttled."""

    def add(self, scope: str) -> bool:
        """Whether it was not there: of several containers, one announces."""

    def remove(self, scope: str) -> None: ...


class SplitAlarms:
    def __init__(self, webhooks: WebhookService, marks: AlarmMarks) -> None:
        self._webhooks = webhooks
        self._marks = marks
        self._announced: set[str] = set()

    def announce(self, experiment: Experiment, p_value: float, now: float) -> None:
        """It never fails: counting goes on, and the next check tries again."""
        scope = experiment_scope(experiment.id, experiment.iteration)
        if scope in self._announced:
            return
        try:
            if self._webhooks.has_listeners(EVENT):
                self._announce(scope, experiment, p_value, now)
        except (StorageUnavailable, Throttled) as error:
            _log.warning("webhooks were not told of a %s: %s", EVENT, error.code)

    def _announce(self, scope: str, experiment: Experiment, p_value: float, now: float) -> None:
        is_first = self._marks.add(scope)
        if is_first and self._webhooks.announce(announce_split_alarm(experiment, p_value, now)):
            self._marks.remove(scope)
            return
        self._announced.add(scope)
