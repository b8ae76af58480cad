"""A client that evaluates flags in the caller's own process. docs/local-evaluation.md has the guarantees."""

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from chalicelib.domain.context import SHORT_USER_ID, check_user_id
from chalicelib.domain.definitions.client_document import ClientDocument
from chalicelib.domain.definitions.model import Evaluation, Flag
from chalicelib.domain.errors import RealtimeError
from chalicelib.domain.evaluation import NO_STATE, evaluate, make_state
from chalicelib.domain.event_types import EXPOSURE
from chalicelib.domain.general_form.state import NO_VALUE
from realtime.client import files
from realtime.client.connection import Connection
from realtime.client.definition_set import DefinitionSet
from realtime.client.details import ErrorCode, Failure, read_error
from realtime.client.lifecycle import flush_on_termination, register
from realtime.client.recorder import Recorder
from realtime.client.remote import RemoteFlags
from realtime.client.status import Status
from realtime.client.updates import Updates
from realtime.client.values import NO_CONTEXT, Values
from realtime.client.worker import Worker

START_SECONDS = 5.0
"""At most so long the first evaluation, or `load`, waits for the service."""
END_SECONDS = 2.0
"""At most so long the end of the process waits until all is sent."""
CHECK_SECONDS = 10.0
"""So often an evaluation looks whether the thread still runs."""
STUCK_SECONDS = 30.0
NOTHING = DefinitionSet(ClientDocument(0, None, {}))
"""Before there are definitions."""
_log = logging.getLogger("realtime_client")


class Client(Values):
    """``url`` is the API's, ``key`` has the scope ``flags``, and ``events`` for `track` and `expose`.

    ``connection`` takes their place, such as one without a network in a test.
    ``bootstrap`` is a file with the answer of `GET /definitions`; ``cache_file`` is written after each
    change. The newer one of them serves while the service cannot be reached at the start. Threads share one
    client, and it survives forks. Without an answer, the caller's default is returned.
    """

    def __init__(
        self,
        url: str = "",
        key: str = "",
        *,
        connection: Connection | None = None,
        bootstrap: str | Path | None = None,
        cache_file: str | Path | None = None,
        poll_seconds: float = 3.0,
        start_seconds: float = START_SECONDS,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection or Connection(url, key)
        self._recorder = Recorder(self._connection)
        self._seen = self._recorder.seen
        self._remote = RemoteFlags(self._connection, timer)
        self._files = [None if path is None else Path(path) for path in (bootstrap, cache_file)]
        self._updates = Updates(
            self._connection,
            self._recorder,
            poll_seconds=poll_seconds,
            cache_file=self._files[1],
            clock=clock,
            timer=timer,
            on_change=self._take_change,
        )
        self._start_seconds = start_seconds
        self._clock, self._timer = clock, timer
        self._listeners: list[Callable[[Status], object]] = []
        self._definitions = NOTHING
        self._has_loaded = self._is_closed = False
        self._worker: Worker | None = None
        self.forget()
        register(self)

    def evaluate(
        self,
        key: str,
        user_id: str | None = None,
        context: Mapping[str, Any] = NO_CONTEXT,
        *,
        is_complete: bool = False,
    ) -> Evaluation:
        now = self._clock()
        if now >= self._check_at:
            self._check(now)
        definitions = self._definitions
        decide = definitions.deciders.get(key)
        if (
            decide is not None
            and type(user_id) is str
            and 0 < len(user_id) <= SHORT_USER_ID
            and user_id.isprintable()
        ):
            try:
                attributes = context if is_complete else {**context, "user_id": user_id}
                answer: Any = decide(user_id, attributes, NO_STATE)
            except Exception:  # noqa: BLE001 - it is raised again below, where it is read
                answer = NO_VALUE
            if answer is not NO_VALUE:
                evaluation: Evaluation = answer
                users = self._seen.get(evaluation.encoded)
                if users is None or user_id not in users:
                    self._recorder.add_evaluation(user_id, now, evaluation)
                return evaluation
        return self._evaluate_any(definitions, key, user_id, context, now, is_complete)

    def track(
        self,
        event_type: str,
        user_id: str,
        *,
        value: float | None = None,
        currency: str | None = None,
        experiment_key: str | None = None,
        properties: Mapping[str, Any] | None = None,
    ) -> None:
        """An event of the user, sent later. Raises InvalidInput for the id, TypeError for what is no JSON."""
        now = self._clock()
        if now >= self._check_at:
            self._check(now)
        fields = {
            "value": value,
            "currency": currency,
            "experiment_key": experiment_key,
            "properties": properties,
        }
        self._recorder.add_event(event_type, user_id, now, fields)

    def expose(self, experiment_key: str, user_id: str, properties: Mapping[str, Any] | None = None) -> None:
        """The user has seen the treatment. It is sent once a window. Raises as `track`."""
        self.track(EXPOSURE, user_id, experiment_key=experiment_key, properties=properties)

    def listen(self, listener: Callable[[Status], object]) -> None:
        """``listener`` gets the status after each change of definitions or errors, in whatever thread."""
        self._listeners.append(listener)

    def load(self) -> bool:
        """Whether there are definitions, from the service or else from a file.

        The first call asks the service, for at most ``start_seconds``; later ones only look.
        """
        with self._starting:
            if not self._has_loaded:
                self._has_loaded = True
                if not self._updates.poll(self._start_seconds):
                    document = files.read_newest(self._files)
                    if document is not None:
                        self._updates.start_from(document)
        return self._definitions is not NOTHING

    @property
    def status(self) -> Status:
        updates, recorder, definitions = self._updates, self._recorder, self._definitions
        return Status(
            is_ready=definitions is not NOTHING,
            is_stale=updates.is_stale,
            version=definitions.version,
            definitions=len(definitions),
            age=updates.age,
            waiting=recorder.waiting,
            sent=recorder.sent,
            dropped=recorder.dropped,
            rejected=recorder.rejected,
            error=updates.error,
        )

    def flush(self, seconds: float = END_SECONDS) -> bool:
        """Whether all that waits was sent within ``seconds``."""
        worker = self._worker
        if worker is not None and worker.is_alive:
            return worker.flush(seconds) and self._recorder.waiting == 0
        self._updates.flush(last=True)
        return self._recorder.waiting == 0

    def close(self, seconds: float = END_SECONDS) -> None:
        """Sends what waits, and ends the thread. Definitions are no longer updated."""
        if not self._is_closed:
            self._is_closed = True
            end = self._timer() + seconds
            if self._recorder.waiting:
                self.flush(seconds)
            worker, self._worker = self._worker, None
            if worker is not None:
                worker.stop(max(0.0, end - self._timer()))

    def _evaluate_any(
        self,
        definitions: DefinitionSet,
        key: str,
        user_id: str | None,
        context: Mapping[str, Any],
        now: float,
        is_complete: bool,
    ) -> Evaluation:
        """As `evaluate`, for every flag and every mistake."""
        if definitions is NOTHING:
            message = self._updates.error or "There are no definitions yet."
            raise Failure(ErrorCode.PROVIDER_NOT_READY, message)

        def assign(_: str) -> Evaluation | None:
            raise _AsksService

        try:
            flag = _find_flag(definitions, key)
            if not isinstance(context, Mapping):
                message = f"The context must be a mapping, not {type(context).__name__}."
                raise Failure(ErrorCode.INVALID_CONTEXT, message)  # noqa: TRY301 - as all others here
            attributes = context
            if user_id is not None:
                check_user_id(user_id)
                attributes = context if is_complete else {**context, "user_id": user_id}
            find_flag, find_condition = definitions.get_flag, definitions.find_condition
            state = make_state(now, find_flag, find_condition, assign)
            evaluation = evaluate(flag, user_id, attributes, now, find_flag, state)
            definitions.note_decider(key, flag)
        except Failure:
            raise
        except _AsksService:
            if user_id is None:
                message = "The flag serves an experiment, which needs a user."
                raise Failure(ErrorCode.TARGETING_KEY_MISSING, message) from None
            return self._remote.evaluate(flag, user_id, attributes)
        except RealtimeError as error:
            raise read_error(error) from None
        except Exception as error:  # noqa: BLE001 - an evaluation never fails its caller
            raise self._fail(error) from None
        if user_id is not None:
            self._recorder.add_evaluation(user_id, now, evaluation)
        return evaluation

    def _check(self, now: float) -> None:
        """What an evaluation does now and then: load, start the thread, notice a fork, begin a period."""
        self.load()
        self._check_at = now + CHECK_SECONDS
        self._recorder.begin_period(self._definitions.window, now)
        self._check_at = min(self._check_at, self._recorder.period_ends)
        if self._is_closed:
            return
        if self._process != os.getpid():
            _log.warning("The process was forked in a way that Python did not notice.")
            self.forget()
        with self._starting:
            worker = self._worker
            if worker is None or not worker.is_alive:
                self._worker = Worker(self._updates.run_due, self._flush_last, self._timer)
                flush_on_termination()
            elif self._timer() - worker.seen_at > STUCK_SECONDS:
                _log.warning(
                    "The client's thread does not run: does the server allow threads (--enable-threads)?"
                )
                self._updates.run_due()

    def _flush_last(self) -> None:
        self._updates.flush(last=True)

    def forget(self) -> None:
        """What belongs to one process. It is called in each child of a fork."""
        self._process = os.getpid()
        self._starting = threading.Lock()
        self._worker = None
        self._check_at = 0.0
        self._connection.renew()
        self._recorder.forget()
        self._remote.forget()
        self._updates.forget()
        self._failed: set[str] = set()

    def _take_change(self) -> None:
        self._definitions = self._updates.definitions or NOTHING
        for listener in self._listeners:
            try:
                listener(self.status)
            except Exception:  # noqa: BLE001 - it is the caller's: neither the thread nor an evaluation fails
                _log.exception("A listener has failed.")

    def _fail(self, error: Exception) -> Failure:
        """Logged once for each place in the code, without the message, which may quote a user."""
        traceback = error.__traceback__
        while traceback is not None and traceback.tb_next is not None:
            traceback = traceback.tb_next
        place = f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}" if traceback else ""
        name = f"{type(error).__name__} in {place}"
        if name not in self._failed:
            self._failed.add(name)
            _log.error("An evaluation has failed: %s", name)
        return Failure(ErrorCode.GENERAL, f"The evaluation has failed: {type(error).__name__}")


def _find_flag(definitions: DefinitionSet, name: str) -> Flag:
    flag = definitions.find_flag(name)
    if flag is None:
        raise Failure(ErrorCode.FLAG_NOT_FOUND, f"There is no flag {name!r}.")
    return flag


class _AsksService(Exception):
    """The flag serves an experiment, which only the service assigns."""
