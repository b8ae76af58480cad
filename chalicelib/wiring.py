"""What one container offers: each request, batch and command goes through `Plane`."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from chalicelib import __version__, deadline, extension
from chalicelib.answers import OUR_CODES, count_answers
from chalicelib.domain.errors import InvalidInput, RealtimeError
from chalicelib.domain.timestamps import parse_timestamp
from chalicelib.event_wiring import Services
from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients

if TYPE_CHECKING:
    from chalicelib.api.models import ClientEvaluation
    from chalicelib.domain.assignment import AssignmentResult
    from chalicelib.domain.definitions.model import Evaluation, Experiment
    from chalicelib.domain.evaluation import Evaluations
    from chalicelib.domain.identity import Identified
    from chalicelib.domain.keys import Access
    from chalicelib.services.definitions.client_definitions import Encoded

SECONDS_TO_FOLD = 20.0
"""With less time left of an invocation, counters are not folded after its batch."""
EXTENDED_HANDLERS = ("app.app", "app.assignment", "app.feature_flags", "app.admin", "app.api_key")
"""Those that have something to do after an answer. The last one writes when keys were used."""
Remaining = Callable[[], float]


class Plane(Services):
    """What app.py and the commands ask for."""

    def get_experiment(self, key: str) -> Experiment | None:
        """With the platform's overrides, where there are any."""
        experiment, overrides = self.catalog.experiments.find(key), self.platform_overrides
        return overrides.apply(experiment) if experiment and overrides else experiment

    def assign(self, user_id: str, experiment_key: str, context: dict[str, Any]) -> AssignmentResult:
        now = self.clock()
        result = self.assigner.assign(user_id, experiment_key, context, now)
        if self.context_sampler is not None:
            self.context_sampler.offer("experiment", (experiment_key,), user_id, context, now)
        return result

    def assign_many(
        self,
        user_id: str,
        experiment_keys: Collection[str] | None,
        context: dict[str, Any],
        after: str = "",
    ) -> dict[str, AssignmentResult | RealtimeError]:
        now = self.clock()
        results = self.assigner.assign_many(user_id, experiment_keys, context, now, after)
        self._count_failed_batch(results.values())
        if self.context_sampler is not None:
            self.context_sampler.offer("experiment", experiment_keys, user_id, context, now)
        return results

    def evaluate(
        self, user_id: str | None, flag_key: str, context: dict[str, Any], **options: Any
    ) -> Evaluation:
        now = self.clock()
        evaluation = self.flag_evaluator.evaluate(user_id, flag_key, context, now, **options)
        if self.context_sampler is not None:
            self.context_sampler.offer("flag", (flag_key,), user_id, context, now)
        return evaluation

    def evaluate_many(
        self,
        user_id: str | None,
        flag_keys: Collection[str] | None,
        context: dict[str, Any],
        **options: bool,
    ) -> Evaluations:
        now = self.clock()
        evaluations = self.flag_evaluator.evaluate_many(user_id, flag_keys, context, now, **options)
        if not evaluations.evaluations:
            self._count_failed_batch(evaluations.failures.values())
        if self.context_sampler is not None:
            self.context_sampler.offer("flag", flag_keys, user_id, context, now)
        return evaluations

    def get_client_definitions(self) -> Encoded:
        return self.client_definitions.get()

    def record_evaluations(
        self, evaluations: Sequence[ClientEvaluation], sent_at: str | None
    ) -> dict[str, Any]:
        """As `ingest`. The events are made here, so that a client says nothing else in the service's name."""
        from chalicelib.domain.stream.tracking import build_client_evaluation_event

        window = self.settings.tracking_dedupe
        events = [
            build_client_evaluation_event(each.user_id, each, parse_timestamp(each.timestamp), window)
            for each in evaluations
        ]
        body = {"events": events} if sent_at is None else {"events": events, "sent_at": sent_at}
        return self.ingest(body, trusted=True)

    def authorize(self, header: str) -> Access:
        return self._count_denial(self.authorizer.authorize(header))

    def authorize_key(self, key: str) -> Access:
        return self._count_denial(self.authorizer.authorize_key(key))

    def health(self) -> dict[str, Any]:
        return {"status": "ok", "version": __version__, "cache_hit_rate": round(self.catalog.hit_rate(), 4)}

    def ingest(
        self, body: dict[str, Any], *, backfill: bool = False, trusted: bool = False
    ) -> dict[str, Any]:
        return self.ingestion.ingest(body, self.clock(), backfill=backfill, trusted=trusted)

    def process(self, event: dict[str, Any], remaining: Remaining) -> dict[str, Any]:
        with self._flush_metrics_after():
            process = self._counted(self.event_processor.process)
            answer: dict[str, Any] = process(event, remaining, self.clock())
            if remaining() > SECONDS_TO_FOLD:
                with deadline.limit(lambda: remaining() - SECONDS_TO_FOLD / 2):
                    self.counter_folder.fold_some(self.clock())
            return answer

    def sync(self, event: dict[str, Any], remaining: Remaining) -> dict[str, Any]:
        with self._flush_metrics_after():
            sync = self._counted(self.assignment_sync.sync)
            answer: dict[str, Any] = sync(event, remaining, self.clock())
            return answer

    def deliver_webhooks(self, event: dict[str, Any]) -> dict[str, Any]:
        """Lambda's answer to a batch of the queue of webhooks."""
        with self._flush_metrics_after():
            return self.webhooks.deliver(event)

    def identify(self, anonymous_id: str, user_id: str) -> Identified:
        """The event goes first: the processor completes what a crash after it interrupts."""
        from chalicelib.domain.identity import build_identify_event

        identifier, now = self.identifier, self.clock()
        if identifier is None:
            raise InvalidInput("identity_disabled", "Set REALTIME_IDENTITY=true to link anonymous ids.")
        identifier.check(anonymous_id, user_id, now)
        self.ingestion.ingest(build_identify_event(anonymous_id, user_id, now), now)
        try:
            return identifier.identify(anonymous_id, user_id, now, now)
        finally:
            if self.linked_users is not None:
                self.linked_users.forget(anonymous_id, user_id)

    def results(self, experiment_key: str) -> dict[str, Any]:
        from chalicelib.domain.definitions.model import find_in_force
        from chalicelib.services.results import experiment_results

        experiment = self.catalog.experiments.get(experiment_key)
        experiment = experiment and find_in_force(experiment, self.clock())
        return experiment_results(experiment_key, experiment, self.counters, self.definitions)

    def after_response(self, seconds: float) -> None:
        """Metrics are a line of text. Then events: the others have what time they leave.

        A service that no request has used has nothing to send, and is not loaded for it.
        """
        self.metrics.after_answer()
        end, used = time.monotonic() + seconds, vars(self)
        if "tracker" in used:
            from chalicelib.services.events.tracker import FLUSH_SECONDS

            self.tracker.flush(min(seconds, FLUSH_SECONDS))
        if self.context_sampler is not None:
            self.context_sampler.flush(end - time.monotonic())
        if "key_uses" in used:
            self.key_uses.flush(end - time.monotonic())

    @cached_property
    def _counted(self) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Counts batches, without the folding after them."""
        return count_answers(lambda: self.metrics)

    def _count_failed_batch(self, results: Collection[object]) -> None:
        """Such an answer has the status 200, and an error of ours for every key."""
        if results and all(getattr(result, "code", None) in OUR_CODES for result in results):
            self.metrics.record("Failed")

    def _count_denial(self, access: Access) -> Access:
        if not access.routes:
            self.metrics.record("Denied")
        return access

    @contextmanager
    def _flush_metrics_after(self) -> Iterator[None]:
        """The container may get its next batch hours later, or never."""
        try:
            yield
        finally:
            self.metrics.flush()

    def end(self, seconds: float) -> None:
        if "tracker" in vars(self):
            self.tracker.flush(seconds, last=True)
        self.metrics.flush()


@cache
def settings() -> Settings:
    """Read when app.py is imported, since it names the event sources."""
    return Settings.from_env()


@cache
def clients() -> Clients:
    """Kept when `plane` is made anew."""
    return Clients(settings())


@cache
def plane() -> Plane:
    return Plane(settings(), clients=clients())


def start_extension() -> None:
    """Lambda accepts it only while app.py is imported."""
    configured = settings()
    if configured.runtime_api and configured.handler in EXTENDED_HANDLERS:
        # `plane` is asked each time: priming replaces it.
        extension.start(
            configured.runtime_api,
            lambda seconds: plane().after_response(seconds),
            lambda seconds: plane().end(seconds),
        )
