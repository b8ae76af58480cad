"""Many users who are assigned, request flags and send events; `make load` starts a stack and runs it.

Against another deployment: locust -f loadtests/locustfile.py --host https://… (REALTIME_KEY is the API key).
"""

import os
import random
from datetime import UTC, datetime

from locust import FastHttpUser, task

KEY = os.environ.get("REALTIME_KEY", "rt_local_demo")
USERS = int(os.environ.get("REALTIME_LOAD_USERS", "10000"))
FLAGS = ("new-checkout", "banner-text", "page-size", "discount-rate", "search-settings")
EXPERIMENTS = ("cdnow-aa", "cdnow-free-shipping")


class Visitor(FastHttpUser):
    """Sends about five requests a second; user ids have a heavy-tailed distribution, as visits do."""

    default_headers = {  # noqa: RUF012 - Locust's own, read only
        "Authorization": f"Bearer {KEY}",
        "Content-Type": "application/json",
    }

    def on_start(self) -> None:
        self._random = random.Random(id(self))

    def wait_time(self) -> float:
        """Seconds, at random: at a steady rate all users would send at once."""
        return self._random.expovariate(5)

    @task(4)
    def flag(self) -> None:
        body = {
            "user_id": self._choose_user(),
            "flag_key": self._random.choice(FLAGS),
            "context": {
                "country": self._random.choice(["DE", "FR", "US"]),
                "orders": self._random.randrange(6),
            },
        }
        self.client.post("/flags/evaluate", json=body, name="flag")

    @task(1)
    def all_flags(self) -> None:
        body = {"user_id": self._choose_user(), "context": {"country": "DE"}}
        self.client.post("/flags/evaluate/batch", json=body, name="all flags")

    @task(3)
    def assign(self) -> None:
        body = {
            "user_id": self._choose_user(),
            "experiment_key": self._random.choice(EXPERIMENTS),
            "context": {"cohort": "1997-01", "first_order_value": self._random.randrange(5, 60)},
        }
        self.client.post("/assign", json=body, name="assign")

    @task(2)
    def events(self) -> None:
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        value = self._random.randrange(500, 20_000) / 100
        event = {"event_type": "purchase", "timestamp": now, "value": value}
        body = {"events": [{**event, "user_id": self._choose_user()} for _ in range(10)]}
        self.client.post("/events", json=body, name="10 events")

    def _choose_user(self) -> str:
        return f"visitor-{min(int(self._random.paretovariate(0.6)), USERS)}"
