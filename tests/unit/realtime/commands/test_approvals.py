"""`approvals` and `proposals` in the terminal, and the commands that propose in place of publishing."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.publishing.author import Author
from chalicelib.services.admin.approvals import Approvals
from realtime.commands import approvals as commands
from realtime.commands.kill import kill_flag, undo_kill
from realtime.commands.publish import Submission, list_nothing
from realtime.testing.proposals import MemoryProposals
from realtime.testing.stores import MemoryAuditTrail, MemoryDefinitions
from tests.support.publisher import FLAG, NOW, Publisher

ADA, BOB = Author("ada", identity="ada"), Author("bob", identity="bob")


class World:
    """``f`` is published as version 1, then the environment asks for approvals."""

    def __init__(self, folder: Path) -> None:
        self.proposals = MemoryProposals()
        self.publisher = Publisher(folder)
        self.definitions = self.publisher.definitions = MemoryDefinitions(self.proposals)
        self.approvals = Approvals(self.definitions, self.proposals)
        self.console = Console(file=io.StringIO(), width=60)
        assert self.publisher.publish(FLAG) == 0
        self.proposals.set_approvals(1)

    def submit(self, reason: str = "too [red]dark[/red]") -> Submission:
        return Submission(self.approvals, reason)

    def propose(self, **options: Any) -> None:
        off = FLAG | {"enabled": False}
        assert self.publisher.publish(off, publisher=ADA, submission=self.submit(), **options) == 0

    def read(self) -> str:
        assert isinstance(self.console.file, io.StringIO)
        text, self.console.file = self.console.file.getvalue(), io.StringIO()
        return text

    def show(self, **options: Any) -> str:
        commands.show_proposal(
            self.console, self.approvals, self.definitions, "p-1", NOW, list_nothing, **options
        )
        return self.read()

    @property
    def version(self) -> int:
        return self.definitions.get_changes(None).version


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_publish_proposes_what_has_to_wait(world: World) -> None:
    world.propose()
    assert "Proposed as p-1: 1 changed. Nothing is published yet." in world.publisher.output
    assert "python -m realtime proposals approve p-1" in world.publisher.output
    assert world.version == 1


def test_a_dry_run_proposes_nothing(world: World) -> None:
    world.propose(dry_run=True)
    assert "Nothing is published (--dry-run). It would wait for approval." in world.publisher.output
    assert world.proposals.get_newest() == []
    world.proposals.set_approvals(0)
    world.propose(dry_run=True)
    assert "wait" not in world.publisher.output


def test_rollback_and_backup_propose_too(world: World) -> None:
    assert world.publisher.roll_back(0, publisher=ADA, confirm=lambda _: True, submission=world.submit()) == 0
    assert [change.change for change in world.proposals.get_newest()[0].changes] == ["removed"]


def test_a_kill_is_in_force_at_once_and_its_undoing_waits(world: World) -> None:
    kill_flag(world.console, world.definitions, "f", "errors", ADA, NOW)
    assert world.version == 2
    undo_kill(world.console, world.definitions, "f", "fixed", ADA, NOW, world.submit("kill undone: fixed"))
    assert "Proposed as p-1" in world.read()
    assert world.version == 2
    commands.approve(world.console, world.approvals, "p-1", BOB, NOW, "")
    assert "Published p-1 as version 3." in world.read()
    assert world.definitions.get_all("flag")["f"].status == "active"


def test_a_proposal_is_shown_with_what_it_changes_now(world: World) -> None:
    world.propose()
    shown = world.show()
    assert "p-1, open: proposed at 2027-01-15T08:00:00.000Z by ada,\n" in shown
    assert "on top of version 1: too [red]dark[/red]\n" in shown
    assert "enabled: true → false" in shown
    assert "get another answer" in shown


def test_a_decided_proposal_says_by_whom(world: World) -> None:
    world.propose()
    commands.reject(world.console, world.approvals, "p-1", BOB, NOW, "not now")
    assert world.read() == "Rejected p-1. Nothing is published.\n"
    shown = world.show()
    assert "rejected at 2027-01-15T08:00:00.000Z by bob: not now\n" in shown
    assert "It was to change flag f." in shown


def test_proposals_are_listed_at_60_columns(world: World) -> None:
    commands.list_proposals(world.console, world.approvals, "open", 50)
    assert world.read() == "There is no open proposal.\n"
    world.propose()
    commands.list_proposals(world.console, world.approvals, None, 50)
    text = world.read()
    for shown in ("p-1", "open", "ada", "flag f", "too [red]dark[/red]"):
        assert shown in text
    assert max(map(len, text.splitlines())) <= 60


def test_scripts_get_json(world: World) -> None:
    world.propose()
    commands.list_proposals(world.console, world.approvals, "open", 50, as_json=True)
    [listed] = json.loads(world.read())
    assert listed == json.loads(world.show(as_json=True))
    assert (listed["id"], listed["state"], listed["proposed_by"]) == ("p-1", "open", "ada")
    assert listed["definitions"] == [{"kind": "flag", "key": "f", "change": "changed"}]


def test_a_proposal_needs_a_reason(world: World) -> None:
    with pytest.raises(InvalidInput, match="say why"):
        world.publisher.publish(FLAG | {"enabled": False}, publisher=ADA, submission=world.submit(""))


def test_the_setting_is_shown_changed_and_audited(world: World) -> None:
    trail = MemoryAuditTrail()
    commands.set_approvals(world.console, world.proposals, trail, 0, ADA, "the launch is over")
    assert world.read().startswith("0: ")
    [action] = trail.read(1)
    assert (action.name, action.by, action.selection) == ("approvals", "ada", "0")
    assert (action.reason, action.outcome) == ("the launch is over", "done")
    assert world.proposals.get_approvals() == 0
    world.proposals.set_approvals(1)
    commands.show_approvals(world.console, world.proposals)
    assert world.read().startswith("1: every change")
