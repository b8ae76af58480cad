"""`compare`: what it counts, what it prints, and how it ends."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from realtime.local.ports import find_free_port
from realtime.migration.comparing import Comparer
from realtime.migration.compiled_set import CompiledSet
from realtime.migration.users import Cells, read_users
from tests.unit.realtime.commands.conftest import Run

LOT = {"name": "gradualRolloutRandom", "parameters": {"percentage": "50"}}


def rollout(name: str, percentage: int) -> Any:
    parameters = {"rollout": str(percentage), "stickiness": "default", "groupId": "g"}
    return {
        "name": name,
        "enabled": True,
        "strategies": [{"name": "flexibleRollout", "parameters": parameters}],
    }


def write_toggles(*features: Any) -> None:
    Path("toggles.json").write_text(json.dumps({"version": 2, "features": features}))


def write_users(count: int) -> None:
    Path("users.csv").write_text("user,country\n" + "".join(f"person-{n},DE\n" for n in range(count)))


COMPARE = ("compare", "unleash", "toggles.json", "--users", "users.csv", "--definitions", "flags.yaml")


@pytest.fixture
def prepare(run: Run) -> Run:
    """40 users, and flags as they were imported: of each of two toggles half."""
    write_users(40)
    write_toggles(rollout("checkout / new", 50), rollout("search", 50))
    assert run("import", "unleash", "toggles.json", "--out", "flags.yaml")[0] == 0
    return run


def test_definitions_as_they_were_imported_answer_the_same(prepare: Run) -> None:
    status, out, err = prepare(*COMPARE)
    assert (status, err) == (0, "")
    assert out.splitlines()[3:5] == [
        "│ checkout / new │ 0: the same               │",
        "│ search         │ 0: the same               │",
    ]
    assert out.splitlines()[-1] == "0 of 40 users would get another answer (expected 0) from 2 flags."


def test_differences_have_the_line_and_both_answers_and_no_user(prepare: Run) -> None:
    text = Path("flags.yaml").read_text()
    Path("flags.yaml").write_text(text.replace("below: 50", "below: 90", 1))
    status, out, _ = prepare(*COMPARE, "--limit", "1")
    assert status == 1
    assert "person" not in out
    lines = [line for line in out.splitlines() if not line.startswith(("│", "┃", "┏", "┡", "└"))]
    place, theirs, ours, summary = lines
    assert place.startswith("users.csv: row ")
    assert place.endswith(": checkout / new")
    assert theirs == "  Unleash  false, not enabled (DEFAULT, default)"
    assert ours == "  here     true, enabled (SPLIT, flexibleRollout)"
    different = int(summary.split()[0])
    assert 5 < different < 30
    assert f"│ checkout / new │ {different} of 40" in out
    assert "│ search         │ 0: the same" in out
    assert len(prepare(*COMPARE, "--limit", "3")[1].splitlines()) == len(out.splitlines()) + 6


def test_flags_that_cannot_be_compared_are_named_with_the_reason(prepare: Run) -> None:
    lot = {"name": "lot", "enabled": True, "strategies": [LOT]}
    write_toggles(rollout("search", 50), rollout("later", 50), lot)
    status, out, _ = prepare(*COMPARE)
    assert status == 0
    shown = " ".join(part.strip() for part in out.replace("│", "\n").splitlines() if part.strip())
    assert "later not published" in shown
    assert "lot refused: draws a lot for each request" in shown
    assert out.endswith("from 1 flag. Not compared: 2 flags.\n")


def test_one_flag_is_named_by_the_other_systems_key(prepare: Run) -> None:
    Path("flags.yaml").write_text(Path("flags.yaml").read_text().replace("below: 50", "below: 90", 1))
    assert prepare(*COMPARE, "--key", "search")[0] == 0
    assert prepare(*COMPARE, "--key", "checkout / new")[0] == 1


def test_json_has_all_counts(prepare: Run) -> None:
    write_toggles(rollout("search", 51), rollout("later", 50))
    Path("users.csv").write_text("user\n" + "".join(f"person-{n}\n" for n in range(300)))
    status, out, _ = prepare(*COMPARE, "--json", "--limit", "1")
    answer = json.loads(out)
    different = answer["different"]
    assert (status, answer["users"], answer["refused"]) == (1, 300, 0)
    assert answer["flags"] == {
        "search": {"state": "compared", "different": different, "reason": ""},
        "later": {"state": "not published", "different": 0, "reason": ""},
    }
    [difference] = answer["differences"]
    assert difference["flag"] == "search"
    assert difference["theirs"] == {
        "has_value": True,
        "value": True,
        "variant": None,
        "enabled": True,
        "reason": "SPLIT",
        "rule": "flexibleRollout",
    }
    assert difference["here"]["value"] is False


def test_users_that_nobody_can_be_asked_for_are_counted(prepare: Run) -> None:
    Path("users.csv").write_text('user\nada\n"\x07"\n')
    status, out, _ = prepare(*COMPARE)
    assert status == 1
    assert "1 user cannot be asked here, first row 2 (line 3): user_id must not contain control" in out


@pytest.mark.parametrize(
    ("users", "key", "last"),
    [
        ("user\n", "search", "There are no users in the file."),
        ("user\nada\n", "later", "No flag of the document is published: nothing was compared."),
    ],
)
def test_who_compares_nothing_is_told(prepare: Run, users: str, key: str, last: str) -> None:
    write_toggles(rollout("search", 50), rollout("later", 50))
    Path("users.csv").write_text(users)
    status, out, _ = prepare(*COMPARE, "--key", key)
    assert (status, out.splitlines()[-1]) == (1, last)


def test_the_time_of_the_questions_may_be_given(prepare: Run) -> None:
    constraint = {"contextName": "currentTime", "operator": "DATE_AFTER", "value": "2026-01-01T00:00:00Z"}
    late = {"name": "late", "enabled": True, "strategies": [{"name": "default", "constraints": [constraint]}]}
    write_toggles(late)
    Path("flags.yaml").write_text("flags:\n  - {key: late, type: boolean, rollout_percentage: 0}\n")
    before, after = "2025-12-31T00:00:00Z", "2026-06-01T00:00:00Z"
    differences = {}
    for now in (before, after):
        answer = json.loads(prepare(*COMPARE, "--now", now, "--json")[1])
        differences[now] = answer["differences"][0]["theirs"]["value"] if answer["differences"] else None
    assert differences[after] is True
    assert differences[before] is not True


def test_a_flag_that_serves_an_experiment_answers_as_it_does_a_new_user(prepare: Run) -> None:
    write_toggles(rollout("search", 100))
    Path("flags.yaml").write_text(
        "experiments:\n"
        "  - key: e\n    status: active\n    variants: {only: {weight: 1, payload: true}, no: {weight: 0}}\n"
        "flags:\n"
        "  - {key: search, type: any, variants: {a: 1}, rules: [{serve: {experiment: e}}]}\n"
    )
    answer = json.loads(prepare(*COMPARE, "--json")[1])
    assert answer["differences"][0]["here"]["variant"] == "only"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--users", "none.csv"), "none.csv: No such file or directory"),
        (("--definitions", "none.yaml"), "none.yaml: no such file or folder"),
        (("--key", "serch"), "--key serch: the document has no such flag; did you mean search?"),
        (("--now", "soon"), "--now: 'soon' must be a time such as"),
        (("--option", "a=b"), "--option a=b: unleash takes no options"),
    ],
)
def test_what_cannot_be_read_ends_with_2(prepare: Run, arguments: tuple[str, ...], message: str) -> None:
    status, out, err = prepare(*COMPARE, *arguments)
    assert (status, out) == (2, "")
    assert err.startswith(f"realtime: {message}")


def test_a_system_whose_hash_is_not_known_cannot_be_compared_with(prepare: Run) -> None:
    status, _, err = prepare("compare", "evidently", *COMPARE[2:])
    assert status == 2
    assert "CloudWatch Evidently's hash is not known" in err


def test_a_stack_that_does_not_answer_ends_with_2(prepare: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PORT", str(find_free_port()))
    status, out, err = prepare(*COMPARE[:-2])
    assert (status, out) == (2, "")
    assert err.startswith("realtime: Nothing answers at http://127.0.0.1:")


def test_memory_does_not_grow_with_the_users(tmp_path: Path) -> None:
    peaks = []
    for count in (200, 4_000):
        path = tmp_path / f"{count}.csv"
        path.write_text("user\n" + "".join(f"person-{n}\n" for n in range(count)))
        comparer = Comparer(CompiledSet([]), CompiledSet([]), [], [])
        tracemalloc.start()
        for user in read_users(path, Cells()):
            comparer.compare(user, 0.0, 3)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0]
