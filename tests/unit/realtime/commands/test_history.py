"""`history`: who published what, and what each version changed."""

import json

import pytest

from chalicelib.domain.errors import NotFound
from chalicelib.domain.publishing.author import Author
from realtime.commands.history import show_definition_history, show_history
from tests.support.experiments import document
from tests.support.publisher import FLAG, Publisher


def test_history_shows_variants_by_their_keys(publisher: Publisher) -> None:
    split = [{"key": "control", "allocation": 0.2}, {"key": "treatment", "allocation": 0.8}]
    publisher.publish(experiments=(document(),))
    publisher.publish(experiments=(document(variants=split),), publisher=Author("[bold]ada"))
    show_definition_history(publisher.console, publisher.definitions, "experiment", "checkout")
    assert "variants[control].allocation: 0.5 → 0.2" in publisher.output.split("Published")[1]
    assert "[bold]ada" in publisher.output


def test_history_shows_the_changed_part_of_a_rule(publisher: Publisher) -> None:
    for country in ("DE", ":smile:"):
        condition = {"attribute": "country", "operator": "in", "value": [country]}
        rules = {"rules": [{"id": "eu", "rule": {"conditions": [condition]}}]}
        publisher.publish(experiments=(document(targeting_rules=rules),))
    show_definition_history(publisher.console, publisher.definitions, "experiment", "checkout")
    difference = 'targeting_rules.rules[eu].rule.conditions[0].value[0]: "DE" → ":smile:"'
    assert difference in publisher.output.split("Published")[1]


def test_history_says_who_changed_what(publisher: Publisher) -> None:
    publisher.publish(FLAG, publisher=Author("ada"))
    publisher.publish(FLAG | {"rollout_percentage": 5}, publisher=Author("grace", "--by g"))
    publisher.publish(prune=True, publisher=Author("linus"))
    show_history(publisher.console, publisher.definitions)
    show_definition_history(publisher.console, publisher.definitions, "flag", "f")
    output = publisher.output
    assert "flag f (removed)" in output
    assert output.count("grace (--by g)") == 2
    assert "rollout_percentage: 100.0 → 5.0" in output
    assert all(name in output for name in ("ada", "grace", "linus", "2027-01-15T08:00:00.000Z"))
    with pytest.raises(NotFound, match="was ever published"):
        show_definition_history(publisher.console, publisher.definitions, "flag", "nope")


def test_history_marks_a_rollback(publisher: Publisher) -> None:
    publisher.publish(FLAG)
    publisher.publish(FLAG | {"rollout_percentage": 5})
    publisher.roll_back(1, publisher=Author("ada", "--by a"))
    publisher.roll_back(0, publisher=Author("grace"))
    show_history(publisher.console, publisher.definitions)
    show_definition_history(publisher.console, publisher.definitions, "flag", "f")
    for name in ("ada (rollback to 1, --by a)", "grace (rollback to 0)"):
        assert publisher.output.count(name) == 2


def test_segments_have_a_history(publisher: Publisher) -> None:
    publisher.publish(segments=({"key": "testers", "include": ["ada"]},))
    publisher.publish(segments=({"key": "testers", "include": ["bob"]},))
    show_history(publisher.console, publisher.definitions)
    show_definition_history(publisher.console, publisher.definitions, "segment", "testers")
    shown = publisher.output.split("Published version 2")[1]
    assert "segment testers" in shown
    assert 'include[0]: "ada" → "bob"' in shown


def test_json_has_publications_and_the_changes_of_a_definition(
    publisher: Publisher, capsys: pytest.CaptureFixture[str]
) -> None:
    publisher.publish(FLAG, publisher=Author("ada", "first"))
    publisher.publish(FLAG | {"rollout_percentage": 5})
    publisher.publish(prune=True)
    capsys.readouterr()
    show_history(publisher.console, publisher.definitions, as_json=True)
    publications = json.loads(capsys.readouterr().out)
    assert [each["version"] for each in publications] == [3, 2, 1]
    assert publications[0]["definitions"] == [{"kind": "flag", "key": "f", "removed": True}]
    assert (publications[2]["published_by"], publications[2]["note"]) == ("ada", "first")
    show_definition_history(publisher.console, publisher.definitions, "flag", "f", as_json=True)
    versions = json.loads(capsys.readouterr().out)
    assert [each["change"] for each in versions] == ["removed", "changed", "added"]
    assert versions[1]["differences"] == [{"path": "rollout_percentage", "before": "100.0", "after": "5.0"}]
