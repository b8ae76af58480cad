"""`make bench-peers`: W1 and W2 by this project and by others' libraries, in one run, in this process.

Each gets the same flags in its own form, without a network, and the same users. What a library wants to have
of a user is made before the clock starts. Answers are checked first: half of all users for W1; for W2 nobody
outside of the targeting, and 30 % of those in it.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from loadtests.peers import flagd, growthbook, launchdarkly, optimizely, ours, statsig, unleash
from loadtests.peers.model import Client, Peer, User
from loadtests.timing import measure_fastest
from loadtests.workloads import USUAL, LowerBound, add_targeting, build_flag_bound, build_users

OUTPUT = Path("build") / "bench-peers.json"
SAMPLE, ROUNDS = 500, 40
OURS: Mapping[str, Callable[[], Client]] = {
    "realtime: the decision": ours.connect_decision,
    "realtime: its service": ours.connect_service,
    "realtime: service, context check": ours.connect_checking_service,
    "realtime: in the caller's process": ours.connect_client,
}
PEERS = (
    Peer("statsig-python-core", statsig.connect),
    Peer("growthbook", growthbook.connect),
    Peer("launchdarkly-server-sdk", launchdarkly.connect),
    Peer("openfeature-flagd-core", flagd.connect),
    Peer("UnleashClient", unleash.connect),
    Peer("optimizely-sdk", optimizely.connect),
)
BOUNDS: Mapping[str, LowerBound] = {
    "w1": build_flag_bound("w1", 0.5),
    "w2": add_targeting(build_flag_bound("w2", 0.3)),
}
is_targeted = add_targeting(lambda _user: True)


def connect_peers(peers: Sequence[Peer]) -> tuple[dict[str, Client], dict[str, str]]:
    """The clients by name and version, and the reason for each that has none."""
    clients, failures = {}, {}
    for peer in peers:
        try:
            clients[f"{peer.package} {version(peer.package)}"] = peer.connect()
        except (ImportError, PackageNotFoundError):
            failures[peer.package] = "not installed"
        except Exception as error:  # noqa: BLE001 - said in the output, and the others are measured
            failures[peer.package] = f"does not start: {type(error).__name__}: {error}"
    return clients, failures


def find_wrong_answer(client: Client, users: Sequence[User]) -> str | None:
    """What is wrong with the answers, or None."""
    prepared = [client.prepare(user) for user in users]
    in_w1 = sum(client.decide("w1", each) for each in prepared) / len(users)
    if not 0.48 < in_w1 < 0.52:
        return f"W1 is on for {in_w1:.1%} of the users"
    answers = [client.decide("w2", each) for each in prepared]
    targeted = [bool(is_targeted(user)) for user in users]
    if any(answer and not inside for answer, inside in zip(answers, targeted, strict=True)):
        return "W2 is on for users that it does not target"
    in_w2 = sum(answers) / sum(targeted)
    return None if 0.27 < in_w2 < 0.33 else f"W2 is on for {in_w2:.1%} of the users that it targets"


def measure(clients: Mapping[str, Client], users: Sequence[User]) -> dict[str, dict[str, float]]:
    """µs of one decision, by workload and name; that of the lower bound is under ``bound``."""
    prepared = {name: [client.prepare(user) for user in users] for name, client in clients.items()}
    microseconds = {}
    for key, bound in BOUNDS.items():
        runs = [partial(_decide_each, bound, users)]
        runs += [
            partial(_decide_each, partial(client.decide, key), prepared[name])
            for name, client in clients.items()
        ]
        best = measure_fastest(*runs, rounds=ROUNDS)
        microseconds[key] = {
            name: seconds / len(users) * 1e6 for name, seconds in zip(["bound", *clients], best, strict=True)
        }
    return microseconds


def _decide_each(decide: Callable[[Any], object], prepared: Sequence[Any]) -> None:
    for each in prepared:
        decide(each)


def main() -> int:
    """Prints and writes the table; 1 if an answer is wrong."""
    clients = {name: connect() for name, connect in OURS.items()}
    others, failures = connect_peers(PEERS)
    clients |= others
    users = [{**USUAL, **user} for user in build_users()]
    wrong = {name: found for name, each in clients.items() if (found := find_wrong_answer(each, users))}
    checked = {name: client for name, client in clients.items() if name not in wrong}
    microseconds = measure(checked, users[:SAMPLE])
    for client in clients.values():
        client.close()
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps({"microseconds": microseconds} | failures | wrong, indent=1) + "\n")
    show(microseconds, failures | wrong)
    return int(bool(wrong))


def show(microseconds: Mapping[str, Mapping[str, float]], failures: Mapping[str, str]) -> None:
    table = Table("", "W1", "", "W2", "", title="Time of the CPU for a decision, and / lower bound")
    for name in microseconds["w1"]:
        figures = []
        for by_name in microseconds.values():
            figures += [f"{by_name[name]:.2f} µs", f"{by_name[name] / by_name['bound']:.1f} ×"]
        table.add_row("lower bound" if name == "bound" else name, *figures)
    console = Console()
    console.print(table)
    for name, reason in failures.items():
        console.print(f"{name}: {reason}", style="red", markup=False)


if __name__ == "__main__":
    sys.exit(main())
