"""The catalogue of metrics in files: what is read, what is refused, and what is frozen."""

from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.definitions.schema import ExperimentDocument
from chalicelib.domain.publishing.documents import parse_document
from chalicelib.domain.publishing.lint.analysis import lint_metric
from chalicelib.domain.publishing.lint.document import lint_document
from chalicelib.domain.publishing.metrics import find_unnamed, freeze_metrics
from realtime.definition_files.read import FileSet, read_definitions
from tests.support.experiments import document

REVENUE = "{key: revenue, event: purchase, aggregate: sum, window: 14d, cap: 99%}"


def read(folder: Path, text: str) -> FileSet:
    file = folder / "set.yaml"
    file.write_text(text)
    return read_definitions([file])


def make(analysis: Any, **fields: Any) -> ExperimentDocument:
    made = parse_document("experiment", document(analysis=analysis, **fields))
    assert isinstance(made, ExperimentDocument)
    return made


def test_a_file_with_metrics_only_is_valid(tmp_path: Path) -> None:
    definitions = read(tmp_path, f"metrics: [{REVENUE}]")
    assert (definitions.problems, definitions.documents) == ([], {})
    assert definitions.metrics["revenue"].metric.cap == 0.99
    (note,) = find_unnamed(definitions.metrics, {})
    assert str(note).endswith(
        "metrics[0] (revenue): no experiment of these files names it, so it is not published"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("metrics: {revenue: {event: purchase}}", "set.yaml: metrics: must be a list"),
        ("metric: [{key: m, event: a}]", "metric: unknown field; did you mean metrics?"),
        ("metrics: [{event: a}]", "metrics[0].key: required"),
        ("metrics: [{key: m, evnt: a, event: b}]", "metrics[0] (m).evnt: unknown field; did you mean event?"),
        (
            "metrics: [{key: m, event: a, agregate: sum}]",
            "(m).agregate: unknown field; did you mean aggregate?",
        ),
        (
            "metrics: [{key: m, event: a, aggregate: mean}]",
            "(m).aggregate: must be 'count', 'sum' or 'conver",
        ),
        (
            "metrics: [{key: m, event: a, window: 2w}]",
            "(m).window: must be a number of minutes, hours or days",
        ),
        ("metrics: [{key: m, numerator: {event: a}}]", "(m).numerator: a ratio needs both numerator and"),
        (
            "metrics: [{key: m, numerator: {event: a}, denominator: {event: b}, cap: 0.9}]",
            "(m).cap: a ratio has none; cap a metric of the numerator alone",
        ),
        ("metrics: [{key: m, event: a, currency: EUR}]", "(m).currency: only a sum has one"),
        ("metrics: [{key: m, event: a, where: {x: .inf}}]", "(m).where.x: must be a finite number"),
        ("metrics: [{key: m, event: a, where: {x: {y: 1}}}]", "(m).where.x: must be text, a number"),
        ("metrics: [{key: m, event: a}, {key: m, event: b}]", "metrics[1].key: 'm' is already defined in"),
        ("metrics: [1, {key: m, event: a}]", "metrics[0]: must be an object"),
    ],
)
def test_a_mistake_is_named_by_file_and_path(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in str(read(tmp_path, text).problems[0])


@pytest.mark.parametrize(
    "text", ["metrics: {enabled: true}", "metrics: [cpu, memory]", "metrics: [{type: Resource}]"]
)
def test_the_metrics_of_another_program_are_skipped_in_a_folder(tmp_path: Path, text: str) -> None:
    (tmp_path / "values.yaml").write_text(f"image: x\n{text}")
    (tmp_path / "metrics.yaml").write_text(f"metrics: [{REVENUE}]")
    definitions = read_definitions([tmp_path])
    assert definitions.problems == []
    assert [*definitions.metrics] == ["revenue"]
    assert [skipped.path.name for skipped in definitions.skipped] == ["values.yaml"]


def test_an_unreadable_catalogue_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "metrics.yaml").write_text("metrics:\n - {key: m, aggregate: sum, event: [")
    (tmp_path / "flags.yaml").write_text("flags: []")
    assert "metrics.yaml: line 2" in str(read_definitions([tmp_path]).problems[0])


def test_what_an_experiment_names_is_frozen_in_it(tmp_path: Path) -> None:
    (tmp_path / "metrics.yaml").write_text(f"metrics: [{REVENUE}, {{key: other, event: a}}]")
    (tmp_path / "experiments.yaml").write_text(
        "experiments: [{key: e, variants: {a: 1, b: 1}, analysis: {primary: [revenue]}}]"
    )
    definitions = read_definitions([tmp_path])
    definitions.freeze_metrics({})
    (experiment,) = definitions.experiments
    assert experiment.analysis is not None
    assert [metric.key for metric in experiment.analysis.metrics] == ["revenue"]
    dumped = experiment.model_dump(mode="json", exclude_unset=True)["analysis"]
    assert dumped["metrics"] == [
        {"key": "revenue", "event": "purchase", "aggregate": "sum", "window": "14d", "cap": 0.99}
    ]
    assert parse_document("experiment", experiment.model_dump(mode="json", exclude_unset=True)) == experiment


def test_the_experiments_own_metrics_count_before_the_catalogue_and_that_before_the_published(
    tmp_path: Path,
) -> None:
    catalogue = read(tmp_path, "metrics: [{key: a, event: new}, {key: b, event: new}]").metrics
    published = make({"metrics": [{"key": key, "event": "old"} for key in "abc"]})
    mine = make({"metrics": [{"key": "a", "event": "own"}], "primary": ["c", "b"], "secondary": ["a"]})
    frozen, problems = freeze_metrics(mine, catalogue, published)
    assert frozen.analysis is not None
    assert problems == []
    assert {metric.key: metric.event for metric in frozen.analysis.metrics} == {
        "a": "own",
        "b": "new",
        "c": "old",
    }


def test_a_metric_that_is_nowhere_is_an_error_with_a_suggestion(tmp_path: Path) -> None:
    catalogue = read(tmp_path, f"metrics: [{REVENUE}]").metrics
    analysis = {"primary": ["revenu"], "guardrails": [{"metric": "zzz", "margin": 0.1}]}
    _, problems = freeze_metrics(make(analysis), catalogue, None)
    where = "is a metric of no file, and not of the published version either"
    assert [str(problem) for problem in problems] == [
        f"analysis.primary[0]: 'revenu' {where}; did you mean revenue?",
        f"analysis.guardrails[0].metric: 'zzz' {where}; add it to a list metrics",
    ]


def warn(folder: Path, analysis: str, fields: str = "metrics: [purchase]") -> list[str]:
    experiment = f"key: e, variants: {{a: 1, b: 1}}, {fields}, analysis: {analysis}"
    text = f"metrics: [{REVENUE}]\nexperiments: [{{{experiment}}}]"
    definitions = read(folder, text)
    definitions.freeze_metrics({})
    assert definitions.problems == []
    name = ("experiment", "e")
    found = lint_document(name, definitions.documents[name], definitions.sources[name])  # type: ignore[index, arg-type]
    return [str(problem) for problem in found]


@pytest.mark.parametrize(
    ("analysis", "fields", "expected"),
    [
        ("{primary: [revenue]}", "metrics: [purchase]", ""),
        ("{primary: [revenue]}", "metrics: [signup]", "metrics: does not count purchase, which the analysis"),
        ("{primary: [revenue], anchor: view}", "metrics: [purchase]", "metrics: does not count view, which"),
        ("{primary: [revenue], anchor: assignment}", "metrics: [purchase]", ""),
        (
            "{secondary: [revenue], planned_users: 9000}",
            "metrics: [purchase]",
            "planned_users: is for primary",
        ),
        ("{primary: [revenue], sequential: false}", "metrics: [purchase]", "sequential: is false, so"),
        (
            "{primary: [revenue], metrics: [{key: n, event: purchase}]}",
            "metrics: [purchase]",
            "n has no role",
        ),
        (
            "{primary: [revenue]}",
            "metrics: [purchase], start_at: 2026-01-01T00:00:00Z, end_at: 2026-01-08T00:00:00Z",
            "the window of revenue (14d) is longer than the experiment",
        ),
    ],
)
def test_an_analysis_that_cannot_answer_is_warned_of(
    tmp_path: Path, analysis: str, fields: str, expected: str
) -> None:
    warnings = warn(tmp_path, analysis, fields)
    assert len(warnings) == bool(expected)
    assert expected in "".join(warnings)


def test_a_number_that_yaml_changes_is_warned_of_where_it_is_compared(tmp_path: Path) -> None:
    text = "metrics: [{key: m, numerator: {event: a, where: {version: 1.10}}, denominator: {event: a}}]"
    (metric,) = read(tmp_path, text).metrics.values()
    (warning,) = lint_metric(metric.source)
    assert str(warning) == "numerator.where.version: 1.10 is read as the number 1.1: quote it if it is text"
