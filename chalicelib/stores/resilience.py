"""What every call to a store has in common: a circuit breaker, a deadline, and the project's own errors."""

import functools
import logging
import math
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from pybreaker import STATE_CLOSED, STATE_OPEN, CircuitBreaker, CircuitBreakerError, CircuitBreakerListener

from chalicelib import deadline
from chalicelib.domain.errors import Misconfigured, StorageUnavailable, Throttled
from chalicelib.metrics import MetricsRecorder
from chalicelib.stores.configuration import explain_misconfiguration, name_resource

FAILURES_TO_OPEN = 3
SECONDS_OPEN, MOST_SECONDS_OPEN = 1, 3
"""Doubled after each probe that fails. All is well again 5 s after the store answers again."""
SECONDS_BETWEEN_LOGS = 60.0
MIN_SECONDS = 0.05
"""No call begins with less time left: a healthy call may take this long."""
THROTTLES = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)


class OutOfTime(StorageUnavailable):
    """No call was made, since the invocation would have ended before its answer. No store has failed."""

    def __init__(self) -> None:
        super().__init__("No time is left to ask the store; try again.")


P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")
_log = logging.getLogger("realtime")
_probing: ContextVar[bool] = ContextVar("probing", default=False)


def guarded(method: Callable[P, R]) -> Callable[P, R]:
    """A store's method that raises Throttled or StorageUnavailable instead of botocore's errors.

    Each store has a breaker of its own. After three failures in a row its calls fail at once for a
    second; then one call is let through. If it fails, calls fail at once for two, then for three seconds.
    An answer, also a throttle or a refusal, is no failure.
    """

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        breaker = _get_breaker(args[0])
        # pybreaker would hold its lock during the call, so calls are made outside of it and reported.
        if breaker.current_state != STATE_CLOSED:
            return _probe(breaker, method, *args, **kwargs)
        try:
            result: R = _call_translated(method, *args, **kwargs)
        except OutOfTime:
            raise
        except StorageUnavailable as error:
            if _is_failure(error) or breaker.fail_counter:
                _report(breaker, error)
            raise
        if breaker.fail_counter:
            _report(breaker, None)
        return result

    return call


def record_breaker(store: S, name: str, metrics: MetricsRecorder) -> S:
    """``store``, whose breaker is recorded as ``BreakerOpened.NAME`` when it opens, and at each probe.

    So an open breaker is recorded every few seconds while it is used, and a closed one never. The metric
    ``BreakerOpened`` counts all stores together, for the alarm.
    """
    _get_breaker(store).add_listener(_Recorder(f"BreakerOpened.{name}", metrics))
    return store


class _Recorder(CircuitBreakerListener):
    def __init__(self, name: str, metrics: MetricsRecorder) -> None:
        self._name = name
        self._metrics = metrics

    def state_change(self, cb: CircuitBreaker, old_state: object, new_state: Any) -> None:
        del cb, old_state
        if new_state.name == STATE_OPEN:
            self._metrics.record(self._name)
            self._metrics.record("BreakerOpened")


def stop_late_calls(**_: Any) -> None:
    """A ``before-call`` hook: a method may make several calls, and time may run out between two."""
    if deadline.get_remaining() < MIN_SECONDS:
        raise OutOfTime


def stop_late_retries(attempt_seconds: float) -> Callable[..., None]:
    """A ``needs-retry`` hook: no retry begins if the invocation may end before its answer.

    botocore calls it after each attempt, before it sleeps; ``attempt_seconds`` is the longest time
    that an attempt takes. Only an exception stops retries in every version of botocore.
    """

    def hook(
        attempts: int, response: Any, caught_exception: Exception | None, request_dict: Any, **_: Any
    ) -> None:
        code = _read_code(response[1]) if response else ""
        if not caught_exception and not code:
            return
        if code:
            response[1]["Error"]["Asked"] = name_resource(request_dict)
        is_throttled = code in THROTTLES
        longest_pause = (1.0 if is_throttled else 0.1) * 2 ** (attempts - 1)
        if _probing.get() or deadline.get_remaining() < longest_pause + attempt_seconds:
            if caught_exception or response[0].status_code >= 500:
                raise StorageUnavailable from caught_exception
            if is_throttled:
                raise Throttled

    return hook


def _probe(breaker: CircuitBreaker, method: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """A single attempt, by one caller at a time."""
    if not _may_probe(breaker):
        raise StorageUnavailable
    breaker.reset_timeout = min(2 * breaker.reset_timeout, MOST_SECONDS_OPEN)
    token = _probing.set(True)
    try:
        result = _call_translated(method, *args, **kwargs)
    except OutOfTime:  # nothing was asked
        raise
    except Exception as error:
        if not _is_failure(error):
            _close(breaker)
        raise
    finally:
        _probing.reset(token)
    _close(breaker)
    return result


def _may_probe(breaker: CircuitBreaker) -> bool:
    """True for one caller when a probe is due: this call fails, which opens the breaker for all others."""

    def fail() -> None:
        raise StorageUnavailable

    try:
        breaker.call(fail)
    except CircuitBreakerError:
        return False
    except StorageUnavailable:
        return True
    return False


def _close(breaker: CircuitBreaker) -> None:
    breaker.reset_timeout = SECONDS_OPEN
    breaker.close()


def _call_translated(method: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    try:
        return method(*args, **kwargs)
    except Misconfigured as error:
        _log_reason(args[0], error.reason)
        raise
    except (ClientError, BotoCoreError) as error:
        if (reason := explain_misconfiguration(error)) is not None:
            _log_reason(args[0], reason)
            raise Misconfigured(reason) from error
        if not isinstance(error, ClientError):
            raise StorageUnavailable from error
        code = _read_code(error.response)
        if code in THROTTLES:
            raise Throttled from error
        raise StorageUnavailable(f"The store refused the request ({code}); try again.") from error


def _log_reason(store: Any, reason: str) -> None:
    """Once a minute for each store."""
    now = time.monotonic()
    if now - vars(store).get("_logged_at", -math.inf) >= SECONDS_BETWEEN_LOGS:
        vars(store)["_logged_at"] = now
        _log.error("%s: %s", type(store).__name__, reason)


def _is_failure(error: BaseException) -> bool:
    """An answer that refuses is no failure: one caller's mistake must not open the breaker for all."""
    cause = error.__cause__
    if isinstance(cause, ValueError):  # a client that cannot be made
        return False
    if isinstance(cause, ClientError) and cause.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
        return False
    return isinstance(error, StorageUnavailable) and not isinstance(error, OutOfTime)


def _get_breaker(store: Any) -> CircuitBreaker:
    breaker: CircuitBreaker | None = vars(store).get("_breaker")
    if breaker is None:
        new_breaker = CircuitBreaker(
            fail_max=FAILURES_TO_OPEN,
            reset_timeout=SECONDS_OPEN,
            exclude=[lambda error: not _is_failure(error)],
            throw_new_error_on_trip=False,
        )
        breaker = vars(store).setdefault("_breaker", new_breaker)  # another thread may have been first
    return breaker


def _report(breaker: CircuitBreaker, error: Exception | None) -> None:
    """Reports a call that was made outside of the breaker, which may have opened meanwhile."""

    def repeat_outcome() -> None:
        if error is not None:
            raise error

    try:
        breaker.call(repeat_outcome)
    except (CircuitBreakerError, StorageUnavailable):
        return


def _read_code(response: Any) -> str:
    return str(response.get("Error", {}).get("Code", ""))
