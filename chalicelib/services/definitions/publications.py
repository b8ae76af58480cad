"""The published versions of an experiment, as far as they say how its users were divided."""

import json
from collections.abc import Iterable

from chalicelib.domain.definitions.compiler import compile_experiment, parse_experiment
from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.sample_ratio import Publication
from chalicelib.domain.timestamps import parse_timestamp

_FIELDS = ("key", "id", "status", "iteration", "salt", "sticky", "variants")
"""Only these, so that a version still counts whose other fields are refused by now."""


def read_publications(history: Iterable[DefinitionRow]) -> list[Publication]:
    """Oldest first, from a history that is newest first. Versions that cannot be read are left out."""
    publications = []
    for row in history:
        try:
            data = json.loads(row.text or "{}")
            document = parse_experiment({name: data[name] for name in _FIELDS if name in data})
            publication = Publication(
                parse_timestamp(row.published_at), compile_experiment(document, row.version)
            )
        except (InvalidInput, ValueError):
            continue
        publications.append(publication)
    return publications[::-1]
