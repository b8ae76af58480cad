"""`make bench-peers`, without the libraries: they have an environment of their own."""

from pathlib import Path

import pytest

from loadtests.peers.__main__ import (
    BOUNDS,
    OURS,
    PEERS,
    connect_peers,
    find_wrong_answer,
    is_targeted,
    measure,
    show,
)
from loadtests.peers.model import Client, Peer
from loadtests.workloads import build_users

ROOT = Path(__file__).parents[3]
USERS = build_users(2_000)


def _fail() -> Client:
    raise RuntimeError("no specs")


def test_every_library_is_pinned_and_the_environment_is_made_of_these_files() -> None:
    lines = (ROOT / "loadtests/peers/requirements.txt").read_text().split()
    assert [line.split("==")[0] for line in lines] == [peer.package for peer in PEERS]
    constraints = (ROOT / "loadtests/peers/constraints.txt").read_text().splitlines()[1:]
    assert all("==" in line for line in [*lines, *constraints])
    assert "loadtests/peers/requirements.txt" in (ROOT / "Makefile").read_text()


def test_a_library_that_is_missing_or_broken_is_named_and_the_others_are_measured(
    capsys: pytest.CaptureFixture[str],
) -> None:
    connect = OURS["realtime: the decision"]
    peers = (Peer("made-up-library", connect), Peer("pytest", connect), Peer("ruff", _fail))
    clients, failures = connect_peers(peers)
    assert [name.split()[0] for name in clients] == ["pytest"]
    assert failures == {"made-up-library": "not installed", "ruff": "does not start: RuntimeError: no specs"}
    show(measure(clients, USERS[:5]), failures)
    printed = capsys.readouterr().out
    assert "made-up-library: not installed" in printed
    assert "lower bound" in printed


@pytest.mark.parametrize("name", OURS)
def test_this_project_gives_the_answers_that_others_are_checked_for(name: str) -> None:
    client = OURS[name]()
    assert find_wrong_answer(client, USERS) is None
    for key, bound in BOUNDS.items():
        assert all(client.decide(key, user) is bool(bound(user)) for user in USERS[:200])


@pytest.mark.parametrize(
    ("decide", "problem"),
    [
        (lambda _key, _user: True, "W1 is on for 100.0% of the users"),
        (lambda key, user: BOUNDS["w1"](user) is True, "W2 is on for users that it does not target"),
        (
            lambda key, user: (BOUNDS["w1"] if key == "w1" else is_targeted)(user) is True,
            "W2 is on for 100.0% of the users that it targets",
        ),
    ],
)
def test_a_wrong_answer_is_found(decide: object, problem: str) -> None:
    assert find_wrong_answer(Client(dict, decide), USERS) == problem  # type: ignore[arg-type] # lambdas
