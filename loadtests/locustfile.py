"""What Locust runs: `make load` starts it. Variables name the scenario, its size, and the log of requests.

Against another deployment: make load ARGS="--host https://…" with the API key in REALTIME_KEY.
"""

import os
import random
import time
import uuid
from pathlib import Path
from typing import Any

from locust import FastHttpUser, LoadTestShape, events, task

from loadtests.load.shapes import RATE, SCENARIOS
from loadtests.load.traffic import KINDS, Zipf

KEY = os.environ.get("REALTIME_KEY", "rt_local_demo")
SCENARIO = SCENARIOS[os.environ.get("REALTIME_LOAD_SCENARIO", "steady")]
USERS = int(os.environ.get("REALTIME_LOAD_USERS", "40"))
SECONDS = float(os.environ.get("REALTIME_LOAD_SECONDS", "30"))
VISITORS = Zipf(10_000)
LOG = Path(os.environ.get("REALTIME_LOAD_LOG", os.devnull)).open("w", buffering=1 << 16)  # noqa: SIM115
NAMES, WEIGHTS = list(SCENARIO.mix), list(SCENARIO.mix.values())


class Shape(LoadTestShape):
    def tick(self) -> tuple[int, float] | None:
        passed = float(self.get_run_time())  # type: ignore[no-untyped-call] # Locust is untyped
        if passed >= SECONDS:
            return None
        return SCENARIO.count_users(passed / SECONDS, USERS), 1000


class Visitor(FastHttpUser):
    default_headers = {  # noqa: RUF012 - Locust's own, read only
        "Authorization": f"Bearer {KEY}",
        "Content-Type": "application/json",
    }

    def on_start(self) -> None:
        self._random = random.Random(id(self))

    def wait_time(self) -> float:
        """Seconds, at random: at a steady rate all users would send at once."""
        return self._random.expovariate(RATE) if SCENARIO.has_pauses else 0.0

    @task
    def ask(self) -> None:
        name = self._random.choices(NAMES, WEIGHTS)[0]
        user = uuid.uuid4().hex if SCENARIO.has_new_users else VISITORS.choose(self._random)
        kind = KINDS[name]
        self.client.post(kind.path, json=kind.build(user, self._random), name=name)


@events.request.add_listener
def log_request(name: str, response_time: float, exception: Any, **_: Any) -> None:
    LOG.write(f"{time.time():.3f},{name},{response_time:.2f},{int(exception is not None)}\n")


@events.quit.add_listener
def close_log(**_: Any) -> None:
    LOG.close()
