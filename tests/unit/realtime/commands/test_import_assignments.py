"""`import-assignments`: which lines become rows, what a second run does, and what is said of the rest."""

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from chalicelib.domain.assignment import make_assignment_id
from chalicelib.domain.definitions.model import Assignment
from chalicelib.domain.reasons import Reason
from chalicelib.domain.timestamps import parse_timestamp
from chalicelib.services.concurrency import Parallel
from realtime.assignment_files.formats import Form
from realtime.assignment_files.reading import AssignmentReader
from realtime.assignment_files.writing import AssignmentTarget
from realtime.commands.import_assignments import AssignmentImport
from realtime.event_files.rows import FileError
from realtime.postgres.assignment_table import Pace
from tests.support.assigner import DAY, TTL, Container
from tests.support.experiments import experiment, published

USERS = "user_id,variant,assigned_at\nu1,control,2026-10-01T10:00:00Z\nu2,treatment,1790000000\nu3,control,\n"


class Imports:
    """Runs over one container's tables. ``text`` and ``errors`` are what the last one printed."""

    def __init__(self, folder: Path, **fields: Any) -> None:
        self.folder = folder
        self.container = Container(published(**fields))
        self.experiment = experiment(**fields)
        self.events: list[dict[str, Any]] = []
        self.failures: list[BaseException] = []
        self.paused = 0.0
        self.text = self.errors = ""

    def write(self, content: str, name: str = "users.csv") -> str:
        (self.folder / name).write_text(content)
        return str(self.folder / name)

    def run(self, *files: str, variants: dict[str, str] | None = None, **options: Any) -> int:
        self.container.now += 1.0
        form = Form(**{name: options.pop(name) for name in Form.__slots__ if name in options})
        target = AssignmentTarget(
            self.container.rows,
            lambda: self.experiment,
            self._send,
            ttl=TTL,
            now=self.container.now,
            pace=Pace(0),
            parallel=Parallel(1),
        )
        reader = AssignmentReader(self.experiment, form, variants or {}, self.container.now + 600)
        console, errors = Console(file=io.StringIO(), width=60), Console(file=io.StringIO(), width=60)
        run = AssignmentImport(console, errors, reader, target, positions=self.folder / "at", **options)
        try:
            return run.run(files)
        finally:
            assert isinstance(console.file, io.StringIO)
            assert isinstance(errors.file, io.StringIO)
            self.text, self.errors = console.file.getvalue(), errors.file.getvalue()

    def _send(self, events: Sequence[dict[str, Any]]) -> None:
        if self.failures:
            raise self.failures.pop()
        self.events += events

    def rows(self) -> dict[str, Assignment]:
        return {user: row for (_, user), row in self.container.rows.rows.items()}

    def variants(self) -> dict[str, str]:
        return {user: row.variant for user, row in self.rows().items()}


@pytest.fixture
def imports(tmp_path: Path) -> Imports:
    return Imports(tmp_path)


def json_lines(*documents: Any) -> str:
    return "".join(json.dumps(document) + "\n" for document in documents)


def test_users_keep_the_variant_and_the_time_that_the_file_says(imports: Imports) -> None:
    assert imports.run(imports.write(USERS)) == 0
    assert imports.text == "checkout: 3 written, 0 were there, 0 have another variant, 0 refused.\n"
    assert imports.variants() == {"u1": "control", "u2": "treatment", "u3": "control"}
    now = imports.container.now
    times = {user: row.timestamp for user, row in imports.rows().items()}
    assert times == {"u1": parse_timestamp("2026-10-01T10:00:00Z"), "u2": 1_790_000_000.0, "u3": now}
    answer = imports.container.assign("u2")
    assert (answer["variant"], answer["reason"]) == ("treatment", Reason.STICKY)
    assert answer["timestamp"] == "2026-09-21T14:13:20.000Z"
    assert answer["assignment_id"] == make_assignment_id(imports.experiment, "u2")


def test_a_row_expires_as_if_it_were_written_now(imports: Imports) -> None:
    imports.run(imports.write("user_id,variant,assigned_at\nu1,treatment,2020-01-01\n"))
    assert imports.rows()["u1"].expires_at == float(int(imports.container.now + TTL))
    imports.container.now += TTL - DAY
    assert imports.container.assign("u1")["reason"] == Reason.STICKY


def test_each_new_row_has_its_event(imports: Imports) -> None:
    imports.run(imports.write(USERS))
    assert [event["user_id"] for event in imports.events] == ["u1", "u2", "u3"]
    event = imports.events[0]
    assert (event["event_type"], event["timestamp"]) == ("assignment", "2026-10-01T10:00:00.000Z")
    assert event["properties"] == {
        "experiment_key": "checkout",
        "experiment_id": "checkout",
        "iteration": 1,
        "variant": "control",
        "assignment_id": make_assignment_id(imports.experiment, "u1"),
        "reason": "STICKY",
        "imported": True,
    }


def test_a_user_who_has_a_variant_here_keeps_it(imports: Imports) -> None:
    imports.container.assign("u1")
    imports.container.assign("u2")
    have = imports.rows()
    other = {"control": "treatment", "treatment": "control"}[have["u2"].variant]
    content = f"user_id,variant\nu1,{have['u1'].variant}\nu2,{other}\nu3,control\n"
    assert imports.run(imports.write(content)) == 1
    assert imports.text == (
        "conflict users.csv: row 2 (line 3): the user has another variant here already, and keeps it\n"
        "checkout: 1 written, 1 were there, 1 have another variant, 0 refused.\n"
    )
    assert imports.rows() | {"u3": have["u1"]} == have | {"u3": have["u1"]}
    assert [event["user_id"] for event in imports.events] == ["u3"]


@pytest.mark.parametrize("change", [{"iteration": 1}, {"expires_at": 1.0}, {"variant": "gone"}])
def test_a_row_that_serves_nobody_is_replaced_as_when_its_user_comes_back(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    imports = Imports(tmp_path, iteration=2)
    old = replace(Assignment("control", "old", 5.0, 2), **change)
    imports.container.rows.rows["checkout", "u1"] = old
    assert imports.run(imports.write("user_id,variant\nu1,treatment\n")) == 0
    row = imports.rows()["u1"]
    assert (row.variant, row.iteration, row.replaced) == ("treatment", 2, (old,))


def test_a_second_run_changes_nothing(imports: Imports) -> None:
    file = imports.write(USERS)
    imports.run(file)
    rows, events = imports.rows(), list(imports.events)
    assert imports.run(file) == 0
    assert "was imported before; --restart imports it again." in imports.errors
    assert imports.text.endswith("3 were done by an earlier run.\n")
    assert imports.run(file, restart=True) == 0
    assert imports.text == "checkout: 0 written, 3 were there, 0 have another variant, 0 refused.\n"
    assert (imports.rows(), imports.events) == (rows, events)


def test_lines_that_cannot_be_used_are_named_again_by_a_second_run(imports: Imports) -> None:
    file = imports.write("user_id,variant\nu1,control\nu2,blue\n")
    assert [imports.run(file), imports.run(file)] == [1, 1]
    assert imports.text.startswith("refused users.csv: row 2 (line 3): the variant is none of")


def test_an_interrupted_run_goes_on_and_sends_the_events_of_its_last_rows(imports: Imports) -> None:
    users = [f"u{number}" for number in range(250)]
    file = imports.write("user_id,variant\n" + "".join(f"{user},control\n" for user in users))
    imports.failures = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        imports.run(file)
    assert "nothing is done; the same command goes on from there." in " ".join(imports.errors.split())
    assert (len(imports.rows()), imports.events) == (100, [])
    assert imports.run(file) == 0
    assert imports.text.startswith("checkout: 150 written, 100 were there")
    assert [event["user_id"] for event in imports.events] == users
    assert len({event["event_id"] for event in imports.events}) == 250


def test_what_is_done_is_passed_over(imports: Imports) -> None:
    file = imports.write("user_id,variant\n" + "".join(f"u{number},control\n" for number in range(250)))
    send = iter([None, OSError("gone")])

    def fail_second(events: Sequence[dict[str, Any]]) -> None:
        error = next(send, None)
        if error is not None:
            raise error
        imports.events += events

    imports._send = fail_second  # type: ignore[method-assign]
    with pytest.raises(OSError, match="gone"):
        imports.run(file)
    imports.container.take_calls()
    assert imports.run(file) == 0
    assert imports.container.take_calls() == {"put": 150}
    assert "100 were done by an earlier run." in imports.text


def test_a_dry_run_writes_nothing(imports: Imports) -> None:
    imports.container.assign("u1")
    other = {"control": "treatment", "treatment": "control"}[imports.rows()["u1"].variant]
    before = imports.rows()
    file = imports.write(f"user_id,variant\nu1,{other}\nu2,control\n")
    assert imports.run(file, dry_run=True) == 1
    assert "checkout: 1 would be written, 0 were there, 1 have another variant, 0 refused." in imports.text
    assert (imports.rows(), imports.events) == (before, [])
    assert not (imports.folder / "at").exists()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("u1,blue,", "the variant is none of control, treatment; --variants OLD=NEW maps it to one"),
        (",control,", "has no user_id; --user-column names another column"),
        ("u1,,", "has no variant; --variant-column names another, or leave the row out"),
        ("u1,control,soon", "assigned_at must be ISO 8601, or seconds or milliseconds since 1970"),
        ("u1,control,01/02/2026", "assigned_at must be ISO 8601, or seconds or milliseconds since 1970"),
        ("u1,control,2999-01-01", "assigned_at is in the future; correct it, or leave it empty for now"),
        ("x" * 1025 + ",control,", "the user's id must be at most 1024 bytes of UTF-8, it has 1025."),
        ("u\x1b,control,", "the user's id must not contain control characters."),
        ("u1,control", "has 2 cells, must have 3 cells, as the first line; quote cells that contain"),
    ],
)
def test_one_bad_line_stops_no_other(imports: Imports, line: str, problem: str) -> None:
    assert imports.run(imports.write(f"user_id,variant,assigned_at\n{line}\nu9,control,\n")) == 1
    assert f"refused users.csv: row 1 (line 2): {problem}" in imports.text
    assert list(imports.rows()) == ["u9"]
    assert "u1" not in imports.text


def test_two_variants_for_one_user_are_both_refused_and_repeats_count_once(imports: Imports) -> None:
    first = imports.write("user_id,variant\nu1,control\nu2,control\nu2,control\n")
    second = imports.write("user_id,variant\nu1,treatment\nu3,control\nu2,control\n", "more.csv")
    assert imports.run(first, second) == 1
    assert imports.text.count("more than once, with different variants; keep one line") == 2
    assert imports.text.endswith("2 refused.\n2 repeat a user with the same variant.\n")
    assert imports.variants() == {"u2": "control", "u3": "control"}


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("id,variant\nu1,control\n", {}, "its first line names no column user_id; --user-column names"),
        ("user_id,v\nu1,control\n", {}, "its first line names no column variant; --variant-column names"),
        ("user_id,variant\nu1,control\n", {"name": "growthbook"}, "is no JSON; leave out --format growth"),
    ],
)
def test_a_file_of_another_form_is_named(
    imports: Imports, content: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(FileError, match=message):
        imports.run(imports.write(content), **options)
    assert imports.rows() == {}


def test_columns_and_variants_may_have_other_names(imports: Imports) -> None:
    content = json_lines({"who": "u1", "arm": 1, "at": 1790000000123}, {"who": 17, "arm": "control"})
    options = {"user": "who", "variant": "arm", "time": "at"}
    assert imports.run(imports.write(content, "users.jsonl"), variants={"1": "treatment"}, **options) == 1
    assert imports.variants() == {"u1": "treatment"}
    assert imports.rows()["u1"].timestamp == 1_790_000_000.123
    assert "row 2: the user's id must be a string, not a number" in imports.text


GROWTHBOOK: dict[str, Any] = {"name": "growthbook", "experiment": "checkout"}


def bucket(user: str, name: str = "id", **assignments: str) -> dict[str, Any]:
    return {"attributeName": name, "attributeValue": user, "assignments": assignments}


def test_growthbook_sticky_buckets(imports: Imports) -> None:
    documents: list[dict[str, Any]] = [
        bucket("u1", exp__0="0", other__0="1"),
        bucket("u2", exp__1="1"),
        bucket("u3", other__0="1"),
        bucket("d1", "deviceId", exp__0="1"),
        bucket("u4", exp__0="0", exp__1="1"),
        {"assignments": {}},
    ]
    file = imports.write(json_lines(*documents), "buckets.jsonl")
    options: dict[str, Any] = {"name": "growthbook", "experiment": "exp"}
    variants = {"0": "control", "1": "treatment"}
    assert imports.run(file, variants=variants, **options) == 1
    assert imports.variants() == {"u1": "control", "u2": "treatment"}
    assert "row 5: has the bucket versions 0, 1; name that in use with --bucket-version" in imports.text
    assert "row 6: has no attributeName; --format growthbook reads sticky bucket" in imports.text
    assert "2 are of another experiment or unit." in imports.text
    imports.run(file, variants=variants, **options, bucket_version="1")
    assert imports.variants() == {"u1": "control", "u2": "treatment", "u4": "treatment"}


def test_a_dump_of_sticky_buckets_is_one_object(imports: Imports) -> None:
    dump = {f"id||{user}": bucket(user, checkout__0="control") for user in ("u1", "u2")}
    assert imports.run(imports.write(json.dumps(dump, indent=1), "dump.json"), **GROWTHBOOK) == 0
    assert list(imports.rows()) == ["u1", "u2"]


def test_optimizely_user_profiles(imports: Imports) -> None:
    def profile(user: str, **entries: Any) -> dict[str, Any]:
        return {"user_id": user, "experiment_bucket_map": entries}

    profiles = [
        profile("u1", **{"11": {"variation_id": "22"}}),
        profile("u2", **{"12": {"variation_id": "22"}}),
        profile("u3", **{"11": {}}),
        profile("", **{"11": {"variation_id": "22"}}),
    ]
    file = imports.write(json.dumps(profiles), "profiles.json")
    assert imports.run(file, name="optimizely", experiment="11", variants={"22": "treatment"}) == 1
    assert imports.variants() == {"u1": "treatment"}
    assert "row 3: has no variation_id in its experiment_bucket_map" in imports.text
    assert "row 4: the user's id must not be empty" in imports.text
    assert "1 are of another experiment or unit." in imports.text


def test_who_is_kept_out_by_another_reason_is_counted(tmp_path: Path) -> None:
    imports = Imports(tmp_path, overrides={"u1": "treatment", "u2": "control"}, status="active")
    assert imports.run(imports.write(USERS)) == 0
    assert "2 of these users do not get it now: OVERRIDE comes before what is stored." in imports.text


def test_the_unit_of_an_experiment_has_the_row(tmp_path: Path) -> None:
    imports = Imports(tmp_path, unit="account.id")
    content = "account,variant\nacme,treatment\n"
    assert imports.run(imports.write(content), user="account") == 0
    for user in ("u1", "u2"):
        answer = imports.container.assign(user, account={"id": "acme"})
        assert (answer["variant"], answer["reason"]) == ("treatment", Reason.STICKY)


def test_json_has_every_count_and_no_user(imports: Imports, capsys: pytest.CaptureFixture[str]) -> None:
    file = imports.write("user_id,variant\nsecret,control\nsecret2,blue\n")
    assert imports.run(file, as_json=True) == 1
    answer = json.loads(capsys.readouterr().out)
    names = ("written", "kept", "conflict", "refused", "foreign", "repeated", "before")
    assert {name: answer[name] for name in names} == dict.fromkeys(names, 0) | {"written": 1, "refused": 1}
    assert [line["line"] for line in answer["lines"]] == ["users.csv: row 2 (line 3)"]
    assert "secret" not in json.dumps(answer)
    assert (imports.text, "secret" in imports.errors) == ("", False)


def test_many_bad_lines_are_counted(imports: Imports) -> None:
    file = imports.write("user_id,variant\n" + "u1,blue\n" * 30)
    assert imports.run(file) == 1
    assert imports.text.count("refused users.csv") == 20
    assert "… and 10 more lines; --json lists 1,000." in imports.text
