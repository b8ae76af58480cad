"""`validate` and `publish`: what they refuse, show, write and restore."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from chalicelib.domain.definitions.compiler import load_flag
from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.errors import Conflict, StorageUnavailable
from realtime.commands.history import show_definition_history, show_history
from realtime.commands.publish import publish, roll_back
from realtime.commands.validate import validate
from realtime.testing.stores import MemoryDefinitions
from tests.support.experiments import document, published_flag

NOW = 1_800_000_000.0
FLAG = {"key": "f", "type": "boolean"}
RULES = {"rules": [{"id": "r", "rule": {"conditions": [{"attribute": "a", "operator": "eq", "value": 1}]}}]}


class Publisher:
    """Publishes sets of documents; ``said`` is all that was printed."""

    def __init__(self, folder: Path) -> None:
        self.definitions = MemoryDefinitions()
        self.folder = folder
        self.console = Console(file=io.StringIO(), width=200)

    @property
    def said(self) -> str:
        assert isinstance(self.console.file, io.StringIO)
        return self.console.file.getvalue()

    def file(self, flags: list[Any], experiments: list[Any]) -> Path:
        path = self.folder / "set.yaml"
        path.write_text(yaml.safe_dump({"flags": flags, "experiments": experiments}, sort_keys=False))
        return path

    def __call__(
        self, *flags: Any, experiments: tuple[Any, ...] = (), strict: bool = False, **options: Any
    ) -> int:
        self.console.file = io.StringIO()
        path = self.file([*flags], [*experiments])
        return publish(self.console, self.definitions, [path], strict, now=NOW, **options)

    def roll_back(self, version: int, **options: Any) -> int:
        self.console.file = io.StringIO()
        return roll_back(self.console, self.definitions, version, now=NOW, **options)

    def validate(self, *flags: Any, strict: bool = False) -> int:
        self.console.file = io.StringIO()
        return validate(self.console, [self.file([*flags], [])], strict)

    def keys(self) -> list[str]:
        return sorted(self.definitions.get_all("flag"))


@pytest.fixture
def to_publish(tmp_path: Path) -> Publisher:
    return Publisher(tmp_path)


def test_a_mistake_is_told_with_file_and_path_and_nothing_is_published(to_publish: Publisher) -> None:
    assert (
        to_publish(
            FLAG,
            {"key": "g", "type": "float", "default_variant": "a", "variants": [{"key": "a", "value": 1}]},
        )
        == 1
    )
    assert (
        "set.yaml: flags[1] (g).variants[0].value: must be of type float (write 1.0, not 1)"
        in to_publish.said
    )
    assert "2 definitions" not in to_publish.said
    assert to_publish.keys() == []


def test_a_mistake_is_told_as_it_is_written(to_publish: Publisher) -> None:
    assert to_publish(FLAG | {"x[red]": 1}) == 1
    assert "flags[0] (f).x[red]: unknown field" in to_publish.said


def test_what_is_wrong_between_definitions_is_told_where_it_stands(to_publish: Publisher) -> None:
    one = FLAG | {"key": "a", "prerequisites": [{"flag": "b", "variants": ["on"]}]}
    other = FLAG | {"key": "b", "prerequisites": [{"flag": "a", "variants": ["on"]}]}
    assert to_publish(one, other) == 1
    assert "set.yaml: flags[0] (a).prerequisites: go in a circle: a → b → a" in to_publish.said
    assert to_publish.keys() == []


def test_a_prerequisite_may_have_been_published_before(to_publish: Publisher) -> None:
    needs = FLAG | {"key": "g", "prerequisites": [{"flag": "f", "variants": ["on"]}]}
    assert to_publish.validate(needs) == 1
    assert to_publish(FLAG) == 0
    assert to_publish(needs) == 0
    assert to_publish.keys() == ["f", "g"]


def test_what_others_need_cannot_be_pruned(to_publish: Publisher) -> None:
    to_publish(FLAG)
    assert (
        to_publish(FLAG | {"key": "g", "prerequisites": [{"flag": "f", "variants": ["on"]}]}, prune=True) == 1
    )
    assert to_publish.keys() == ["f"]


def test_a_warning_stops_a_strict_publish_only(to_publish: Publisher) -> None:
    odd = FLAG | {"targeting_rules": {"version": "3.0", **RULES}}
    assert to_publish(odd, strict=True) == 1
    assert "warning set.yaml" not in to_publish.said  # the path comes first
    assert "flags[0] (f).targeting_rules.version: '3.0' is read as 1.0" in to_publish.said
    assert to_publish.keys() == []
    assert to_publish(odd) == 0
    assert to_publish.keys() == ["f"]


CONDITION = {"attribute": "a", "operator": "eq", "value": 1}


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"default": {}}, "default"),
        ({"rules": [{"id": "r", "rule": {}, "varaint": "on"}]}, "rules[0].varaint"),
        ({"default_rule": {"id": "r", "rule": {}, "prio": 1}}, "default_rule.prio"),
        ({"rules": [{"id": "r", "rule": {"condition": [CONDITION]}}]}, "rules[0].rule.condition"),
        (
            {"rules": [{"id": "r", "rule": {"groups": [{"conditions": [CONDITION | {"case": 1}]}]}}]},
            "rules[0].rule.groups[0].conditions[0].case",
        ),
    ],
)
def test_a_field_of_a_rule_that_nobody_reads_is_a_warning(
    to_publish: Publisher, document: dict[str, Any], place: str
) -> None:
    assert to_publish.validate(FLAG | {"targeting_rules": document}) == 0
    told = f"flags[0] (f).targeting_rules.{place}: unknown field; remove it or correct its spelling"
    assert told in to_publish.said


def test_what_a_flags_rule_may_hold_is_no_warning_and_is_one_in_an_experiment(to_publish: Publisher) -> None:
    rules = {"rules": [{"id": "r", "variant": "on", "rule": {"conditions": [CONDITION]}}]}
    to_publish(FLAG | {"targeting_rules": rules})
    assert "0 warnings" in to_publish.said
    to_publish(experiments=(document(targeting_rules=rules),))
    assert "targeting_rules.rules[0].variant: unknown field" in to_publish.said


def test_the_difference_is_shown_and_only_what_changed_is_written(to_publish: Publisher) -> None:
    assert to_publish(FLAG | {"rollout_percentage": 10}, FLAG | {"key": "same"}) == 0
    assert "+ flag f" in to_publish.said
    assert "Published version 1: 2 added." in to_publish.said
    assert to_publish(FLAG | {"rollout_percentage": 30}, FLAG | {"key": "same"}, FLAG | {"key": "new"}) == 0
    assert "~ flag f\n    rollout_percentage: 10.0 → 30.0" in to_publish.said
    assert "+ flag new" in to_publish.said
    assert "same" not in to_publish.said
    assert "Published version 2: 1 added, 1 changed." in to_publish.said
    assert to_publish.definitions.get_all("flag")["same"].version == 1


def test_publishing_the_same_again_is_no_publication(to_publish: Publisher) -> None:
    to_publish(FLAG | {"rollout_percentage": 10})
    assert to_publish(FLAG | {"rollout_percentage": 10.0, "enabled": True}) == 0
    assert "Nothing changes: version 1 stays in force." in to_publish.said
    assert to_publish.definitions.get_changes(None).version == 1


@pytest.mark.parametrize(
    ("before", "after", "share"),
    [
        ({"rollout_percentage": 10}, {"rollout_percentage": 30}, 0.2),
        ({"rollout_percentage": 0}, {"rollout_percentage": 100}, 1.0),
        ({}, {"enabled": False}, 1.0),
        ({}, {"description": "only words"}, 0.0),
        ({"rollout_percentage": 50}, {"rollout_percentage": 50, "salt": "another"}, 0.5),
        (
            {"rollout_percentage": 10, "bucket_by": "account"},
            {"rollout_percentage": 30, "bucket_by": "account"},
            0.2,
        ),
        (
            {"targeting_rules": RULES, "rollout_percentage": 10},
            {"targeting_rules": RULES, "rollout_percentage": 20},
            0.1,
        ),
        ({}, {"prerequisites": [{"flag": "half", "variants": ["on"]}]}, 0.5),
    ],
)
def test_the_share_of_users_whose_answer_changes_is_shown(
    to_publish: Publisher, before: dict[str, Any], after: dict[str, Any], share: float
) -> None:
    half = FLAG | {"key": "half", "rollout_percentage": 50}
    to_publish(FLAG | before, half)
    to_publish(FLAG | after, half)
    assert abs(_share(to_publish.said, "get another answer") - share) < 0.015


def test_a_prerequisite_may_divide_by_another_attribute(to_publish: Publisher) -> None:
    by_account = FLAG | {"rollout_percentage": 50, "bucket_by": "account"}
    needs = FLAG | {"key": "g", "prerequisites": [{"flag": "f", "variants": ["on"]}]}
    to_publish(by_account, needs)
    assert to_publish(by_account, needs | {"enabled": False}) == 0
    assert abs(_share(to_publish.said, "get another answer") - 0.5) < 0.015


def test_flags_that_require_a_changed_one_are_shown_with_their_share(to_publish: Publisher) -> None:
    needs = FLAG | {"key": "g", "prerequisites": [{"flag": "f", "variants": ["on"]}]}
    further = FLAG | {"key": "h", "prerequisites": [{"flag": "g", "variants": ["off"]}]}
    to_publish(FLAG | {"rollout_percentage": 50}, needs, further)
    to_publish(FLAG | {"rollout_percentage": 10}, needs, further)
    assert abs(_share(to_publish.said, "flag g") - 0.4) < 0.015
    assert abs(_share(to_publish.said, "flag h") - 0.4) < 0.015
    assert "flag g requires f: " in to_publish.said
    assert "flag h requires f: " in to_publish.said
    assert "Published version 2: 1 changed." in to_publish.said


def test_flags_that_require_a_changed_one_and_answer_as_before_are_not_shown(to_publish: Publisher) -> None:
    needs = FLAG | {"key": "g", "prerequisites": [{"flag": "f", "variants": ["on"]}]}
    to_publish(FLAG, needs)
    to_publish(FLAG | {"description": "only words"}, needs)
    assert "flag g" not in to_publish.said


def test_a_share_is_one_of_those_whom_the_prerequisites_target(to_publish: Publisher) -> None:
    targeted = FLAG | {"targeting_rules": RULES}
    needs = FLAG | {"key": "g", "prerequisites": [{"flag": "f", "variants": ["on"]}]}
    to_publish(targeted | {"rollout_percentage": 50}, needs)
    to_publish(targeted | {"rollout_percentage": 10}, needs)
    assert abs(_share(to_publish.said, "flag g") - 0.4) < 0.015


def test_an_experiment_that_is_split_anew_says_that_the_assigned_keep_theirs(to_publish: Publisher) -> None:
    split = [{"key": "control", "allocation": 0.2}, {"key": "treatment", "allocation": 0.8}]
    to_publish(experiments=(document(),))
    to_publish(experiments=(document(variants=split),))
    (line,) = (line for line in to_publish.said.splitlines() if "get another answer" in line)
    assert abs(float(line.split("%")[0]) / 100 - 0.3) < 0.015
    assert line.endswith("(those who are assigned already keep theirs)")
    assert "variants[control].allocation: 0.5 → 0.2" in to_publish.said


@pytest.mark.parametrize(
    "change",
    [
        {"status": "paused"},
        {"iteration": 2},
        {"end_at": "2020-01-01T00:00:00Z"},
        {"holdout": {"key": "h", "share": 0.5}},
        {"layer": {"key": "l", "start": 0.0, "end": 0.5}},
        {"variants": [{"key": "control", "allocation": 0.5}, {"key": "other", "allocation": 0.5}]},
    ],
)
def test_a_change_that_reaches_the_assigned_does_not_say_that_they_keep_theirs(
    to_publish: Publisher, change: dict[str, Any]
) -> None:
    to_publish(experiments=(document(),))
    to_publish(experiments=(document(**change),))
    assert "get another answer" in to_publish.said
    assert "keep theirs" not in to_publish.said


def test_variants_in_another_order_are_shown_as_a_change(to_publish: Publisher) -> None:
    written = [{"key": "treatment", "allocation": 0.5}, {"key": "control", "allocation": 0.5}]
    to_publish(experiments=(document(),))
    to_publish(experiments=(document(variants=written),))
    assert "variants: control, treatment → treatment, control" in to_publish.said


def test_a_dry_run_shows_and_writes_nothing(to_publish: Publisher) -> None:
    assert to_publish(FLAG, dry_run=True) == 0
    assert "1 added. Nothing is published (--dry-run)." in to_publish.said
    assert to_publish.keys() == []


def test_what_the_files_do_not_define_is_kept_unless_pruned(to_publish: Publisher) -> None:
    to_publish(FLAG, FLAG | {"key": "g"})
    to_publish(FLAG)
    assert "1 published, not in these files: kept" in to_publish.said
    assert to_publish.keys() == ["f", "g"]
    to_publish(FLAG, prune=True)
    assert "- flag g" in to_publish.said
    assert "Published version 2: 1 removed." in to_publish.said
    assert to_publish.keys() == ["f"]


def test_rollback_restores_all_that_was_in_force_as_a_new_version(to_publish: Publisher) -> None:
    to_publish(FLAG | {"rollout_percentage": 10}, FLAG | {"key": "g"})
    to_publish(FLAG | {"rollout_percentage": 50}, FLAG | {"key": "new"}, prune=True)
    assert to_publish.keys() == ["f", "new"]
    assert to_publish.roll_back(1) == 0
    assert "rollout_percentage: 50.0 → 10.0" in to_publish.said
    assert "Published version 3: 1 added, 1 changed, 1 removed." in to_publish.said
    assert to_publish.keys() == ["f", "g"]
    assert to_publish.roll_back(2) == 0
    assert to_publish.keys() == ["f", "new"]
    assert to_publish.roll_back(0) == 0
    assert to_publish.keys() == []


@pytest.mark.parametrize("version", [-1, 1, 7])
def test_rollback_to_a_version_that_is_not_past_is_refused(to_publish: Publisher, version: int) -> None:
    to_publish(FLAG)
    with pytest.raises(ValueError, match="--rollback"):
        to_publish.roll_back(version)


class Overtaken(MemoryDefinitions):
    """Somebody else is always quicker."""

    def publish(self, definitions: Sequence[DefinitionRow], expected: int, now: float, by: str = "") -> int:
        super().publish([published_flag("theirs")], expected, now)
        return super().publish(definitions, expected, now, by)


def test_of_two_who_publish_at_once_one_is_told_to_look_again(to_publish: Publisher) -> None:
    to_publish.definitions = Overtaken()
    with pytest.raises(Conflict):
        to_publish(FLAG)
    assert to_publish.keys() == ["theirs"]


def test_numbers_keep_type_and_precision_on_their_way_to_the_table(to_publish: Publisher) -> None:
    value = {"big": 2**70, "float": 1.0, "small": 0.1, "nested": [1, 1.0, None]}
    to_publish(
        {"key": "f", "type": "object", "default_variant": "a", "variants": [{"key": "a", "value": value}]}
    )
    loaded = load_flag(to_publish.definitions.get_all("flag")["f"].text).off.value
    assert repr(loaded) == repr(value)


def test_history_shows_variants_by_their_keys(to_publish: Publisher) -> None:
    split = [{"key": "control", "allocation": 0.2}, {"key": "treatment", "allocation": 0.8}]
    to_publish(experiments=(document(),))
    to_publish(experiments=(document(variants=split),), by="[bold]ada")
    show_definition_history(to_publish.console, to_publish.definitions, "experiment", "checkout")
    assert "variants[control].allocation: 0.5 → 0.2" in to_publish.said.split("Published")[1]
    assert "[bold]ada" in to_publish.said


def test_history_says_who_changed_what(to_publish: Publisher) -> None:
    to_publish(FLAG, by="ada")
    to_publish(FLAG | {"rollout_percentage": 5}, by="grace")
    to_publish(prune=True, by="linus")
    show_history(to_publish.console, to_publish.definitions)
    show_definition_history(to_publish.console, to_publish.definitions, "flag", "f")
    said = to_publish.said
    assert "flag f (removed)" in said
    assert "rollout_percentage: 100.0 → 5.0" in said
    assert all(name in said for name in ("ada", "grace", "linus", "2027-01-15T08:00:00.000Z"))
    with pytest.raises(ValueError, match="was ever published"):
        show_definition_history(to_publish.console, to_publish.definitions, "flag", "nope")


def _share(said: str, words: str) -> float:
    """From the one line that has ``words``."""
    (line,) = (line for line in said.splitlines() if words in line)
    return float(line.split("%")[0].split()[-1]) / 100


def test_a_mistake_in_a_file_is_told_though_the_store_cannot_be_reached(to_publish: Publisher) -> None:
    to_publish.definitions.get_changes = _unreachable  # type: ignore[method-assign]
    assert to_publish({"key": "f", "type": "bolean"}) == 1
    assert "flags[0] (f).type" in to_publish.said
    with pytest.raises(StorageUnavailable):
        to_publish(FLAG)


def _unreachable(version: int | None) -> Any:
    raise StorageUnavailable
