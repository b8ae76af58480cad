"""Two identities, and what becomes of a proposal between them."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from chalicelib.domain.announcements import Announcement
from chalicelib.domain.definitions.model import Approval, DefinitionRow
from chalicelib.domain.errors import Conflict, InvalidInput, NotFound, NotPermitted
from chalicelib.domain.proposals import Proposal
from chalicelib.domain.publishing.author import Author
from chalicelib.domain.publishing.documents import parse_row
from chalicelib.services.admin.approvals import Approvals
from chalicelib.services.admin.publishing import Plan, load_published, make_plan
from realtime.testing.proposals import MemoryProposals
from realtime.testing.stores import MemoryDefinitions
from tests.support.experiments import published_flag, published_segment

NOW = 1_800_000_000.0
ADA, BOB = Author("ada", "key 1f2e3d4c5b6a", "key 1f2e3d4c5b6a"), Author("bob", "", "key 2a2a2a2a2a2a")
OFF = published_flag("dark", enabled=False)


class World:
    """The flags ``dark`` and ``light`` are published as version 1."""

    def __init__(self) -> None:
        self.proposals = MemoryProposals()
        self.definitions = MemoryDefinitions(self.proposals)
        self.announced: list[tuple[str, str | None]] = []
        self.warning = ""
        self.approvals = Approvals(self.definitions, self.proposals, self.announce)
        self.publish(published_flag("dark"), published_flag("light"))

    def announce(self, announcement: Announcement) -> str:
        self.announced.append((announcement.event, announcement.state))
        return self.warning

    @property
    def version(self) -> int:
        return self.definitions.get_changes(None).version

    def publish(self, *rows: DefinitionRow) -> None:
        self.definitions.publish(rows, self.version, NOW, "eve")

    def plan(self, *rows: DefinitionRow) -> Plan:
        wanted = {(row.kind, row.key): parse_row(row) if row.text else None for row in rows or [OFF]}
        return make_plan(self.definitions, load_published(self.definitions), wanted, NOW)

    def propose(self, *rows: DefinitionRow, by: Author = ADA, reason: str = "too dark") -> Proposal:
        return self.approvals.propose(self.plan(*rows), by, reason)

    def is_on(self) -> bool:
        return self.definitions.get_all("flag")["dark"].status == "active"


@pytest.fixture
def world() -> World:
    return World()


def test_a_change_waits_until_somebody_else_approves_it(world: World) -> None:
    proposal = world.propose()
    assert (proposal.id, proposal.state, world.version) == ("p-1", "open", 1)
    approved = world.approvals.approve("p-1", BOB, NOW + 60, "fine")
    assert (approved.state, approved.decided_by, approved.published_version) == ("approved", BOB, 2)
    assert not world.is_on()
    row = world.definitions.get_history("flag", "dark")[0]
    assert row.published_by == "bob"
    assert row.published_note == "p-1 proposed by ada (key 1f2e3d4c5b6a): too dark; approved: fine"


def test_who_proposed_it_cannot_approve_it(world: World) -> None:
    world.propose()
    with pytest.raises(NotPermitted) as caught:
        world.approvals.approve("p-1", Author("another label", "", ADA.identity), NOW)
    assert caught.value.code == "same_identity"
    assert (world.approvals.get("p-1").state, world.version) == ("open", 1)


def test_nobody_proposes_or_approves_without_an_identity(world: World) -> None:
    unconfirmed = Author("ada", "not confirmed by AWS")
    with pytest.raises(NotPermitted, match="confirm who you are"):
        world.propose(by=unconfirmed)
    world.propose()
    with pytest.raises(NotPermitted, match="confirm who you are"):
        world.approvals.approve("p-1", unconfirmed, NOW)
    assert world.version == 1


def test_a_label_that_two_keys_share_is_not_an_identity(world: World) -> None:
    world.propose()
    assert world.approvals.approve("p-1", Author(ADA.by, ADA.note, BOB.identity), NOW).state == "approved"


@pytest.mark.parametrize("by", [ADA, BOB])
def test_anybody_rejects_and_the_first_decision_stays(world: World, by: Author) -> None:
    world.propose()
    rejected = world.approvals.reject("p-1", by, NOW, "no")
    assert world.approvals.get("p-1") == rejected
    assert (rejected.state, rejected.decided_by, rejected.decision_note) == ("rejected", by, "no")
    for decide in (world.approvals.approve, world.approvals.reject):
        with pytest.raises(Conflict) as caught:
            decide("p-1", BOB, NOW)
        assert caught.value.code == "proposal_decided"
    assert world.version == 1


def test_it_is_outdated_once_what_it_changes_is_published(world: World) -> None:
    world.propose()
    world.publish(published_flag("dark", description="new"))
    assert world.approvals.get("p-1").state == "outdated"
    assert [each.state for each in world.approvals.get_newest()] == ["outdated"]
    assert world.approvals.get_newest("open") == []
    assert world.proposals.get_newest("open"), "reading decides nothing"
    with pytest.raises(Conflict) as caught:
        world.approvals.approve("p-1", BOB, NOW)
    assert caught.value.code == "proposal_outdated"
    assert [str(problem) for problem in caught.value.details] == ["flag dark: was published since"]
    assert world.proposals.get_newest("outdated")
    with pytest.raises(Conflict, match="outdated"):
        world.approvals.approve("p-1", BOB, NOW)


def test_what_else_was_published_since_does_not_matter(world: World) -> None:
    world.propose()
    world.publish(published_flag("light", enabled=False))
    assert world.approvals.approve("p-1", BOB, NOW).published_version == 3


def test_of_two_proposals_for_one_flag_the_second_is_outdated_by_the_first(world: World) -> None:
    world.propose()
    world.propose(published_flag("dark", description="other"), by=BOB)
    world.approvals.approve("p-2", ADA, NOW)
    assert [each.state for each in world.approvals.get_newest()] == ["approved", "outdated"]


def test_a_removal_and_an_addition_can_be_proposed(world: World) -> None:
    proposal = world.propose(DefinitionRow("flag", "dark", "", "removed"), published_flag("new"))
    assert [each.change for each in proposal.changes] == ["removed", "added"]
    world.approvals.approve("p-1", BOB, NOW)
    assert set(world.definitions.get_all("flag")) == {"light", "new"}


def test_it_must_fit_what_is_published_when_it_is_approved(world: World) -> None:
    world.publish(published_segment("s"))
    world.propose(published_flag("dark", rules=[{"when": {"segment": "s"}, "serve": "on"}], default="off"))
    world.publish(DefinitionRow("segment", "s", "", "removed"))
    with pytest.raises(InvalidInput) as caught:
        world.approvals.approve("p-1", BOB, NOW)
    assert caught.value.code == "invalid_definitions"
    assert caught.value.details[0].path.startswith("flag dark.rules[0]")
    assert (world.approvals.get("p-1").state, world.version) == ("open", 3)


def test_a_proposal_says_why(world: World) -> None:
    with pytest.raises(InvalidInput, match="say why"):
        world.propose(reason=" \n ")
    with pytest.raises(InvalidInput, match="501 characters"):
        world.propose(reason="x" * 501)
    assert world.propose(reason=" a\n b ").reason == "a b"


@pytest.mark.parametrize("proposal_id", ["p-1", "p-0", "nonsense"])
def test_an_unknown_proposal_is_not_found(world: World, proposal_id: str) -> None:
    asked: Sequence[Callable[[], Proposal]] = (
        lambda: world.approvals.get(proposal_id),
        lambda: world.approvals.approve(proposal_id, BOB, NOW),
        lambda: world.approvals.reject(proposal_id, BOB, NOW),
    )
    for ask in asked:
        with pytest.raises(NotFound) as caught:
            ask()
        assert caught.value.code == "proposal_not_found"


def test_nothing_empty_is_published_for_a_proposal_whose_texts_were_removed(world: World) -> None:
    world.propose()
    world.proposals.forget_rows(1)
    with pytest.raises(InvalidInput, match="reject it"):
        world.approvals.approve("p-1", BOB, NOW)
    assert world.version == 1


class Interrupted(MemoryDefinitions):
    """``meanwhile`` happens once, after everything was read and before it is published."""

    meanwhile: Callable[[], object] | None = None

    def publish(
        self,
        definitions: Sequence[DefinitionRow],
        expected: int,
        now: float,
        by: str = "",
        note: str = "",
        approval: Approval | None = None,
    ) -> int:
        if approval and self.meanwhile:
            act, self.meanwhile = self.meanwhile, None
            act()
        return super().publish(definitions, expected, now, by, note, approval)


@pytest.fixture
def interrupted() -> World:
    world = World()
    world.definitions = Interrupted(world.proposals)
    world.approvals = Approvals(world.definitions, world.proposals)
    world.publish(published_flag("dark"), published_flag("light"))
    world.propose()
    return world


def interrupt(world: World, act: Callable[[], object]) -> None:
    definitions: Any = world.definitions
    definitions.meanwhile = act


def test_of_two_who_approve_at_once_one_publishes_and_the_other_is_told(interrupted: World) -> None:
    interrupt(interrupted, lambda: interrupted.approvals.approve("p-1", BOB, NOW))
    with pytest.raises(Conflict) as caught:
        interrupted.approvals.approve("p-1", Author("eve", "", "key 3"), NOW)
    assert (caught.value.code, interrupted.version) == ("proposal_decided", 2)
    assert "approved already by bob" in caught.value.message


def test_a_rejection_at_the_same_moment_wins_or_loses_as_a_whole(interrupted: World) -> None:
    interrupt(interrupted, lambda: interrupted.approvals.reject("p-1", ADA, NOW))
    with pytest.raises(Conflict, match="rejected already by ada"):
        interrupted.approvals.approve("p-1", BOB, NOW)
    assert interrupted.version == 1


def test_an_approval_goes_on_top_of_what_somebody_else_publishes_meanwhile(interrupted: World) -> None:
    interrupt(interrupted, lambda: interrupted.publish(published_flag("light", description="new")))
    assert interrupted.approvals.approve("p-1", BOB, NOW).published_version == 3
    interrupted.propose(published_flag("light"))
    interrupt(interrupted, lambda: interrupted.publish(published_flag("light", description="newer")))
    with pytest.raises(Conflict, match="outdated"):
        interrupted.approvals.approve("p-2", BOB, NOW)


def test_what_has_to_wait_is_proposed_and_the_rest_is_published(world: World) -> None:
    assert world.approvals.submit(world.plan(), ADA, "too dark") == 2
    world.proposals.set_approvals(1)
    back = world.plan(published_flag("dark"))
    waiting = world.approvals.submit(back, ADA, "not dark enough")
    assert isinstance(waiting, Proposal)
    assert (waiting.base_version, waiting.proposed_by, world.version) == (2, ADA._replace(note=""), 2)
    assert dict(world.approvals.get_wanted(waiting)) == {("flag", "dark"): parse_row(published_flag("dark"))}


def test_approval_can_be_asked_for_where_it_is_not_needed(world: World) -> None:
    assert isinstance(world.approvals.submit(world.plan(), ADA, "look at it", proposes=True), Proposal)
    assert world.version == 1


def test_a_row_that_is_not_valid_can_be_repaired_by_a_proposal(world: World) -> None:
    world.publish(DefinitionRow("flag", "broken", "{", "active"))
    world.propose(published_flag("broken"))
    assert world.approvals.approve("p-1", BOB, NOW).state == "approved"


def test_webhooks_are_told_of_what_happens_to_a_proposal(world: World) -> None:
    world.propose()
    world.approvals.approve("p-1", BOB, NOW)
    world.propose(published_flag("dark"))
    world.approvals.reject("p-2", BOB, NOW)
    opened, approved, rejected = (("proposal", state) for state in ("opened", "approved", "rejected"))
    assert world.announced == [opened, approved, ("publication", None), opened, rejected]


def test_nobody_is_told_of_what_did_not_happen(world: World) -> None:
    world.propose()
    world.publish(published_flag("dark", description="new"))
    with pytest.raises(Conflict):
        world.approvals.approve("p-1", BOB, NOW)
    assert world.announced == [("proposal", "opened")]


def test_who_publishes_is_told_if_webhooks_are_not(world: World) -> None:
    world.warning, told = "Webhooks are not told.", list[str]()
    assert world.approvals.submit(world.plan(), ADA, "too dark", tell=told.append) == 2
    assert world.announced == [("publication", None)]
    assert told == ["Webhooks are not told."]
