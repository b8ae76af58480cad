"""Counts what the functions answer, where they answer: all, the slow ones, and those that failed.

Lambda's own metrics know neither: its duration has the flush after the answer in it, and an answer that says
500 is a success to it.
"""

import functools
from collections.abc import Callable
from time import perf_counter
from typing import Any, TypeVar, cast

from chalicelib.domain.errors import RealtimeError
from chalicelib.extension import signal_answer
from chalicelib.metrics import MetricsRecorder

OUR_CODES = frozenset(("storage_unavailable", "internal_error"))
"""Codes of error bodies that say that the service failed, and not its caller."""
Handler = TypeVar("Handler", bound=Callable[..., Any])


class Unexpected(Exception):
    """An error that nobody foresaw. Lambda logs what leaves a handler, and a text may quote a user's data."""


def count_answers(get_metrics: Callable[[], MetricsRecorder]) -> Callable[[Handler], Handler]:
    """A decorator of what answers: it counts the answer, and signals it to the extension.

    Only a RealtimeError leaves it as it is; of others only the type and the traceback.

    ``get_metrics`` is called at the answer: importing must connect nothing.
    """

    def decorate(handler: Handler) -> Handler:
        @functools.wraps(handler)
        def call(*args: Any) -> Any:
            started = perf_counter()
            has_failed = True
            try:
                answer = handler(*args)
                has_failed = is_failure(answer)
            except RealtimeError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, its text must not be logged
                raise Unexpected(type(error).__name__).with_traceback(error.__traceback__) from None
            else:
                return answer
            finally:
                metrics = get_metrics()
                metrics.count_answer(perf_counter() - started, has_failed)
                if not signal_answer(args[-1]):  # then nothing else runs after this answer
                    metrics.after_answer()

        return cast(Handler, call)

    return decorate


def is_failure(answer: Any) -> bool:
    """Whether the service failed: a status of 5xx, an error body of ours, a batch with records left."""
    if not isinstance(answer, dict):
        return False
    status = answer.get("statusCode")
    if status is not None:
        return bool(status >= 500)
    if "error" in answer:
        return answer["error"]["code"] in OUR_CODES
    return bool(answer.get("batchItemFailures"))
