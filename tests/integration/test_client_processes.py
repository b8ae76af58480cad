"""The client in processes that fork, end and are ended."""

import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import pytest

from chalicelib.settings import Settings
from tests.support.openfeature_flags import publish_all
from tests.support.paths import ROOT
from tests.support.service import KEY, Service, serve_service

BEGIN = """
import os, signal, sys, threading, time
from realtime.client import Client

def count_threads():
    return sum(thread.name == "realtime-client" for thread in threading.enumerate())

client = Client(sys.argv[1], sys.argv[2], poll_seconds=0.05)
"""


@pytest.fixture
def served() -> Iterator[tuple[str, Service]]:
    with serve_service(Settings.from_env({"REALTIME_DEFINITIONS_CHECK": "0"})) as (url, service):
        publish_all(service)
        yield url, service


def start(url: str, program: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", BEGIN + textwrap.dedent(program), url, KEY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def read_users(service: Service) -> list[str]:
    return sorted(event["user_id"] for event in service.stream.events)


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("pass", 0),
        ("sys.exit(3)", 3),
        ("raise KeyError", 1),
        ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
    ],
)
def test_what_waits_is_sent_at_the_end(served: tuple[str, Service], end: str, code: int) -> None:
    url, service = served
    program = """
        for number in range(1_234):
            client.boolean("boolean", False, f"u{number}")
        client.track("view", "u0")
    """
    process = start(url, textwrap.dedent(program) + end)
    process.communicate(timeout=30)
    assert process.returncode == code
    assert len(service.stream.events) == 1_235


def test_a_program_that_handles_the_signal_keeps_its_handler(served: tuple[str, Service]) -> None:
    program = """
        def end(*_):
            print("mine")
            sys.exit(7)
        signal.signal(signal.SIGTERM, end)
        client.boolean("boolean", False, "u1")
        os.kill(os.getpid(), signal.SIGTERM)
    """
    process = start(served[0], program)
    output, _ = process.communicate(timeout=30)
    assert (process.returncode, output) == (7, "mine\n")
    assert read_users(served[1]) == ["u1"]


def test_an_end_is_not_held_up_by_a_service_that_does_not_answer(served: tuple[str, Service]) -> None:
    url, _ = served
    program = """
        client.boolean("boolean", False, "u1")
        client._connection._url = "http://10.255.255.1"  # answers nothing
        started = time.monotonic()
        client.close()
        print(time.monotonic() - started)
    """
    output, _ = start(url, program).communicate(timeout=30)
    assert float(output) < 3.0


def test_children_of_a_fork_are_up_to_date_and_send_what_is_theirs(served: tuple[str, Service]) -> None:
    """As gunicorn does with --preload: the parent loads, and evaluates once or never."""
    url, service = served
    program = """
        assert client.load() and count_threads() == 0
        if sys.stdin.readline() == "evaluate\\n":
            client.boolean("boolean", False, "parent")
        children = []
        for name in ("first", "second"):
            sys.stdout.flush()
            child = os.fork()
            if child == 0:
                assert client.boolean("boolean", False, name) is True
                assert count_threads() == 1
                os.write(1, f"{name} ready\\n".encode())  # in one piece: both write to this pipe
                while client.boolean("boolean", True, name):
                    time.sleep(0.01)
                sys.exit(0)
            children.append(child)
        codes = [os.waitpid(child, 0)[1] for child in children]
        print(codes, count_threads())
    """
    for word, users in (("evaluate", ["first", "parent", "second"]), ("nothing", ["first", "second"])):
        service.stream.records.clear()
        service.publish_flag("boolean", type="boolean")
        process = start(url, program)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{word}\n")
        process.stdin.flush()
        lines = [process.stdout.readline() for _ in range(2)]
        assert sorted(lines) == ["first ready\n", "second ready\n"]
        service.publish_flag("boolean", type="boolean", enabled=False)
        output, errors = process.communicate(timeout=30)
        assert output == f"[0, 0] {int(word == 'evaluate')}\n", errors
        on = [event for event in service.stream.events if event["properties"]["variant"] == "on"]
        assert sorted(event["user_id"] for event in on) == users


def test_a_fork_that_python_does_not_notice_is_noticed(served: tuple[str, Service]) -> None:
    """As uWSGI forks: no hook runs, and no thread is there."""
    url, _ = served
    program = """
        import logging
        logging.basicConfig(stream=sys.stdout, format="%(message)s")
        now = [time.time()]
        client._clock = lambda: now[0]
        client.boolean("boolean", False, "parent")
        client.flush()
        client._process = -1  # of the parent that this process does not remember
        client._worker = None
        client.boolean("boolean", False, "child")
        now[0] += 11
        client.boolean("boolean", False, "child")
        print(count_threads() >= 1, client.flush())
    """
    output, errors = start(url, program).communicate(timeout=30)
    assert output == "The process was forked in a way that Python did not notice.\nTrue True\n", errors


def test_a_subprocess_of_multiprocessing_sends_when_it_closes(served: tuple[str, Service]) -> None:
    """It ends by os._exit, which runs nothing of Python."""
    url, service = served
    program = """
        import multiprocessing

        def work(user):
            client.boolean("boolean", False, user)
            client.close()

        multiprocessing.set_start_method("fork")
        children = [multiprocessing.Process(target=work, args=(f"u{number}",)) for number in range(3)]
        for child in children: child.start()
        for child in children: child.join()
    """
    process = start(url, program)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert read_users(service) == ["u0", "u1", "u2"]


def test_nothing_is_imported_that_it_does_not_need(served: tuple[str, Service]) -> None:
    program = """
        client.boolean("boolean", False, "u1")
        for name in ("boto3", "botocore", "chalice", "openfeature", "duckdb", "typer", "rich"):
            assert name not in sys.modules, name
    """
    process = start(served[0], program)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
