"""Warnings about definitions that are valid, but of which one has an effect on another."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chalicelib.domain.definitions.answer_sizes import MAX_BYTES, list_bulk_answers
from chalicelib.domain.definitions.experiment_form import make_salt
from chalicelib.domain.definitions.flag_form import translate_flag
from chalicelib.domain.definitions.schema import ExperimentDocument, FlagDocument
from chalicelib.domain.definitions.uses import get_kind
from chalicelib.domain.errors import Problem
from chalicelib.domain.publishing.documents import DefinitionName, Document
from chalicelib.domain.publishing.lint.shard_places import identify_hash, read_split
from chalicelib.domain.publishing.lint.written_rules import Serve, list_rule_lists, make_place
from chalicelib.domain.targeting import parse

LOAD_BALANCER_BYTES = 1_000_000
Warnings = Iterator[tuple[DefinitionName, Problem]]


def lint_set(documents: Mapping[DefinitionName, Document]) -> Warnings:
    """Each with the definition that it is about."""
    flags = [document for document in documents.values() if isinstance(document, FlagDocument)]
    experiments = [each for each in documents.values() if isinstance(each, ExperimentDocument)]
    yield from _lint_salts(flags, experiments)
    yield from _lint_equal_splits(flags)
    yield from _lint_served_experiments(flags, {each.key: each for each in experiments})
    yield from _lint_bulk_answers(documents.values())


def _lint_bulk_answers(documents: Iterable[Document]) -> Warnings:
    """A load balancer delivers less than Lambda; which front an environment has is not known here."""
    for what, sized in list_bulk_answers([*documents]):
        total = sum(size for size, _ in sized)
        if LOAD_BALANCER_BYTES < total <= MAX_BYTES:
            _, largest = max(sized, key=lambda each: each[0])
            message = (
                f"an answer for {what} can have {total:,} bytes; behind a load balancer it is refused over "
                f"{LOAD_BALANCER_BYTES:,}"
            )
            yield (get_kind(largest), largest.key), Problem("variants", message)


def _lint_salts(flags: Iterable[FlagDocument], experiments: Iterable[ExperimentDocument]) -> Warnings:
    """Of a definition that nobody is divided by, the salt does not matter."""
    dividing = [flag for flag in flags if _divides(flag)]
    yield from _compare_salts("flag", {flag.key: flag.salt or flag.key for flag in dividing})
    running = [experiment for experiment in experiments if experiment.status != "completed"]
    yield from _compare_salts("experiment", {each.key: make_salt(each) for each in running})


def _compare_salts(kind: Any, salts: Mapping[str, str]) -> Warnings:
    first: dict[str, str] = {}
    for key, salt in sorted(salts.items(), key=lambda item: item[0] != item[1]):  # a key is nobody's mistake
        owner = first.setdefault(salt, key)
        if owner != key:
            message = (
                f"{kind} {owner} is divided by {salt} too, so the same users get the first variant of both: "
                "choose another salt"
            )
            yield (kind, key), Problem("salt", message)


def _divides(flag: FlagDocument) -> bool:
    rules = None if flag.targeting_rules is None else parse(flag.targeting_rules)
    as_if_on = flag.model_copy(update={"enabled": True})
    return _has_prefix(translate_flag(as_if_on, rules), make_place(flag).scope.prefix)


def _has_prefix(form: Any, prefix: str) -> bool:
    if isinstance(form, dict):
        if "scheme" in form and form.get("prefix") == prefix:
            return True
        return any(_has_prefix(part, prefix) for name, part in form.items() if name != "variants")
    return isinstance(form, list) and any(_has_prefix(part, prefix) for part in form)


def _lint_equal_splits(flags: Iterable[FlagDocument]) -> Warnings:
    first: dict[tuple[Any, ...], tuple[str, str]] = {}
    for flag in flags:
        for serve in _list_serves(flag):
            split = read_split(serve)
            if split is None or split.of_path == split.path or len(split.arms) < 2:
                continue
            key, path = first.setdefault(identify_hash(split.shard), (flag.key, split.of_path))
            if key != flag.key:
                message = (
                    f"is the hash of flag {key} ({path}) too, so the same users get the first variant "
                    "of both: write another prefix, suffix or seed"
                )
                yield ("flag", flag.key), Problem(split.of_path, message)


def _lint_served_experiments(
    flags: Iterable[FlagDocument], experiments: Mapping[str, ExperimentDocument]
) -> Warnings:
    for flag in flags:
        for serve in _list_serves(flag):
            if not isinstance(serve.written, dict) or "experiment" not in serve.written:
                continue
            experiment = experiments.get(serve.written["experiment"])
            if experiment is not None and not _may_assign(experiment):
                message = (
                    f"experiment {experiment.key} is {experiment.status} and assigns nobody: "
                    "activate it, or remove the rule"
                )
                yield ("flag", flag.key), Problem(f"{serve.path}.experiment", message)


def _may_assign(experiment: ExperimentDocument) -> bool:
    """Now, or after a change by the clock. A winner is given to everybody."""
    later = [change.set.get("status") for change in experiment.changes]
    return bool(experiment.serve) or "active" in (experiment.status, *later)


def _list_serves(flag: FlagDocument) -> Iterator[Serve]:
    for rules in list_rule_lists(flag):
        for rule in rules:
            yield from rule.list_serves()
