"""The published versions of an experiment, as far as they say how its users were divided."""

import json
from collections.abc import Iterable
from math import inf
from typing import Any

from chalicelib.domain.definitions.compiler import compile_experiment, parse_experiment
from chalicelib.domain.definitions.model import DefinitionRow, find_in_force
from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.sample_ratio import Publication
from chalicelib.domain.timestamps import parse_timestamp

_FIELDS = ("key", "id", "status", "iteration", "salt", "sticky", "variants")
"""Only these, so that a version still counts whose other fields are refused by now."""


def read_publications(history: Iterable[DefinitionRow]) -> list[Publication]:
    """Oldest first, from a history that is newest first. Versions that cannot be read are left out.

    A change by the clock counts as a publication, unless another one came before it.
    """
    publications: list[Publication] = []
    until = inf
    for row in history:
        try:
            published_at = parse_timestamp(row.published_at)
            experiment = compile_experiment(parse_experiment(_select_fields(row.text)), row.version)
        except (InvalidInput, ValueError):
            continue
        later = [Publication(at, changed) for at, changed in experiment.later if published_at < at < until]
        first = Publication(published_at, find_in_force(experiment, published_at))
        publications += [*reversed(later), first]
        until = published_at
    return publications[::-1]


def _select_fields(text: str) -> dict[str, Any]:
    data = json.loads(text or "{}")
    selected = {name: data[name] for name in _FIELDS if name in data}
    changes = [
        {"at": change["at"], "set": fields}
        for change in data.get("changes", [])
        if (fields := {name: value for name, value in change["set"].items() if name in _FIELDS})
    ]
    return selected | ({"changes": changes} if changes else {})
