"""What Evidently's API answered: features, launches, experiments and segments, and the parts of them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from realtime.migration.model import ForeignDocument, Json, Refused
from realtime.migration.rule_parts import read_objects, require

Fields = Mapping[str, Any]
ALL = 100_000
"""Weights are thousandths of a percent."""
KINDS = ("project", "feature", "launch", "experiment", "segment")
PLURALS = {"launch": "launches"}
_TYPES: Mapping[str, tuple[str, str, type | tuple[type, ...]]] = {
    "STRING": ("string", "stringValue", str),
    "LONG": ("integer", "longValue", int),
    "DOUBLE": ("float", "doubleValue", (int, float)),
    "BOOLEAN": ("boolean", "boolValue", bool),
}

_FIELDS = {*KINDS, *(PLURALS.get(kind, f"{kind}s") for kind in KINDS)}
_HINT = "it has no feature, launch, experiment or segment"


class Answers:
    """What the API has answered, by kind and name. A second answer must be of the same thing."""

    def __init__(self, documents: Sequence[Json]) -> None:
        self.by_kind: dict[str, dict[str, Fields]] = {kind: {} for kind in KINDS}
        for document in documents:
            if not isinstance(document, dict) or not document.keys() & _FIELDS:
                raise ForeignDocument(f"is no document of CloudWatch Evidently: {_HINT}")
            for kind, fields in _list_answers(document):
                name = require(fields.get("name"), str, f"{kind}.name")
                known = self.by_kind[kind].setdefault(name, fields)
                if known.get("arn") != fields.get("arn"):
                    raise ForeignDocument(
                        f"has two {PLURALS.get(kind, f'{kind}s')} {name}: import one project at a time"
                    )


def _list_answers(document: Fields) -> Iterator[tuple[str, Fields]]:
    for kind in KINDS:
        if isinstance(document.get(kind), dict):
            yield kind, document[kind]
        for _, fields in read_objects(document, PLURALS.get(kind, f"{kind}s"), ""):
            yield kind, fields


def read_values(feature: Fields, path: str) -> tuple[str, dict[str, Json]]:
    """The type, and the value of each variation."""
    value_type: str = feature.get("valueType", "")
    if value_type not in _TYPES:
        raise Refused(f"{path}.valueType", f"must be one of {', '.join(_TYPES)}")
    kind, field, types = _TYPES[value_type]
    values = {}
    for where, variation in read_objects(feature, "variations", path):
        value = variation["value"][field]
        checked = require(value, types, f"{where}.value.{field}")
        values[require(variation["name"], str, where)] = float(checked) if kind == "float" else checked
    if not values:
        raise Refused(f"{path}.variations", "is empty")
    return kind, values


def read_weights(weights: Fields, known: Mapping[str, str], path: str) -> dict[str, int]:
    """In the order of the groups or treatments, so that a later export divides alike."""
    if unknown := sorted(require(weights, dict, path).keys() - known.keys()):
        raise Refused(path, f"names {unknown[0]}, which is none of its groups or treatments")
    return {name: read_weight(weights.get(name, 0), f"{path}.{name}") for name in known}


def read_weight(value: Json, path: str) -> int:
    weight: int = require(value, int, path)
    if not 0 <= weight <= ALL:
        raise Refused(path, "must be between 0 and 100,000")
    return weight


def read_time(value: Json, path: str) -> float:
    """Epoch seconds of the API, or text with an offset, as tools write it."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    moment = datetime.fromisoformat(require(value, str, path))
    if moment.tzinfo is None:
        raise Refused(path, "must have an offset, such as +00:00")
    return moment.astimezone(UTC).timestamp()


def write_metrics(experiment: Fields) -> dict[str, Json]:
    """The event types that the wire API makes of its custom events: the names below ``details``."""
    names = []
    for goal in experiment.get("metricGoals") or ():
        key = goal["metricDefinition"].get("valueKey") or ""
        if key.startswith("details."):
            names.append(key.removeprefix("details."))
    return {"metrics": list(dict.fromkeys(names))} if names else {}
