"""When a client asks for definitions, and when it sends what it has recorded. No thread, no waiting."""

import logging
import random
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from chalicelib.domain.definitions.client_document import ClientDocument, decode_document
from realtime.client import files
from realtime.client.connection import Answer, Connection, Refused, Unreachable
from realtime.client.definition_set import DefinitionSet
from realtime.client.recorder import Recorder

MISSED_POLLS = 3
"""Without a good one, definitions are stale."""
LONGEST_PAUSE = 30.0
MAX_DOUBLINGS = 5
"""After which the pause is the longest. Days of failures would make a number that no float can hold."""
OLDER_ANSWERS = 10
"""So many times in a row a container may be behind. After that the table was restored, and counts again."""
REFUSED_PAUSE = 300.0
"""Seconds until a key that is not accepted is tried again: it may be created, or get its scope, any time."""
FLUSH_SECONDS = 5.0
_log = logging.getLogger("realtime_client")


class Updates:
    """``clock`` is epoch seconds, ``timer`` monotonic. ``on_change`` is called after each change of
    `definitions`, `is_stale` or `error`.
    """

    def __init__(
        self,
        connection: Connection,
        recorder: Recorder,
        *,
        poll_seconds: float,
        cache_file: Path | None,
        clock: Callable[[], float],
        timer: Callable[[], float],
        on_change: Callable[[], object],
    ) -> None:
        self._connection = connection
        self._recorder = recorder
        self._poll_seconds = poll_seconds
        self._cache_file = cache_file
        self._clock = clock
        self._timer = timer
        self._on_change = on_change
        self.definitions: DefinitionSet | None = None
        self.confirmed_at: float | None = None
        self.error = self._etag = ""
        self._older_answers = 0
        self.forget()

    def forget(self) -> None:
        """After a fork: what another thread has locked is not unlocked here."""
        self._polling = Lock()
        self._failed_polls = self._failed_flushes = 0
        self._next_poll = self._next_flush = 0.0
        self.is_stale = False

    @property
    def age(self) -> float | None:
        return None if self.confirmed_at is None else self._timer() - self.confirmed_at

    def start_from(self, document: ClientDocument) -> None:
        """Of a file. What the service has said before wins."""
        if self.definitions is None:
            self._use(document)

    def run_due(self) -> float:
        """Poll and send, if it is time to; returns the seconds until there is something to do again."""
        now = self._timer()
        if now >= self._next_poll:
            self.poll()
        if now >= self._next_flush:
            self.flush()
        return max(0.0, min(self._next_poll, self._next_flush) - self._timer())

    def poll(self, seconds: float | None = None) -> bool:
        """Whether the service has answered. One thread at a time; others wait for it."""
        with self._polling:
            try:
                self._ask(seconds)
            except Refused as error:
                self._fail(str(error), REFUSED_PAUSE if error.is_about_key else LONGEST_PAUSE)
            except Unreachable as error:
                pause = min(_double(self._poll_seconds, self._failed_polls), LONGEST_PAUSE)
                self._fail(str(error), max(pause, error.retry_after))
            except ValueError as error:
                self._fail(f"the definitions cannot be read: {error}", LONGEST_PAUSE)
            else:
                self._succeed()
            return self._failed_polls == 0

    def flush(self, *, last: bool = False) -> None:
        """Send what waits. ``last``: there is no later time, so what cannot be sent is lost."""
        now = self._timer()
        try:
            self._recorder.send(self._clock())
        except (Refused, Unreachable) as error:
            self._failed_flushes += 1
            pause = min(_double(FLUSH_SECONDS, self._failed_flushes), LONGEST_PAUSE)
            self._next_flush = now + _vary(pause)
            if last:
                _log.warning("%d evaluations and events could not be sent: %s", self._recorder.waiting, error)
        else:
            self._failed_flushes = 0
            self._next_flush = now + FLUSH_SECONDS

    def _ask(self, seconds: float | None) -> None:
        headers = {"If-None-Match": self._etag} if self._etag else {}
        options = {} if seconds is None else {"seconds": seconds}
        answer = self._connection.get("/definitions", headers, **options)
        if answer.status != 304:
            self._read(answer)

    def _read(self, answer: Answer) -> None:
        text = answer.body.decode()
        document = decode_document(text)
        if self.definitions is not None and document.version < self.definitions.version:
            self._older_answers += 1
            if self._older_answers <= OLDER_ANSWERS:
                return
        self._older_answers = 0
        self._use(document)
        self._etag = answer.etag
        if self._cache_file is not None:
            files.write(self._cache_file, text, document.version)

    def _use(self, document: ClientDocument) -> None:
        self.definitions = DefinitionSet(document, self.definitions)
        self._recorder.begin_period(document.window, self._clock())
        self._on_change()

    def _succeed(self) -> None:
        now = self._timer()
        was_wrong = self._failed_polls > 0 or bool(self.error)
        self._failed_polls, self.error, self.is_stale = 0, "", False
        self.confirmed_at = now
        self._next_poll = now + _vary(self._poll_seconds)
        if was_wrong:
            _log.info("The service answers again.")
            self._on_change()

    def _fail(self, error: str, pause: float) -> None:
        if error != self.error:
            _log.warning("Definitions could not be loaded: %s", error)
        self._failed_polls += 1
        self.error = error
        self._next_poll = self._timer() + _vary(pause)
        age = self.age
        limit = MISSED_POLLS * self._poll_seconds
        self.is_stale = age is None or age >= limit or pause >= limit
        self._on_change()


def _double(seconds: float, times: int) -> float:
    doubled: float = seconds * 2 ** min(times, MAX_DOUBLINGS)
    return doubled


def _vary(seconds: float) -> float:
    """By a tenth, so that many clients do not ask at the same moment."""
    return seconds * random.uniform(0.9, 1.1)  # noqa: S311 - no secret
