"""How the extension waits for its next event; tests/integration/test_extension.py runs it in a container."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from chalicelib import extension
from realtime.local.ports import find_free_port


def answer(request_id: str) -> None:
    assert extension.signal_answer(SimpleNamespace(aws_request_id=request_id))


@pytest.fixture
def running() -> Iterator[None]:
    extension._running.set()
    yield None
    extension._running.clear()


def test_a_signal_of_an_earlier_invocation_does_not_count(running: None) -> None:
    answer("late")
    answer("this")
    answer("next")
    extension._wait_for_answer("this", 0.0)
    extension._wait_for_answer("next", 0.0)
    assert extension._answered.empty()


def test_the_extension_gives_up_if_nobody_answers_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extension, "PAUSES", [0.0, 0.0])
    waiting = extension._Extension(f"127.0.0.1:{find_free_port()}", lambda seconds: None)
    with pytest.raises(RuntimeError, match="no connection to the Extensions API in 2 attempts"):
        waiting._wait_for_event()
