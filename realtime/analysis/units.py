"""What an experiment divides, such as accounts, and which properties of an event say so."""

from collections.abc import Iterable, Iterator, Sequence

from pydantic import JsonValue

from chalicelib.domain.definitions.analysis_schema import ASSIGNMENT_ANCHOR
from chalicelib.domain.definitions.rules.operands import split_steps
from chalicelib.domain.definitions.schema import ExperimentDocument

USER = "user_id"
Path = tuple[str, ...]


def find_unit(experiment: ExperimentDocument, anchor: str) -> tuple[Path, ...]:
    """The first of these properties that is there counts. Empty: users are divided.

    Raises ValueError where events cannot say it.
    """
    unit = experiment.unit
    if isinstance(unit, dict) and "of" in unit:
        unit = unit["of"]
    if unit in (None, USER, [USER]):
        return ()
    paths = tuple(path for each in (unit if isinstance(unit, list) else [unit]) for path in _list_paths(each))
    if anchor == ASSIGNMENT_ANCHOR:
        raise ValueError(
            f"anchor: the experiment divides {describe_unit(paths)}, and assignments do not say which. Use"
            " --anchor exposure, and send that property with every exposure and every event of a metric"
        )
    return paths


def describe_unit(paths: Iterable[Sequence[str]]) -> str:
    """``account.id``, or several of them."""
    return " or ".join(dict.fromkeys(".".join(path) for path in paths))


def _list_paths(written: JsonValue) -> Iterator[Path]:
    """``account.id`` is the property of that name, else ``id`` of ``account``. A list is a path."""
    if isinstance(written, list) and all(isinstance(step, str) for step in written):
        yield tuple(map(str, written))
    elif isinstance(written, str):
        steps = split_steps(written)
        yield from dict.fromkeys(((".".join(steps),), tuple(steps)))
    else:
        raise ValueError(
            "unit: the experiment divides a value that is made of several, and events cannot say which one"
            " they are of. Such an experiment cannot be analysed; use an attribute as its unit"
        )
