"""`publish`: what it refuses, shows, writes and restores."""

import io
import re
from collections.abc import Sequence
from typing import Any

import pytest

from chalicelib.domain.definitions.compiler import load_flag
from chalicelib.domain.definitions.model import Approval, DefinitionRow
from chalicelib.domain.errors import Conflict, StorageUnavailable
from realtime.commands.publish import confirm_on_terminal
from realtime.testing.stores import MemoryDefinitions
from tests.support.experiments import document, published_flag, shares
from tests.support.flags import answer
from tests.support.publisher import FLAG, Publisher

RULES = {"rules": [{"id": "r", "rule": {"conditions": [{"attribute": "a", "operator": "eq", "value": 1}]}}]}


def test_a_mistake_is_told_with_file_and_path_and_nothing_is_published(publisher: Publisher) -> None:
    assert (
        publisher.publish(
            FLAG,
            {"key": "g", "type": "float", "default_variant": "a", "variants": [{"key": "a", "value": 1}]},
        )
        == 1
    )
    assert (
        "set.yaml: flags[1] (g).variants[0].value: must be of type float (write 1.0, not 1)"
        in publisher.output
    )
    assert "2 definitions" not in publisher.output
    assert publisher.list_flag_keys() == []


def test_a_mistake_is_told_as_it_is_written(publisher: Publisher) -> None:
    assert publisher.publish(FLAG | {"x[red]": 1}) == 1
    assert "flags[0] (f).x[red]: unknown field" in publisher.output


def test_what_is_wrong_between_definitions_is_told_where_it_stands(publisher: Publisher) -> None:
    first = FLAG | {"key": "a", "prerequisites": [{"flag": "b", "variants": ["on"]}]}
    second = FLAG | {"key": "b", "prerequisites": [{"flag": "a", "variants": ["on"]}]}
    assert publisher.publish(first, second) == 1
    assert "set.yaml: flags[0] (a).prerequisites: go in a circle: a → b → a" in publisher.output
    assert publisher.list_flag_keys() == []


def test_a_prerequisite_may_have_been_published_before(publisher: Publisher) -> None:
    needs = FLAG | {"key": "g", "prerequisites": [{"flag": "f", "variants": ["on"]}]}
    assert publisher.validate(needs) == 1
    assert publisher.publish(FLAG) == 0
    assert publisher.publish(needs) == 0
    assert publisher.list_flag_keys() == ["f", "g"]


def test_what_others_need_cannot_be_pruned(publisher: Publisher) -> None:
    publisher.publish(FLAG)
    assert (
        publisher.publish(
            FLAG | {"key": "g", "prerequisites": [{"flag": "f", "variants": ["on"]}]}, prune=True
        )
        == 1
    )
    assert publisher.list_flag_keys() == ["f"]


@pytest.mark.parametrize(
    "name", [".drafts/set.yaml", "old/set.yaml", "old.yaml", "link/set.yaml", ".drafts/SET.JSON"]
)
@pytest.mark.parametrize("text", ["{'flags': [FLAG]}", "---\nx: 1\n---\nflags: [FLAG]", "flags: [FLAG, {"])
def test_prune_keeps_what_a_skipped_file_has(publisher: Publisher, name: str, text: str) -> None:
    publisher.publish(FLAG, FLAG | {"key": "gone"})
    publisher.write(".gitignore", "old*")
    publisher.write(
        name.replace("link", "../elsewhere"), text.replace("FLAG", "{'key': 'f', 'type': 'boolean'}")
    )
    if name.startswith("link"):
        (publisher.folder / "link").symlink_to(publisher.folder.parent / "elsewhere")
    assert publisher.publish_folder(FLAG | {"key": "new"}, prune=True) == 0
    assert publisher.list_flag_keys() == ["f", "new"]
    assert f"flag f is kept: {publisher.folder / name}, which is skipped, has it." in publisher.output


def test_prune_removes_what_a_skipped_file_only_mentions(publisher: Publisher) -> None:
    publisher.publish(FLAG)
    publisher.write(".ci/work.yaml", "flags: [{key: other, description: not f}]")
    publisher.write("compose.yaml", "f: flags")
    assert publisher.publish_folder(FLAG | {"key": "new"}, prune=True) == 0
    assert publisher.list_flag_keys() == ["new"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is blank; for --prune, write flags: [] or delete it"),
        ("# flags: [{key: f}]", "is blank"),
        ("{{ fl", "cannot be read; for --prune, correct or move it"),
    ],
)
def test_prune_waits_for_files_of_which_nobody_can_tell_what_they_held(
    publisher: Publisher, text: str, message: str
) -> None:
    publisher.publish(FLAG)
    publisher.write("more.yaml", text)
    assert publisher.publish_folder(FLAG | {"key": "new"}, prune=True) == 1
    assert f"more.yaml: {message}" in publisher.output
    assert publisher.publish_folder(FLAG | {"key": "new"}) == 0
    assert publisher.list_flag_keys() == ["f", "new"]
    assert "skipped" in publisher.output


def test_a_warning_stops_a_strict_publish_only(publisher: Publisher) -> None:
    odd = FLAG | {"targeting_rules": {"version": "3.0", **RULES}}
    assert publisher.publish(odd, strict=True) == 1
    assert "warning set.yaml" not in publisher.output  # the path comes first
    assert "flags[0] (f).targeting_rules.version: '3.0' is read as 1.0" in publisher.output
    assert publisher.list_flag_keys() == []
    assert publisher.publish(odd) == 0
    assert publisher.list_flag_keys() == ["f"]


def test_the_difference_is_shown_and_only_what_changed_is_written(publisher: Publisher) -> None:
    assert publisher.publish(FLAG | {"rollout_percentage": 10}, FLAG | {"key": "same"}) == 0
    assert "+ flag f" in publisher.output
    assert "Published version 1: 2 added." in publisher.output
    assert (
        publisher.publish(FLAG | {"rollout_percentage": 30}, FLAG | {"key": "same"}, FLAG | {"key": "new"})
        == 0
    )
    assert "~ flag f\n    rollout_percentage: 10.0 → 30.0" in publisher.output
    assert "+ flag new" in publisher.output
    assert "same" not in publisher.output
    assert "Published version 2: 1 added, 1 changed." in publisher.output
    assert publisher.definitions.get_all("flag")["same"].version == 1


def test_publishing_the_same_again_is_no_publication(publisher: Publisher) -> None:
    publisher.publish(FLAG | {"rollout_percentage": 10})
    assert publisher.publish(FLAG | {"rollout_percentage": 10.0, "enabled": True}) == 0
    assert "Nothing changes: version 1 stays in force." in publisher.output
    assert publisher.definitions.get_changes(None).version == 1


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
            {"rollout_percentage": 10, "bucket_by": "account.id"},
            {"rollout_percentage": 30, "bucket_by": "account.id"},
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
    publisher: Publisher, before: dict[str, Any], after: dict[str, Any], share: float
) -> None:
    half = FLAG | {"key": "half", "rollout_percentage": 50}
    publisher.publish(FLAG | before, half)
    publisher.publish(FLAG | after, half)
    assert abs(_parse_share(publisher.output, "get another answer") - share) < 0.015


def test_a_prerequisite_may_divide_by_another_attribute(publisher: Publisher) -> None:
    by_account = FLAG | {"rollout_percentage": 50, "bucket_by": "account"}
    needs = FLAG | {"key": "g", "prerequisites": [{"flag": "f", "variants": ["on"]}]}
    publisher.publish(by_account, needs)
    assert publisher.publish(by_account, needs | {"enabled": False}) == 0
    assert abs(_parse_share(publisher.output, "get another answer") - 0.5) < 0.015


def test_flags_that_require_a_changed_one_are_shown_with_their_parse_share(publisher: Publisher) -> None:
    needs = FLAG | {"key": "g", "prerequisites": [{"flag": "f", "variants": ["on"]}]}
    further = FLAG | {"key": "h", "prerequisites": [{"flag": "g", "variants": ["off"]}]}
    publisher.publish(FLAG | {"rollout_percentage": 50}, needs, further)
    publisher.publish(FLAG | {"rollout_percentage": 10}, needs, further)
    assert abs(_parse_share(publisher.output, "flag g") - 0.4) < 0.015
    assert abs(_parse_share(publisher.output, "flag h") - 0.4) < 0.015
    assert "flag g uses flag f: " in publisher.output
    assert "flag h uses flag f: " in publisher.output
    assert "Published version 2: 1 changed." in publisher.output


def test_flags_that_require_a_changed_one_and_answer_as_before_are_not_shown(publisher: Publisher) -> None:
    needs = FLAG | {"key": "g", "prerequisites": [{"flag": "f", "variants": ["on"]}]}
    publisher.publish(FLAG, needs)
    publisher.publish(FLAG | {"description": "only words"}, needs)
    assert "flag g" not in publisher.output


def test_a_share_is_one_of_those_whom_the_prerequisites_target(publisher: Publisher) -> None:
    targeted = FLAG | {"targeting_rules": RULES}
    needs = FLAG | {"key": "g", "prerequisites": [{"flag": "f", "variants": ["on"]}]}
    publisher.publish(targeted | {"rollout_percentage": 50}, needs)
    publisher.publish(targeted | {"rollout_percentage": 10}, needs)
    assert abs(_parse_share(publisher.output, "flag g") - 0.4) < 0.015


def test_an_experiment_that_is_split_anew_says_that_the_assigned_keep_theirs(publisher: Publisher) -> None:
    split = [{"key": "control", "allocation": 0.2}, {"key": "treatment", "allocation": 0.8}]
    publisher.publish(experiments=(document(),))
    publisher.publish(experiments=(document(variants=split),))
    (line,) = (line for line in publisher.output.splitlines() if "get another answer" in line)
    assert abs(float(line.split("%")[0]) / 100 - 0.3) < 0.015
    assert line.endswith("(those who are assigned already keep theirs)")
    assert "variants[control].allocation: 0.5 → 0.2" in publisher.output


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
    publisher: Publisher, change: dict[str, Any]
) -> None:
    publisher.publish(experiments=(document(),))
    publisher.publish(experiments=(document(**change),))
    assert "get another answer" in publisher.output
    assert "keep theirs" not in publisher.output


SPLIT_CHANGES: list[tuple[list[dict[str, Any]], list[str]]] = [
    (
        shares(control=0.2, treatment=0.8),
        ["the split of iteration 1 changes, and it has users: results mix both splits"],
    ),
    (
        shares(control=0.5, other=0.5),
        ["treatment is renamed to other: its users get other when they come back"],
    ),
    (
        shares(control=0.5, a=0.25, b=0.25),
        [
            "treatment ends: its users get another variant when they come back",
            "the split of iteration 1 changes, and it has users: results mix both splits",
        ],
    ),
]


@pytest.mark.parametrize(("variants", "lines"), SPLIT_CHANGES)
def test_a_changed_split_of_an_iteration_with_users_proposes_the_next_iteration(
    publisher: Publisher, variants: list[dict[str, Any]], lines: list[str]
) -> None:
    publisher.publish(experiments=(document(),))
    publisher.publish(experiments=(document(variants=variants),), dry_run=True)
    for line in lines:
        assert f"    {line}\n" in publisher.output
    proposal = "to start over, with all users drawn anew and counters at zero: `iteration: 2`"
    assert f"    {proposal}\n" in publisher.output


def test_users_of_an_iteration_are_remembered_whatever_was_published_since(publisher: Publisher) -> None:
    changed = shares(control=0.2, treatment=0.8)
    publisher.publish(experiments=(document(),))
    publisher.publish(experiments=(document(status="draft"),))
    publisher.publish(experiments=(document(status="draft", iteration=7),))
    publisher.publish(prune=True)
    publisher.publish(experiments=(document(variants=changed),))
    assert "the split of iteration 1 changes" in publisher.output
    assert "`iteration: 8`" in publisher.output


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"status": "draft"}, {"variants": shares(control=0.2, treatment=0.8)}),
        ({}, {"variants": shares(control=0.2, treatment=0.8), "iteration": 2}),
        ({}, {"variants": shares(control=0.2, treatment=0.8), "id": "another"}),
        ({}, {"variants": shares(control=0.5, treatment=0.5, spare=0.0)}),
        ({}, {"traffic_allocation": 0.5}),
    ],
)
def test_a_split_that_no_user_was_assigned_by_may_change(
    publisher: Publisher, before: dict[str, Any], after: dict[str, Any]
) -> None:
    publisher.publish(experiments=(document(**before),))
    publisher.publish(experiments=(document(**after),))
    assert "Published version 2" in publisher.output
    assert "start over" not in publisher.output


def test_variants_in_another_order_are_shown_as_a_change(publisher: Publisher) -> None:
    written = [{"key": "treatment", "allocation": 0.5}, {"key": "control", "allocation": 0.5}]
    publisher.publish(experiments=(document(),))
    publisher.publish(experiments=(document(variants=written),))
    assert "variants: control, treatment → treatment, control" in publisher.output


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_changed_part_of_a_rule_is_shown_whole_and_by_itself(publisher: Publisher, dry_run: bool) -> None:
    def target(country: str) -> dict[str, Any]:
        condition = {"attribute": "country", "operator": "in", "value": ["CH" * 100, country]}
        return {"rules": [{"id": "eu", "rule": {"conditions": [condition]}}]}

    publisher.publish(experiments=(document(targeting_rules=target("DE")),))
    publisher.publish(experiments=(document(targeting_rules=target(":smile: [red]")),), dry_run=dry_run)
    path = "targeting_rules.rules[eu].rule.conditions[0].value[1]"
    assert f'    {path}: "DE" → ":smile: [red]"\n' in publisher.output


def test_users_of_a_country_that_is_exchanged_lose_and_gain(publisher: Publisher) -> None:
    def target(country: str) -> dict[str, Any]:
        condition = {"attribute": "country", "operator": "in", "value": [country]}
        return {"rules": [{"id": "eu", "rule": {"conditions": [condition]}}]}

    publisher.publish(experiments=(document(targeting_rules=target("DE")),))
    publisher.publish(experiments=(document(targeting_rules=target("XX")),), dry_run=True)
    output = publisher.output
    assert "    100.0% of users whom a rule targets get another answer" in output
    split = r"control \d+%, treatment \d+%"
    assert re.search(r'with {"country": "DE"}: ' + split + " → no variant\n", output)
    assert re.search(r'with {"country": "XX"}: no variant → ' + split + "\n", output)
    assert re.search(r"over [\d,]+ made-up users in each of \d+ contexts made from the conditions", output)


def target_plan(plan: str, **fields: Any) -> dict[str, Any]:
    group = {"conditions": [{"attribute": "plan", "operator": "eq", "value": plan}]}
    return {"targeting_rules": {"version": "2.0", "rules": [{"id": "paid", "rule": group} | fields]}}


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        (  # a value that only a rule serves
            target_plan("gold", variant="on"),
            target_plan("gold", variant="off"),
            ["100.0% of users whom a rule targets get", 'with {"plan": "gold"}: on → off'],
        ),
        (  # rules that are new
            {},
            target_plan("gold"),
            ['with {"plan": "gold-"}: on → off'],
        ),
        (  # rules that go
            target_plan("gold"),
            {},
            ['with {"plan": "gold-"}: off → on'],
        ),
        (  # those whom no rule targets
            target_plan("gold", variant="on") | {"default_variant": "off"},
            target_plan("gold", variant="on") | {"default_variant": "on"},
            ["0.0% of users whom a rule targets, and 100.0% of the others, get another answer"],
        ),
        (  # a flag that divides by another attribute
            target_plan("gold") | {"bucket_by": "account", "rollout_percentage": 50},
            target_plan("gold") | {"bucket_by": "account", "rollout_percentage": 0},
            ['with {"plan": "gold"}: off 5'],
        ),
    ],
)
def test_the_contexts_in_which_answers_change_are_shown(
    publisher: Publisher, before: dict[str, Any], after: dict[str, Any], lines: list[str]
) -> None:
    publisher.publish(FLAG | before)
    publisher.publish(FLAG | after)
    for line in lines:
        assert line in publisher.output


def test_a_dry_run_shows_and_writes_nothing(publisher: Publisher) -> None:
    assert publisher.publish(FLAG, dry_run=True) == 0
    assert "1 added. Nothing is published (--dry-run)." in publisher.output
    assert publisher.list_flag_keys() == []


def test_what_the_files_do_not_define_is_kept_unless_pruned(publisher: Publisher) -> None:
    publisher.publish(FLAG, FLAG | {"key": "g"})
    publisher.publish(FLAG)
    assert "1 published, not in these files: kept" in publisher.output
    assert publisher.list_flag_keys() == ["f", "g"]
    publisher.publish(FLAG, prune=True)
    assert "- flag g" in publisher.output
    assert "Published version 2: 1 removed." in publisher.output
    assert publisher.list_flag_keys() == ["f"]


def test_pruning_asks_before_it_removes(publisher: Publisher) -> None:
    publisher.publish(FLAG, FLAG | {"key": "g"})
    questions: list[str] = []

    def refuse(question: str) -> bool:
        questions.append(question)
        return False

    assert publisher.publish(FLAG | {"enabled": False}, prune=True, confirm=refuse) == 1
    assert questions == ["1 changed, 1 removed. Publish?"]
    assert "- flag g" in publisher.output
    assert "Nothing is published: version 1 stays in force." in publisher.output
    assert publisher.definitions.get_changes(None).version == 1


def test_without_a_terminal_pruning_removes_nothing(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.publish(FLAG, FLAG | {"key": "g"})
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(ValueError, match="add --yes"):
        publisher.publish(FLAG, prune=True, confirm=confirm_on_terminal)
    assert publisher.list_flag_keys() == ["f", "g"]
    publisher.publish(FLAG, prune=True, dry_run=True, confirm=confirm_on_terminal)
    publisher.publish(FLAG, FLAG | {"key": "g"}, prune=True, confirm=confirm_on_terminal)
    assert "Nothing changes" in publisher.output


@pytest.mark.parametrize(
    ("answer", "is_yes"), [("y", True), (" YES", True), ("", False), ("n", False), ("yellow", False)]
)
def test_only_yes_is_a_yes(answer: str, is_yes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal(f"{answer}\n"))
    assert confirm_on_terminal("1 removed.") is is_yes


def test_rollback_restores_all_that_was_in_force_as_a_new_version(publisher: Publisher) -> None:
    publisher.publish(FLAG | {"rollout_percentage": 10}, FLAG | {"key": "g"})
    publisher.publish(FLAG | {"rollout_percentage": 50}, FLAG | {"key": "new"}, prune=True)
    assert publisher.list_flag_keys() == ["f", "new"]
    assert publisher.roll_back(1) == 0
    assert "rollout_percentage: 50.0 → 10.0" in publisher.output
    assert "Published version 3: 1 added, 1 changed, 1 removed." in publisher.output
    assert publisher.list_flag_keys() == ["f", "g"]
    assert publisher.roll_back(2) == 0
    assert publisher.list_flag_keys() == ["f", "new"]
    assert publisher.roll_back(0) == 0
    assert publisher.list_flag_keys() == []


@pytest.mark.parametrize("version", [-1, 1, 7])
def test_rollback_to_a_version_that_is_not_past_is_refused(publisher: Publisher, version: int) -> None:
    publisher.publish(FLAG)
    with pytest.raises(ValueError, match="--rollback"):
        publisher.roll_back(version)


class OvertakenDefinitions(MemoryDefinitions):
    """Another publisher is always faster."""

    def publish(
        self,
        definitions: Sequence[DefinitionRow],
        expected: int,
        now: float,
        by: str = "",
        note: str = "",
        approval: Approval | None = None,
    ) -> int:
        super().publish([published_flag("theirs")], expected, now)
        return super().publish(definitions, expected, now, by, note, approval)


def test_of_two_who_publish_at_once_one_is_told_to_look_again(publisher: Publisher) -> None:
    publisher.definitions = OvertakenDefinitions()
    with pytest.raises(Conflict):
        publisher.publish(FLAG)
    assert publisher.list_flag_keys() == ["theirs"]


def test_numbers_keep_type_and_precision_on_their_way_to_the_table(publisher: Publisher) -> None:
    value = {"big": 2**70, "float": 1.0, "small": 0.1, "nested": [1, 1.0, None]}
    publisher.publish(
        {"key": "f", "type": "object", "default_variant": "a", "variants": [{"key": "a", "value": value}]}
    )
    loaded = answer(load_flag(publisher.definitions.get_all("flag")["f"].text)).value
    assert repr(loaded) == repr(value)


def _parse_share(output: str, words: str) -> float:
    """From the one line that has ``words``."""
    (line,) = (line for line in output.splitlines() if words in line)
    return float(line.split("%")[0].split()[-1]) / 100


def test_a_mistake_in_a_file_is_told_though_the_store_cannot_be_reached(publisher: Publisher) -> None:
    publisher.definitions.get_changes = _raise_unavailable  # type: ignore[method-assign]
    assert publisher.publish({"key": "f", "type": "bolean"}) == 1
    assert "flags[0] (f).type" in publisher.output
    with pytest.raises(StorageUnavailable):
        publisher.publish(FLAG)


def _raise_unavailable(version: int | None) -> Any:
    raise StorageUnavailable


# Segments

TESTERS = {"key": "testers", "include": ["ada"]}
HALF = {"key": "half", "when": True, "share": "50%"}


def serve_in(segment: str, key: str = "f") -> dict[str, Any]:
    return {"key": key, "rules": [{"when": {"segment": segment}, "serve": "on"}], "default": "off"}


def test_segments_are_published_compared_part_by_part_and_removed(publisher: Publisher) -> None:
    assert publisher.publish(serve_in("testers"), segments=(TESTERS,)) == 0
    assert "+ segment testers" in publisher.output
    assert "Published version 1: 2 added." in publisher.output
    assert publisher.publish(segments=(TESTERS | {"include": ["ada", "bob"], "share": "5%"},)) == 0
    assert "~ segment testers\n" in publisher.output
    assert '    include[1]: absent → "bob"\n' in publisher.output
    assert '    share: null → "5%"\n' in publisher.output
    assert publisher.publish(FLAG, prune=True) == 0
    assert "- segment testers" in publisher.output
    assert publisher.list_keys("segment") == []
    assert publisher.roll_back(1) == 0
    assert publisher.list_keys("segment") == ["testers"]
    assert "+ segment testers" in publisher.output


def test_a_segment_that_is_used_cannot_be_removed(publisher: Publisher) -> None:
    publisher.publish(
        serve_in("testers"), experiments=(document(when={"segment": "testers"}),), segments=(TESTERS,)
    )
    publisher.write("elsewhere.yaml", "")
    assert publisher.publish(serve_in("testers"), experiments=(document(),), prune=True) == 1
    assert "set.yaml: flags[0] (f).rules[0].when.segment: there is no segment 'testers'" in publisher.output
    assert publisher.list_keys("segment") == ["testers"]
    assert publisher.publish(FLAG, experiments=(document(),), prune=True) == 0
    assert publisher.list_keys("segment") == []


def test_a_segment_may_have_been_published_before(publisher: Publisher) -> None:
    assert publisher.publish(serve_in("testers")) == 1
    assert publisher.publish(segments=(TESTERS,)) == 0
    assert publisher.publish(serve_in("testers")) == 0


def test_a_changed_segment_shows_whom_it_moves_and_what_uses_it(publisher: Publisher) -> None:
    outer = {"key": "outer", "when": {"segment": "half"}}
    others = [serve_in("outer"), FLAG | {"key": "g", "prerequisites": [{"flag": "f", "variants": ["on"]}]}]
    others += [{"key": "h", "rules": [{"serve": {"flag": "g"}}]}, FLAG | {"key": "apart"}]
    experiments = (document(when={"segment": "outer"}), document("odd", when=True, sticky=False))
    publisher.publish(*others, experiments=experiments, segments=(HALF, outer))
    publisher.publish(*others, experiments=experiments, segments=(HALF | {"share": "10%"}, outer))
    output = publisher.output
    assert abs(_parse_share(output, "enter or leave") - 0.4) < 0.015
    for name in ("flag f", "flag g", "flag h", "experiment checkout"):
        assert abs(_parse_share(output, f"{name} uses segment half: ") - 0.4) < 0.015
    (line,) = (line for line in output.splitlines() if "experiment checkout" in line)
    assert line.endswith("get another answer (those who are assigned already keep theirs)")
    for name in ("flag apart", "experiment odd", "segment outer"):
        assert name not in output


def test_an_experiment_that_asks_for_a_changed_flag_is_shown(publisher: Publisher) -> None:
    experiments = (document(when={"flag": "f", "variant": "on"}, sticky=False),)
    publisher.publish(FLAG | {"rollout_percentage": 50}, experiments=experiments)
    publisher.publish(FLAG | {"rollout_percentage": 20}, experiments=experiments)
    assert abs(_parse_share(publisher.output, "experiment checkout uses flag f: ") - 0.3) < 0.015
    assert "keep theirs" not in publisher.output


def test_prune_keeps_a_segment_of_a_skipped_file(publisher: Publisher) -> None:
    publisher.publish(FLAG, segments=(TESTERS,))
    publisher.write(".drafts/set.yaml", "segments: [{key: testers}]")
    assert publisher.publish_folder(FLAG, prune=True) == 0
    assert publisher.list_keys("segment") == ["testers"]
    assert "segment testers is kept: " in publisher.output
