"""What every audit trail does: the one in memory and the one in DynamoDB."""

import pytest

from chalicelib.domain.audit import Action, AuditTrail, audited
from chalicelib.settings import Settings
from chalicelib.stores.audit import TableAuditTrail
from chalicelib.stores.clients import Clients
from realtime.testing.stores import MemoryAuditTrail

DROP = Action("drop", "grace", note="--by ops", selection="--code too_old", reason="a load test")


@pytest.fixture(params=["memory", "table"])
def trail(request: pytest.FixtureRequest) -> AuditTrail:
    if request.param == "memory":
        return MemoryAuditTrail()
    clients: Clients = request.getfixturevalue("service_clients")
    settings: Settings = request.getfixturevalue("aws_settings")
    return TableAuditTrail(clients, settings.publications_table, "quarantine")


def test_each_action_is_kept_and_the_newest_comes_first(trail: AuditTrail) -> None:
    assert trail.read(10) == []
    for name in ("redrive", "drop", "purge"):
        with audited(trail, Action(name, "grace")) as counts:
            counts["too_old"] = 2
    assert [action.name for action in trail.read(10)] == ["purge", "drop", "redrive"]
    assert [action.name for action in trail.read(1)] == ["purge"]
    assert {action.outcome for action in trail.read(10)} == {"done"}
    assert len({action.at for action in trail.read(10)}) == 3


def test_an_action_is_there_before_it_is_done(trail: AuditTrail) -> None:
    with audited(trail, DROP) as counts:
        [begun] = trail.read(10)
        assert (begun.outcome, begun.counts) == ("unfinished", {})
        counts["too_old"] = 3
    [action] = trail.read(10)
    assert (action.outcome, action.counts, action.at) == ("done", {"too_old": 3}, begun.at)
    assert (action.note, action.selection, action.reason) == (DROP.note, DROP.selection, DROP.reason)


@pytest.mark.parametrize(
    ("error", "outcome"), [(ValueError(), "failed"), (KeyboardInterrupt(), "interrupted")]
)
def test_an_action_that_fails_says_what_it_had_done(error: BaseException, outcome: str) -> None:
    trail = MemoryAuditTrail()

    def act() -> None:
        with audited(trail, DROP) as counts:
            counts["too_old"] = 1
            raise error

    with pytest.raises(type(error)):
        act()
    [action] = trail.read(1)
    assert (action.outcome, action.counts) == (outcome, {"too_old": 1})
