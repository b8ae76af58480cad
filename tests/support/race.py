"""A container of its own: `python -m tests.support.race THREADS` assigns every user it reads, in all threads.

Says `ready` when it is warm; takes a user id a line, answers with the JSON of all threads' answers.
"""

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from chalicelib.api.assignments import render_assignment
from chalicelib.settings import Settings
from chalicelib.wiring import Plane


def main(threads: int) -> None:
    plane = Plane(Settings.from_env())
    plane.assign("warm-up", "checkout", {})
    together = threading.Barrier(threads)

    def assign(user_id: str) -> dict[str, Any]:
        together.wait()
        return render_assignment(plane.assign(user_id, "checkout", {}))

    with ThreadPoolExecutor(threads) as pool:
        print("ready", flush=True)
        for line in sys.stdin:
            answers = list(pool.map(assign, [line.rstrip("\n")] * threads))
            print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
