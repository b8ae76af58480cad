"""Problems of a definition, or of a set of definitions, for which `publish` refuses them.

Definitions that were published before a check existed still load: `compiler` does not run these checks.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from graphlib import CycleError, TopologicalSorter
from operator import itemgetter
from typing import Any

from chalicelib.domain.bucketing import BUCKETS, share_to_buckets
from chalicelib.domain.definitions.model import DefinitionKind
from chalicelib.domain.definitions.schema import Definition, ExperimentDocument, FlagDocument, SegmentDocument
from chalicelib.domain.errors import Problem
from chalicelib.domain.spelling import suggest

_EVERYBODY = {
    "targeting_rules": ", or write {id: everybody, rule: {}} into its rules",
    "rules": ", or write {serve: VARIANT} into it",
}
"""How to say that everybody is meant."""
_DEFAULT_RULE = "targeting_rules.default_rule"
MAX_PREREQUISITE_LEVELS = 20
MAX_PREREQUISITES = 100
"""Of one flag, with those of its prerequisites: each request for the flag evaluates them all."""
DefinitionProblem = tuple[tuple[DefinitionKind, str], Problem]
"""Kind and key of a definition, and a problem with a path inside of it."""


def check_document(document: Definition) -> list[Problem]:
    """Fields that the service could not apply as they are written."""
    problems = list(_check_empty_fields(document))
    if not isinstance(document, FlagDocument):
        return problems
    percentages = {"rollout_percentage": document.rollout_percentage} | {
        f"rollout_schedule[{index}].percentage": step.percentage
        for index, step in enumerate(document.rollout_schedule)
    }
    rules = document.targeting_rules or {}
    by_path = {f"rules[{index}]": rule for index, rule in enumerate(rules.get("rules") or ())}
    if rules.get("default_rule"):
        by_path["default_rule"] = rules["default_rule"]
    return [
        *problems,
        *(
            Problem(
                path, f"must be a multiple of {100 / BUCKETS}: users are divided into {BUCKETS:,} buckets"
            )
            for path, percentage in percentages.items()
            if Decimal(str(percentage)) * BUCKETS % 100
        ),
        *(
            Problem(f"targeting_rules.{path}", "must have a variant or an allocation, not both")
            for path, rule in by_path.items()
            if {"variant", "allocation"} <= rule.keys()
        ),
    ]


NEVER_EMPTY = ("rules", "targeting_rules", "layer", "holdout", "unit", "rollout_ramp", "share")
"""Fields that may be null in their model, where null admits everybody."""


def _check_empty_fields(document: Definition) -> Iterator[Problem]:
    """YAML reads a field as null when all that it held is commented out. That must not admit everybody."""
    for name in NEVER_EMPTY:
        if name in document.model_fields_set and getattr(document, name) is None:
            everybody = _EVERYBODY.get(name, "")
            yield Problem(name, f"is empty: remove the field if everybody is meant{everybody}")
    rules = {} if isinstance(document, SegmentDocument) else document.targeting_rules or {}
    for index, rule in enumerate([*(rules.get("rules") or ()), rules.get("default_rule") or {}]):
        path = f"targeting_rules.rules[{index}]" if index < len(rules.get("rules") or ()) else _DEFAULT_RULE
        if "allocation" in rule and rule["allocation"] is None:
            yield Problem(f"{path}.allocation", "is empty: remove the field for the split of the variants")
        yield from _check_empty_groups(rule.get("rule") or {}, f"{path}.rule")


def _check_empty_groups(group: Mapping[str, Any], path: str) -> Iterator[Problem]:
    if "groups" in group and group["groups"] is None and not group.get("conditions"):
        yield Problem(f"{path}.groups", "is empty: remove the field if everybody is meant")
    for index, inner in enumerate(group.get("groups") or ()):
        yield from _check_empty_groups(inner, f"{path}.groups[{index}]")


def check_set(
    experiments: Sequence[ExperimentDocument], flags: Sequence[FlagDocument]
) -> list[DefinitionProblem]:
    """Problems between definitions. Give all that will be in force, each key once."""
    running = [experiment for experiment in experiments if experiment.status != "completed"]
    return [
        *_check_ids(experiments),
        *_check_layers(running),
        *_check_holdouts(running),
        *_check_prerequisites({flag.key: flag for flag in flags}),
    ]


def _check_ids(experiments: Iterable[ExperimentDocument]) -> Iterator[DefinitionProblem]:
    """Assignments are stored by id, so two experiments with one id would share them."""
    owners: dict[str, str] = {}
    for experiment in experiments:
        experiment_id = experiment.id or experiment.key
        owner = owners.setdefault(experiment_id, experiment.key)
        if owner != experiment.key:
            yield _make_problem(
                experiment, "id", f"{experiment_id!r} is the id of experiment {owner!r} already"
            )


def _check_layers(experiments: Iterable[ExperimentDocument]) -> Iterator[DefinitionProblem]:
    layers: dict[str, list[tuple[int, int, ExperimentDocument]]] = defaultdict(list)
    for experiment in experiments:
        layer = experiment.layer
        if layer is not None:
            bounds = share_to_buckets(layer.start), share_to_buckets(layer.end)
            layers[layer.key].append((*bounds, experiment))
    for key, ranges in layers.items():
        ranges.sort(key=itemgetter(0, 1))
        latest = ranges[0]  # the range so far that ends last
        for part in ranges[1:]:
            owner = latest[2]
            if part[0] < latest[1] and owner.layer is not None:
                owned = f"[{owner.layer.start}, {owner.layer.end}) of {key!r}"
                yield _make_problem(
                    part[2], "layer", f"overlaps experiment {owner.key!r}, which owns {owned}"
                )
            latest = max(latest, part, key=itemgetter(1))


def _check_holdouts(experiments: Sequence[ExperimentDocument]) -> Iterator[DefinitionProblem]:
    shares: dict[str, tuple[float, str]] = {}
    of_all: dict[str, str] = {}
    for experiment in experiments:
        holdout = experiment.holdout
        if holdout is None:
            continue
        share, first = shares.setdefault(holdout.key, (holdout.share, experiment.key))
        if share != holdout.share:
            message = f"must be {share}, the share of holdout {holdout.key!r} in experiment {first!r}"
            yield _make_problem(experiment, "holdout.share", message)
        if holdout.of_all:
            of_all.setdefault(holdout.key, experiment.key)
    for key, first in of_all.items():
        for experiment in experiments:
            if experiment.holdout is None or experiment.holdout.key != key:
                message = (
                    f"must name holdout {key!r}, which experiment {first!r} says is one of all experiments"
                )
                yield _make_problem(experiment, "holdout", message)


def _check_prerequisites(flags: Mapping[str, FlagDocument]) -> Iterator[DefinitionProblem]:
    graph: dict[str, list[str]] = {}
    for flag in flags.values():
        graph[flag.key] = [prerequisite.flag for prerequisite in flag.prerequisites]
        for index, prerequisite in enumerate(flag.prerequisites):
            path = f"prerequisites[{index}]"
            required = flags.get(prerequisite.flag)
            if required is None:
                message = f"there is no flag {prerequisite.flag!r}{suggest(prerequisite.flag, flags)}"
                yield _make_problem(flag, f"{path}.flag", message)
                continue
            variants = [variant.key for variant in required.variants]
            for variant in prerequisite.variants:
                if variant not in variants:
                    message = (
                        f"flag {required.key!r} has no variant {variant!r}; it has {', '.join(variants)}"
                        f"{suggest(variant, variants)}"
                    )
                    yield _make_problem(flag, f"{path}.variants", message)
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        cycle: list[str] = error.args[1]
        message = f"go in a circle: {' → '.join(reversed(cycle))}"
        yield _make_problem(flags[cycle[0]], "prerequisites", message)
        return
    for key, message in _check_prerequisite_limits(graph, order):
        yield _make_problem(flags[key], "prerequisites", message)


def _check_prerequisite_limits(
    graph: Mapping[str, Sequence[str]], order: Iterable[str]
) -> Iterator[tuple[str, str]]:
    """Yields flags over a limit, with a message; not those that are over it only because of such a flag.

    ``order`` has each flag after its prerequisites.
    """
    levels: dict[str, int] = {}
    all_prerequisites: dict[str, frozenset[str]] = {}
    for key in order:
        direct = graph.get(key, ())
        if not all(prerequisite in levels for prerequisite in direct):
            continue
        levels[key] = 1 + max((levels[prerequisite] for prerequisite in direct), default=-1)
        all_prerequisites[key] = frozenset(direct).union(
            *(all_prerequisites[prerequisite] for prerequisite in direct)
        )
        if levels[key] > MAX_PREREQUISITE_LEVELS:
            message = f"are {levels[key]} levels deep, at most {MAX_PREREQUISITE_LEVELS} are allowed"
        elif len(all_prerequisites[key]) > MAX_PREREQUISITES:
            message = (
                f"are {len(all_prerequisites[key])} flags in all, at most {MAX_PREREQUISITES} are allowed"
            )
        else:
            continue
        del levels[key], all_prerequisites[key]
        yield key, message


def _make_problem(document: ExperimentDocument | FlagDocument, path: str, message: str) -> DefinitionProblem:
    kind: DefinitionKind = "experiment" if isinstance(document, ExperimentDocument) else "flag"
    return (kind, document.key), Problem(path, message)
