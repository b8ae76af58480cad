"""`kill`: a flag is off for everybody, by one publication with its reason, and on again as it was."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.definitions.compiler import load_flag
from chalicelib.domain.definitions.model import DefinitionRow, find_in_force
from chalicelib.domain.errors import Conflict, RealtimeError
from chalicelib.domain.publishing.author import Author
from realtime.commands.kill import kill_flag, undo_kill
from realtime.testing.stores import MemoryDefinitions
from tests.support.flags import answer
from tests.support.publisher import FLAG, NOW, Publisher

GRACE = Author("grace")
ON = FLAG | {"rollout_percentage": 100}


def kill(publisher: Publisher, name: str = "f", reason: str = "errors at checkout") -> None:
    kill_flag(publisher.console, publisher.definitions, name, reason, GRACE, NOW)


def undo(publisher: Publisher, name: str = "f", reason: str = "") -> None:
    undo_kill(publisher.console, publisher.definitions, name, reason, GRACE, NOW)


def get_row(publisher: Publisher, key: str = "f") -> DefinitionRow:
    return publisher.definitions.get_many("flag", [key])[key]


def assert_changes(before: DefinitionRow, after: DefinitionRow, changed: dict[str, Any]) -> None:
    assert json.loads(after.text) == json.loads(before.text) | changed


def test_it_turns_one_flag_off_and_the_history_has_the_reason(publisher: Publisher) -> None:
    publisher.publish(ON, ON | {"key": "g"})
    before = get_row(publisher)
    kill(publisher)
    assert_changes(before, get_row(publisher), {"enabled": False})
    assert get_row(publisher, "g").version == 1
    newest = publisher.definitions.get_history("flag", "f")[0]
    assert (newest.version, newest.published_by) == (2, "grace")
    assert newest.published_note == "kill: errors at checkout"
    assert "Killed f, version 2. Everybody gets `off` (false)." in publisher.output


def test_an_undo_brings_back_what_the_files_have(publisher: Publisher) -> None:
    publisher.publish(ON)
    before = get_row(publisher)
    kill(publisher)
    undo(publisher, reason="fixed")
    assert get_row(publisher).text == before.text
    assert "f is on again, version 3. It was killed at 2027-01-15T08:00:00.000Z by grace: errors" in (
        publisher.output
    )
    assert publisher.definitions.get_history("flag", "f")[0].published_note == "kill undone: fixed"
    assert publisher.publish(ON) == 0
    assert "Nothing changes: version 3 stays in force." in publisher.output


def test_an_undo_keeps_an_enabled_that_was_written(publisher: Publisher) -> None:
    publisher.publish(ON | {"enabled": True})
    kill(publisher)
    undo(publisher)
    assert '"enabled":true' in get_row(publisher).text


def test_what_was_published_since_stays(publisher: Publisher) -> None:
    publisher.publish(ON)
    before = get_row(publisher)
    kill(publisher)
    publisher.publish(ON | {"enabled": False, "rollout_percentage": 7})
    undo(publisher)
    assert_changes(before, get_row(publisher), {"rollout_percentage": 7.0})


@pytest.mark.parametrize("at", ["2026-01-01T00:00:00Z", "2031-01-01T00:00:00Z"])
@pytest.mark.parametrize("is_on_before", [True, False])
def test_no_scheduled_change_turns_it_on_again(publisher: Publisher, at: str, is_on_before: bool) -> None:
    changes = [
        {"at": at, "set": {"enabled": True, "rollout_percentage": 50}},
        {"at": "2032-01-01T00:00:00Z", "set": {"rollout_percentage": 100}},
    ]
    publisher.publish(ON | {"enabled": is_on_before, "overrides": {"u1": "on"}, "changes": changes})
    before = get_row(publisher).text
    kill(publisher)
    flag = load_flag(get_row(publisher).text)
    for now in (NOW, NOW + 10 * 365 * 86_400):
        assert answer(find_in_force(flag, now), now=now).reason == "DISABLED"
    kill(publisher)
    assert "f is off already" in publisher.output
    publisher.publish(
        ON | {"enabled": is_on_before, "overrides": {"u1": "on"}, "changes": changes}, dry_run=True
    )
    assert "turns it on again: it was killed" in publisher.output
    undo(publisher)
    assert get_row(publisher).text == before


def test_a_flag_is_found_by_its_alias(publisher: Publisher) -> None:
    publisher.publish(ON | {"alias": "neue Kasse/1"})
    kill(publisher, "neue Kasse/1")
    assert get_row(publisher).status == "inactive"


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (ON | {"off_variant": "on"}, "`on` (true)"),
        ({"key": "f", "variants": {"a": 1, "b": 2}, "default": "b", "rules": []}, "`b` (2)"),
        ({"key": "f", "variants": {"a": 1}, "rules": []}, "the caller's default"),
        ({"key": "f", "variants": {"a": "x" * 50}, "default": "a", "rules": []}, f'`a` ("{"x" * 38}…)'),
    ],
)
def test_it_says_what_everybody_gets_and_that_is_so(
    publisher: Publisher, document: dict[str, Any], says: str
) -> None:
    publisher.publish(document)
    kill(publisher)
    assert says in publisher.output
    served = answer(load_flag(get_row(publisher).text))
    assert served.reason == ("NO_VALUE" if "caller" in says else "DISABLED")


def test_of_two_who_publish_at_once_the_kill_goes_on_top(publisher: Publisher) -> None:
    class Busy(MemoryDefinitions):
        rivals = 3

        def publish(self, definitions: Sequence[DefinitionRow], *rest: Any) -> int:
            if self.rivals:
                self.rivals -= 1
                row = super().get_many("flag", ["f"])["f"]
                text = row.text.replace('"boolean"', f'"boolean","description":"rival {self.rivals}"')
                super().publish([replace(row, text=text)], rest[0], *rest[1:])
            return super().publish(definitions, *rest)

    publisher.definitions = Busy()
    publisher.definitions.rivals = 0
    publisher.publish(ON)
    publisher.definitions.rivals = 1
    kill(publisher)
    assert '"description":"rival 0"' in get_row(publisher).text
    assert '"enabled":false' in get_row(publisher).text
    publisher.definitions.rivals = 1
    with pytest.raises(Conflict):
        undo(publisher)


def test_a_second_kill_says_who_did_the_first(publisher: Publisher) -> None:
    publisher.publish(ON)
    kill(publisher)
    kill(publisher, reason="again")
    assert "f is off already: killed at 2027-01-15T08:00:00.000Z by grace: errors at checkout." in (
        publisher.output
    )
    assert get_row(publisher).version == 2


@pytest.mark.parametrize(
    ("documents", "name", "says"),
    [
        ([ON], "f", "f is on"),
        ([ON | {"enabled": False}], "f", "was not turned off by a kill: publish it with `enabled: true`"),
        ([ON | {"key": "checkout"}], "chekout", "There is no flag 'chekout'; did you mean checkout?"),
    ],
)
def test_an_undo_is_of_a_kill_only(publisher: Publisher, documents: list[Any], name: str, says: str) -> None:
    publisher.publish(*documents)
    with pytest.raises(RealtimeError, match=says.replace("?", r"\?")):
        undo(publisher, name)


@pytest.mark.parametrize(
    ("reason", "says"), [("", "Say why"), (" \n\t", "Say why"), ("x" * 501, "501 characters, at most 500")]
)
def test_a_reason_is_needed(publisher: Publisher, reason: str, says: str) -> None:
    publisher.publish(ON)
    with pytest.raises(RealtimeError, match=says):
        kill(publisher, reason=reason)


def test_a_row_that_was_broken_by_hand_is_named(publisher: Publisher) -> None:
    publisher.definitions.publish([DefinitionRow("flag", "f", '{"key":"f"}', "active")], 0, NOW)
    with pytest.raises(RealtimeError, match="f is not valid as it is stored"):
        kill(publisher)


@pytest.mark.parametrize("is_yes", [True, False])
def test_a_publish_asks_before_it_turns_a_killed_flag_on(publisher: Publisher, is_yes: bool) -> None:
    questions: list[str] = []

    def confirm(question: str) -> bool:
        questions.append(question)
        return is_yes

    publisher.publish(ON)
    kill(publisher)
    assert publisher.publish(ON, dry_run=True, confirm=confirm) == 0
    assert questions == []
    assert publisher.publish(ON, confirm=confirm) == (0 if is_yes else 1)
    assert questions == ["1 changed. Publish?"]
    assert "turns it on again: it was killed at 2027-01-15T08:00:00.000Z by grace: errors" in publisher.output
    assert get_row(publisher).version == (3 if is_yes else 2)


def test_a_rollback_asks_too_and_a_flag_that_was_off_otherwise_does_not(publisher: Publisher) -> None:
    def refuse(_question: str) -> bool:
        return False

    publisher.publish(ON)
    kill(publisher)
    assert publisher.roll_back(1, confirm=refuse) == 1
    undo(publisher)
    publisher.publish(ON | {"enabled": False})
    assert publisher.publish(ON, confirm=refuse) == 0
