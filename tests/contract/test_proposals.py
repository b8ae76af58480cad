"""The contract of stores of proposals: in memory and in DynamoDB, each beside its store of definitions."""

import json
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple

import pytest

from chalicelib.domain.definitions.model import Approval, DefinitionRow, Definitions
from chalicelib.domain.errors import Conflict, TooLarge
from chalicelib.domain.proposals import Proposal, Proposals, ProposedChange
from chalicelib.domain.publishing.author import Author
from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients
from chalicelib.stores.definitions import DefinitionStore
from chalicelib.stores.proposals import ProposalStore
from realtime.testing.proposals import MemoryProposals
from realtime.testing.stores import MemoryDefinitions
from tests.support.experiments import published, published_flag

NOW = 1_800_000_000.0
TIME = "2027-01-15T08:00:00.000Z"
ADA, BOB = Author("ada", "key 1f2e3d4c5b6a", "key 1f2e3d4c5b6a"), Author("bob", "", "key 2a2a2a2a2a2a")
FLAG, EXPERIMENT = published_flag("a"), published("b")
REMOVED = DefinitionRow("flag", "old", "", "removed")
CHANGES = (ProposedChange("flag", "a", "changed"), ProposedChange("flag", "old", "removed"))
PROPOSAL = Proposal(CHANGES, 7, ADA, TIME, "darker")


class Stores(NamedTuple):
    proposals: Proposals
    definitions: Definitions


@pytest.fixture(params=["memory", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "memory":
        memory = MemoryProposals()
        return Stores(memory, MemoryDefinitions(memory))
    settings: Settings = request.getfixturevalue("aws_settings")
    clients: Clients = request.getfixturevalue("service_clients")
    return Stores(ProposalStore(clients, settings.publications_table), DefinitionStore(clients, settings))


def test_a_proposal_is_read_as_it_was_added(stores: Stores) -> None:
    proposals = stores.proposals
    assert (proposals.get(1), proposals.get_newest(), proposals.get_rows(1)) == (None, [], [])
    added = proposals.add(PROPOSAL, [FLAG, REMOVED])
    assert added == replace(PROPOSAL, number=1)
    assert (added.id, proposals.get(1), proposals.get_newest()) == ("p-1", added, [added])
    assert proposals.get_rows(1) == [FLAG, REMOVED]


def test_those_of_a_state_are_listed_newest_first(stores: Stores) -> None:
    proposals = stores.proposals
    first, second, third = (proposals.add(PROPOSAL, [FLAG]) for _ in range(3))
    rejected = second.decide("rejected", BOB, TIME, "no")
    assert proposals.close(rejected)
    assert proposals.get_newest() == [third, rejected, first]
    assert proposals.get_newest(limit=2) == [third, rejected]
    assert proposals.get_newest("open") == [third, first]
    assert proposals.get_newest("open", 1) == [third]
    assert proposals.get_newest("rejected") == [rejected]


def test_of_two_decisions_the_first_is_kept(stores: Stores) -> None:
    proposal = stores.proposals.add(PROPOSAL, [FLAG])
    outdated = proposal.decide("outdated", None, TIME)
    assert stores.proposals.close(outdated)
    assert not stores.proposals.close(proposal.decide("rejected", BOB, TIME))
    assert stores.proposals.get(1) == outdated


def test_those_who_propose_at_once_get_numbers_of_their_own(stores: Stores) -> None:
    with ThreadPoolExecutor(4) as pool:
        added = list(pool.map(lambda n: stores.proposals.add(PROPOSAL, [published_flag(str(n))]), range(4)))
    assert sorted(each.number for each in added) == [1, 2, 3, 4]
    assert sorted(stores.proposals.get_rows(each.number)[0].key for each in added) == ["0", "1", "2", "3"]


def make_random_flags(count: int, size: int) -> list[DefinitionRow]:
    """Texts that cannot be compressed by more than a half."""
    texts = random.Random(1)
    return [published_flag(f"flag-{n}", description=texts.randbytes(size).hex()) for n in range(count)]


def test_a_proposal_may_have_hundreds_of_large_definitions(stores: Stores) -> None:
    rows = make_random_flags(600, 2_000)
    changes = tuple(ProposedChange("flag", row.key, "added") for row in rows)
    added = stores.proposals.add(replace(PROPOSAL, changes=changes), rows)
    assert stores.proposals.get(1) == added
    assert stores.proposals.get_rows(1) == rows


def test_what_does_not_fit_into_a_transaction_is_refused_with_the_remedy(
    service_clients: Clients, aws_settings: Settings
) -> None:
    proposals = ProposalStore(service_clients, aws_settings.publications_table)
    with pytest.raises(TooLarge, match="propose them in several"):
        proposals.add(PROPOSAL, make_random_flags(40, 100_000))
    assert proposals.get_newest() == []


def test_the_texts_can_be_forgotten(stores: Stores) -> None:
    proposal = stores.proposals.add(PROPOSAL, make_random_flags(2, 300_000))
    stores.proposals.forget_rows(1)
    assert stores.proposals.get_rows(1) == []
    assert stores.proposals.get(1) == proposal


def test_a_publication_approves_the_proposal_that_it_carries_out(stores: Stores) -> None:
    proposal = stores.proposals.add(PROPOSAL, [FLAG])
    version = stores.definitions.publish([FLAG], 0, NOW, "bob", "p-1", Approval(1, BOB.identity, "fine"))
    assert version == 1
    decided = replace(proposal.decide("approved", BOB, TIME, "fine"), published_version=1)
    assert stores.proposals.get(1) == decided
    assert stores.definitions.get_history("flag", "a")[0].published_by == "bob"


@pytest.mark.parametrize("rows", [[FLAG], [published_flag(str(n)) for n in range(60)]], ids=["one", "parts"])
def test_nothing_is_published_for_a_proposal_that_is_not_open(
    stores: Stores, rows: Sequence[DefinitionRow]
) -> None:
    proposal = stores.proposals.add(PROPOSAL, rows)
    rejected = proposal.decide("rejected", BOB, TIME)
    stores.proposals.close(rejected)
    with pytest.raises(Conflict):
        stores.definitions.publish(rows, 0, NOW, "bob", approval=Approval(1, BOB.identity))
    assert stores.definitions.get_changes(None).version == 0
    assert stores.definitions.get_all("flag") == {}
    assert stores.proposals.get(1) == rejected
    assert stores.definitions.publish(rows, 0, NOW) == 1


def test_a_proposal_stays_open_if_somebody_else_publishes_first(stores: Stores) -> None:
    proposal = stores.proposals.add(PROPOSAL, [FLAG])
    stores.definitions.publish([EXPERIMENT], 0, NOW)
    with pytest.raises(Conflict):
        stores.definitions.publish([FLAG], 0, NOW, approval=Approval(1, BOB.identity))
    assert stores.proposals.get(1) == proposal


def test_a_large_proposal_is_published_and_approved(stores: Stores) -> None:
    rows = [published_flag(str(n)) for n in range(60)]
    stores.proposals.add(PROPOSAL, rows)
    assert stores.definitions.publish(rows, 0, NOW, approval=Approval(1, BOB.identity)) == 1
    decided = stores.proposals.get(1)
    assert decided
    assert (decided.state, decided.published_version) == ("approved", 1)


def test_of_concurrent_approvals_one_publishes(stores: Stores) -> None:
    stores.proposals.add(PROPOSAL, [FLAG])

    def approve(number: int) -> bool:
        try:
            stores.definitions.publish([FLAG], 0, NOW, str(number), approval=Approval(1, str(number)))
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(approve, range(8)))
    assert outcomes.count(True) == 1
    decided = stores.proposals.get(1)
    assert decided
    assert decided.decided_by == Author(str(outcomes.index(True)), identity=str(outcomes.index(True)))


def test_the_environment_asks_for_no_approvals_until_it_is_told(stores: Stores) -> None:
    assert stores.proposals.get_approvals() == 0
    for approvals in (1, 0):
        stores.proposals.set_approvals(approvals)
        assert stores.proposals.get_approvals() == approvals


def test_proposals_are_no_definitions(stores: Stores) -> None:
    stores.proposals.set_approvals(1)
    stores.proposals.add(PROPOSAL, [FLAG])
    stores.definitions.publish([EXPERIMENT], 0, NOW)
    assert [row.key for row in stores.definitions.get_versions()] == ["b"]
    assert json.loads(stores.definitions.get_all("experiment")["b"].text)["key"] == "b"
