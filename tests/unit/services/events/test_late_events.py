"""Whatever happens to experiments and users: an event that comes late counts as it would have in time."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.definitions.model import MAX_REPLACED
from chalicelib.domain.timestamps import format_timestamp
from chalicelib.services.assignment_writer import AssignmentWriter
from chalicelib.services.concurrency import Parallel
from tests.support.experiments import document, published
from tests.support.plane import EventPlane, purchase_experiment
from tests.support.streams import ARRIVED, kinesis, purchase

STEP = 60.0
USERS = ("u1",)
START = ARRIVED - 86_400.0

publications = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["active", "active", "active", "paused", "completed"]),
        "iteration": st.integers(1, 3),
        "metrics": st.sampled_from([["purchase"], ["purchase"], ["refund"]]),
        "sticky": st.booleans(),
    },
    optional={
        "end_at": st.integers(1, 12).map(lambda step: format_timestamp(START + step * STEP + 1)),
        "start_at": st.just(format_timestamp(START + 2 * STEP + 1)),
    },
)
sent = st.fixed_dictionaries(
    {"user_id": st.sampled_from(USERS), "event_type": st.sampled_from(["purchase", "purchase", "refund"])},
    optional={"experiment_key": st.just("checkout")},
)
steps = st.lists(
    st.one_of(
        publications.map(lambda fields: ("publish", fields)),
        st.tuples(st.sampled_from(USERS), st.sampled_from(["control", "treatment"])).map(
            lambda pair: ("assign", pair)
        ),
        sent.map(lambda fields: ("send", fields)),
    ),
    min_size=4,
    max_size=12,
)


class History:
    """What happens, a minute apart. ``now`` is epoch seconds."""

    def __init__(self, first: dict[str, Any]) -> None:
        self.plane = EventPlane()
        self.now = START
        self.sent: list[Any] = []
        self.publish(first)

    def publish(self, fields: dict[str, Any]) -> None:
        if fields.get("start_at") and fields.get("end_at") and fields["end_at"] <= fields["start_at"]:
            fields = {**fields, "end_at": None}
        version = self.plane.definitions.get_changes(None).version
        text = json.dumps(document("checkout", **fields))
        row = published()
        self.plane.definitions.publish([type(row)("experiment", "checkout", text, "")], version, self.now)
        self.plane.experiments.by_key = {"checkout": purchase_experiment(version=version + 1, **fields)}

    def assign(self, pair: tuple[str, str]) -> None:
        user, variant = pair
        writer = AssignmentWriter(self.plane.assignments, 90 * 86_400.0)
        experiment = self.plane.experiments.by_key["checkout"]
        stored = self.plane.assignments.get(experiment, user)
        if stored is not None and len(stored.replaced) == MAX_REPLACED:
            return  # a row remembers no more
        if stored is None or stored.iteration < experiment.iteration or not experiment.is_sticky:
            row = writer.make_row(experiment, user, variant, self.now)
            self.plane.assignments.put(experiment, user, row.replace_row(stored), stored)

    def send(self, fields: dict[str, Any]) -> None:
        self.sent.append(purchase(timestamp=format_timestamp(self.now), **{"user": "", **fields}))

    def deliver(self, events: list[Any], start: int) -> None:
        container = self.plane.new_container(parallel=Parallel(1))
        container.process(kinesis(events, start=start, arrived=self.now), lambda: 60.0, self.now)

    def count(self) -> dict[Any, Any]:
        scopes = ("checkout", "checkout@2", "checkout@3")
        return {(scope, *key): sums for scope in scopes for key, sums in self.plane.counted(scope).items()}


@given(publications, steps)
def test_an_event_that_comes_late_counts_as_it_would_have_in_time(
    first: dict[str, Any], actions: list[tuple[str, Any]]
) -> None:
    in_time, late = History(first), History(first)
    for action, argument in actions:
        for history in (in_time, late):
            history.now += STEP
            getattr(history, action)(argument)
        if action == "send":
            in_time.deliver(in_time.sent[-1:], len(in_time.sent))
    late.now += 3 * 86_400.0
    if late.sent:
        late.deliver(late.sent, 0)
    assert late.count() == in_time.count()
