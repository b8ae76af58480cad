"""CloudWatch Evidently: what needs its hash is refused unless users may be divided anew."""

from collections import Counter
from typing import Any

import pytest

from chalicelib.domain.timestamps import parse_timestamp
from realtime.migration.checking import write_and_read
from realtime.migration.evidently import REBUCKET
from realtime.migration.finishing import import_documents
from realtime.migration.model import ForeignDocument, Imported
from tests.support.evidently import RULES, START, answers, experiment, feature, launch, override, segment

USERS = 4_000
NOW = parse_timestamp(START) + 60
STEP = "launches[l].scheduledSplitsDefinition.steps[0]"


def translate(document: Any, **options: str) -> Imported:
    return import_documents("evidently", [document], options)


def count(imported: Imported, key: str = "f", **context: Any) -> Counter[str | None]:
    asked = write_and_read(imported)
    return Counter(asked.ask(key, f"u{number}", context, NOW, None).variant for number in range(USERS))


def test_a_split_is_refused_and_names_the_option_and_the_bridge() -> None:
    imported = translate(answers(launches=[launch({"on": 50_000})]))
    assert [(note.key, note.path) for note in imported.refusals] == [("f", STEP)]
    assert imported.refusals[0].message == REBUCKET
    assert "--option rebucket=yes" in REBUCKET
    assert "import-assignments" in REBUCKET


def test_an_experiment_without_its_hash_takes_its_feature_with_it() -> None:
    imported = translate(answers(experiments=[experiment({"on": 50_000, "off": 50_000})]))
    assert [note.key for note in imported.refusals] == ["f"]
    assert (imported.flags, imported.experiments) == ([], [])


def test_a_feature_without_a_split_is_exact() -> None:
    document = answers(
        launches=[launch({"on": 100_000})], features=[feature(), feature("g", entityOverrides={"qa": "on"})]
    )
    imported = translate(document)
    assert (imported.refusals, imported.warnings) == ([], [])
    assert count(imported) == {"on": USERS}
    assert count(imported, "g") == {"off": USERS}
    assert write_and_read(imported).ask("g", "qa", {}, NOW, None).variant == "on"


def test_a_launch_takes_its_share_and_divides_it() -> None:
    imported = translate(answers(launches=[launch({"on": 10_000, "off": 30_000})]), rebucket="yes")
    assert [(note.key, note.path) for note in imported.warnings] == [("f", STEP)]
    assert "its users are divided anew" in imported.warnings[0].message
    assert count(imported)["on"] == pytest.approx(0.1 * USERS, abs=90)


def test_who_is_left_over_of_a_segment_goes_on_to_the_others_share() -> None:
    launches = [launch({"on": 50_000}, override("s", {"on": 50_000}))]
    imported = translate(answers(launches=launches, segments=[segment({"a": ["x"]})]), rebucket="yes")
    assert count(imported)["on"] == pytest.approx(0.5 * USERS, abs=150)
    assert count(imported, a="x")["on"] == pytest.approx(0.75 * USERS, abs=150)


def test_a_larger_step_moves_nobody_out_of_the_launch() -> None:
    small, large = (
        write_and_read(translate(answers(launches=[launch({"on": share})]), rebucket="yes"))
        for share in (20_000, 60_000)
    )

    def list_users(asked: Any) -> set[str]:
        users = (f"u{number}" for number in range(500))
        return {user for user in users if asked.ask("f", user, {}, NOW, None).variant == "on"}

    assert list_users(small) < list_users(large)


def test_the_launch_comes_before_the_experiment() -> None:
    launches = [launch({"on": 20_000})]
    tests = [experiment({"on": 100_000, "off": 0})]
    document = answers(launches=launches, experiments=tests)
    imported = translate(document, rebucket="yes")
    assert count(imported) == {"on": USERS}
    tests[0]["onlineAbDefinition"]["treatmentWeights"] = {"on": 0, "off": 100_000}
    assert count(translate(document, rebucket="yes"))["on"] == pytest.approx(0.2 * USERS, abs=120)


def test_an_experiment_becomes_one_with_its_control_first() -> None:
    goals = [{"metricDefinition": {"valueKey": key}} for key in ("details.purchase", "other")]
    test = experiment({"on": 25_000, "off": 75_000}, 40_000, metricGoals=goals, description="Why.")
    imported = translate(answers(experiments=[test]), rebucket="yes")
    (made,) = imported.experiments
    assert made.data == {
        "key": "x",
        "description": "Why.",
        "status": "active",
        "variants": {"off": {"weight": 75_000, "payload": False}, "on": {"weight": 25_000, "payload": True}},
        "traffic_allocation": "40%",
        "metrics": ["purchase"],
    }
    assert "import-assignments keeps those of x." in imported.warnings[0].message
    assert count(imported)["on"] == pytest.approx(0.1 * USERS, abs=90)


def test_each_form_of_an_answer_is_read() -> None:
    one = {"feature": feature(), "ResponseMetadata": {"HTTPStatusCode": 200}}
    imported = import_documents("evidently", [one, {"features": [feature("g")]}, {"launches": []}], {})
    assert [flag.name for flag in imported.flags] == ["f", "g"]


def in_segment(pattern: Any) -> Any:
    return answers(launches=[launch({}, override("s", {"on": 100_000}))], segments=[segment(pattern)])


@pytest.mark.parametrize(
    ("document", "path", "reason"),
    [
        (answers(features=[{"name": "f"}]), "features[f]", "list_features leaves them out, get_feature"),
        (answers(features=[feature(valueType="JSON")]), "features[f].valueType", "must be one of STRING"),
        (answers(features=[feature(entityOverrides={"u": "x"})]), "entityOverrides", "serves x, which is no"),
        (
            answers(features=[feature(evaluationStrategy="DEFAULT_VARIATION", entityOverrides={"u": "on"})]),
            "features[f].entityOverrides",
            "it is not documented whether overrides count",
        ),
        (
            answers(features=[feature(evaluationRules=[{"type": RULES["launch"], "name": "gone"}])]),
            "features[f].evaluationRules[0]",
            "names the launch gone: add what get_launch answers for it",
        ),
        (
            answers(launches=[launch({"on": 1}, status="UPDATING")]),
            "launches[l].status",
            "when it is RUNNING",
        ),
        (answers(launches=[launch({"x": 1})]), f"{STEP}", "names x, which is none of its groups"),
        (answers(launches=[launch({"on": 60_000, "off": 60_000})]), STEP, "add up to 120,000"),
        (answers(launches=[launch({"on": 100_001})]), f"{STEP}.on", "must be between 0 and 100,000"),
        (
            answers(launches=[launch({}, override("gone", {"on": 100_000}))]),
            f"{STEP}.segmentOverrides[0]",
            "names the segment gone: add what get_segment",
        ),
        (answers(experiments=[experiment({"on": 1})]), "treatmentWeights", "add up to 1, not to 100,000"),
        (in_segment({"a": [None]}), "segments[s].pattern.a[0]", "null: what is null and what is not there"),
        (in_segment({"a": [300.0]}), "segments[s].pattern.a[0]", "written the same, with its fraction"),
        (in_segment({"a": [{"fuzzy": 1}]}), "segments[s].pattern.a[0]", "fuzzy: is none of the operators"),
        (in_segment({"a": []}), "segments[s].pattern.a", "is empty"),
        (in_segment({"a": [{"numeric": ["!", 1]}]}), "a[0].numeric", "must be =, <, <=, > or >="),
        (in_segment({"a": [{"anything-but": {"prefix": "x"}}]}), "anything-but[0]", "text and numbers only"),
        (in_segment({"a": [{"wildcard": "a\\b"}]}), "a[0].wildcard", "has a backslash before something"),
    ],
)
def test_what_cannot_be_said_is_refused_with_its_path(document: Any, path: str, reason: str) -> None:
    imported = translate(document, rebucket="yes")
    assert imported.flags == []
    assert any(path in note.path and reason in note.message for note in imported.refusals)


@pytest.mark.parametrize("document", [{}, {"flags": []}, [], {"features": [7]}, {"features": [{}]}])
def test_another_document_is_none_of_evidently(document: Any) -> None:
    with pytest.raises(ForeignDocument):
        translate(document)


def test_two_projects_are_not_mixed() -> None:
    other = feature(arn="arn:aws:evidently:eu-west-1:123456789012:project/other/feature/f")
    with pytest.raises(ForeignDocument, match="has two features f: import one project at a time"):
        translate(answers(features=[feature(), other]))
