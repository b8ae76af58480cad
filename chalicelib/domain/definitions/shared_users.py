"""Definitions that share layers and holdouts: nobody owns what another owns, and a holdout has one share."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

from chalicelib.domain.bucketing import BUCKETS, share_to_buckets
from chalicelib.domain.definitions.model import DefinitionName
from chalicelib.domain.definitions.rules.syntax import References
from chalicelib.domain.definitions.schema import (
    Definition,
    ExperimentDocument,
    FlagDocument,
    HoldoutDocument,
    SegmentDocument,
)
from chalicelib.domain.definitions.set_problems import DefinitionProblem, make_problem
from chalicelib.domain.definitions.uses import get_kind


class OwnedRange(NamedTuple):
    """``[start, end)`` of a layer's buckets."""

    start: int
    end: int
    owner: Definition
    path: str


def check_layers(
    documents: Mapping[DefinitionName, Definition], references: Mapping[DefinitionName, References]
) -> Iterator[DefinitionProblem]:
    """A completed experiment owns nothing. One that is paused, and a flag that is off, may come back."""
    layers: dict[str, list[OwnedRange]] = defaultdict(list)
    for name, document in documents.items():
        if isinstance(document, ExperimentDocument) and document.status == "completed":
            continue
        for key, start, end, path in references[name].layers:
            layers[key].append(OwnedRange(start, end, document, path))
        if not isinstance(document, SegmentDocument) and document.layer is not None:
            layer = document.layer
            bounds = share_to_buckets(layer.start), share_to_buckets(layer.end)
            layers[layer.key].append(OwnedRange(*bounds, document, "layer"))
    for key, ranges in layers.items():
        yield from dict.fromkeys(_find_overlaps(key, ranges))


def _find_overlaps(key: str, ranges: list[OwnedRange]) -> Iterator[DefinitionProblem]:
    """A definition may name its own range more than once: each of its rules may have it as a gate."""
    ranges.sort(key=attrgetter("start", "end"))
    latest: list[OwnedRange] = []  # of two definitions, the ranges so far that end last
    for part in ranges:
        others = [owned for owned in latest if owned.owner is not part.owner]
        if others and part.start < others[0].end:
            other = others[0]
            owned = f"[{other.start / BUCKETS}, {other.end / BUCKETS}) of {key!r}"
            owner = f"{get_kind(other.owner)} {other.owner.key!r}"
            yield make_problem(part.owner, part.path, f"overlaps {owner}, which owns {owned}")
        mine = [owned for owned in latest if owned.owner is part.owner]
        best = max((*mine, part), key=attrgetter("end"))
        latest = sorted((*others, best), key=attrgetter("end"), reverse=True)[:2]


def check_holdouts(documents: Sequence[Definition]) -> Iterator[DefinitionProblem]:
    """One share in experiments and flags. A holdout of all is named by every experiment."""
    shares: dict[str, tuple[float, str]] = {}
    of_all: dict[str, str] = {}
    for document, holdout in _list_holdouts(documents):
        name = f"{get_kind(document)} {document.key!r}"
        share, first = shares.setdefault(holdout.key, (holdout.share, name))
        if share != holdout.share:
            message = f"must be {share}, the share of holdout {holdout.key!r} in {first}"
            yield make_problem(document, "holdout.share", message)
        if holdout.of_all:
            of_all.setdefault(holdout.key, name)
    for key, first in of_all.items():
        for document in documents:
            if not isinstance(document, ExperimentDocument) or document.status == "completed":
                continue
            if document.holdout is None or document.holdout.key != key:
                message = f"must name holdout {key!r}, which {first} says is one of all experiments"
                yield make_problem(document, "holdout", message)


def _list_holdouts(documents: Sequence[Definition]) -> Iterator[tuple[Definition, HoldoutDocument]]:
    for document in documents:
        is_over = isinstance(document, ExperimentDocument) and document.status == "completed"
        if isinstance(document, (ExperimentDocument, FlagDocument)) and document.holdout and not is_over:
            yield document, document.holdout
