"""A stack goes on with what an earlier one has left: definitions, assignments, counters, events, keys."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from realtime.local.kept_state import close_state, open_state
from tests.support.paths import ROOT

PROGRAM = """
import json, sys, time
from pathlib import Path
from chalicelib.settings import Settings
from realtime.commands.keys import create_key
from realtime.local.kept_state import open_state
from realtime.local.stack import LocalStack
from rich.console import Console
from tests.support.experiments import published

folder, name = Path(sys.argv[1]), sys.argv[2]
is_good = open_state(folder / "state")
with LocalStack(Settings.from_env({}), log=folder / "aws.log", state=folder / "state") as stack:
    import app
    from chalicelib.wiring import plane
    stack.pump({"event_processor": app.event_processor, "assignment_sync": app.assignment_sync})
    services, now = plane(), time.time()
    if not stack.provisioned.existing:
        services.definitions.publish([published(metrics=["purchase"])], 0, now)
        create_key(Console(stderr=True), services.keys, "flags", "kept", "", snapshots=services.key_snapshots)
    for number in range(5):
        user = f"{name}-{number}"
        services.assign(user, "checkout", {})
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
        event = {"event_id": user, "event_type": "purchase", "user_id": user, "timestamp": moment}
        services.ingest(event)
    stack.drain(30)
    variants = services.results("checkout")["variants"].values()
    print(json.dumps({
        "good": is_good,
        "assigned": sum(each["assigned"] for each in variants),
        "purchases": sum(each["events"].get("purchase", {"count": 0})["count"] for each in variants),
        "labels": [key.label for key in services.keys.get_all()],
        "versions": services.definitions.get_changes(None).version,
    }), flush=True)
    if name == "killed":
        import os, signal
        os.kill(os.getpid(), signal.SIGKILL)
"""


def run(folder: Path, name: str) -> dict[str, Any]:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), name],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.stdout, ended.stderr
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


def test_a_run_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    """Each event counts once, though the pumps read both streams from their beginning again."""
    first, second = run(tmp_path, "first"), run(tmp_path, "second")
    assert first == {"good": True, "assigned": 5, "purchases": 5, "labels": ["kept"], "versions": 1}
    assert second == first | {"assigned": 10, "purchases": 10}
    third = run(tmp_path, "killed")
    assert third == second | {"assigned": 15, "purchases": 15}
    assert run(tmp_path, "fourth") == first | {"good": False}


def test_what_a_killed_run_has_left_is_thrown_away(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    assert open_state(folder) is True
    (folder / "dynamodb.json").write_text("{}")
    close_state(folder)
    assert open_state(folder) is True
    assert (folder / "dynamodb.json").exists()
    assert open_state(folder) is False
    assert not (folder / "dynamodb.json").exists()
