"""How large bulk answers can be: Lambda cannot deliver more than 6 MB, whatever was asked.

A function's answer is JSON that has the body as text, so each quotation mark takes two bytes.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import nlargest
from typing import Any, NamedTuple, TypeAlias

from chalicelib.domain.context import MAX_USER_ID_BYTES
from chalicelib.domain.definitions.answers import FlagAnswers
from chalicelib.domain.definitions.model import MAX_BATCH, DefinitionName
from chalicelib.domain.definitions.schema import Definition, ExperimentDocument, FlagDocument
from chalicelib.domain.definitions.set_problems import DefinitionProblem, make_problem
from chalicelib.domain.definitions.uses import get_kind, list_served
from chalicelib.domain.general_form.compiler import Variant
from chalicelib.domain.reasons import Reason

MAX_BYTES = 6_291_556 - 10_000
"""Of Lambda, less headers."""
_VERSION = 10**9
_FIELDS_BYTES = 700
"""Of an assignment: names of fields, ids, times, quotation marks."""
Sized: TypeAlias = tuple[int, Definition]


def check_bulk_answers(documents: Iterable[Definition]) -> Iterator[DefinitionProblem]:
    """Names the definition that takes most of an answer that is too large."""
    for what, sized in list_bulk_answers([*documents]):
        total = sum(size for size, _ in sized)
        if total > MAX_BYTES:
            size, largest = max(sized, key=lambda each: each[0])
            message = (
                f"an answer for {what} ({len(sized):,}) can have {total:,} bytes, and Lambda delivers at "
                f"most {MAX_BYTES:,}; {size:,} are of this one: shorten the values, or take definitions "
                "out of bulk answers by `listed: false`"
            )
            yield make_problem(largest, "variants", message)


def list_bulk_answers(documents: Sequence[Definition]) -> list[tuple[str, list[Sized]]]:
    return [("all listed flags", measure_flags(documents)), ("assignments", measure_experiments(documents))]


def measure_flags(documents: Iterable[Definition]) -> list[Sized]:
    """Of each listed flag the largest answer, in the larger of both protocols.

    Also what it takes from the flags and experiments that it serves.
    """
    by_name = {(get_kind(each), each.key): each for each in documents}
    largest: dict[DefinitionName, _Answer] = {}
    listed = [each for each in by_name.values() if isinstance(each, FlagDocument) and each.listed]
    return [(_measure_flag(flag, _find_largest(flag, by_name, largest)), flag) for flag in listed]


def measure_experiments(documents: Iterable[Definition]) -> list[Sized]:
    """Of as many as one request may ask for, those with the largest payloads."""
    experiments = [each for each in documents if isinstance(each, ExperimentDocument)]
    sized = [(_measure_experiment(each), each) for each in experiments if each.status in ("active", "paused")]
    return nlargest(MAX_BATCH, sized, key=lambda each: each[0])


class _Answer(NamedTuple):
    """``size`` is that of variant and value in an answer, in bytes."""

    size: int
    variant: str
    value: Any


def _find_largest(
    document: Definition, by_name: Mapping[DefinitionName, Definition], found: dict[DefinitionName, _Answer]
) -> _Answer:
    """Of its own answers and of those that it serves. ``found`` keeps what was found before."""
    name = get_kind(document), document.key
    if name not in found:
        found[name] = _Answer(0, "", None)  # while a circle is refused elsewhere
        answers = [_measure_variant(key, value) for key, value in _list_values(document)]
        served = list_served(document) if isinstance(document, FlagDocument) else ()
        answers += [_find_largest(by_name[use.name], by_name, found) for use in served if use.name in by_name]
        found[name] = max(answers, default=found[name], key=lambda answer: answer.size)
    return found[name]


def _list_values(document: Definition) -> Iterator[tuple[str, Any]]:
    if isinstance(document, FlagDocument):
        yield from ((variant.key, variant.value) for variant in document.variants)
    elif isinstance(document, ExperimentDocument):
        yield from ((variant.key, variant.payload) for variant in document.variants)


def _measure_variant(key: str, value: Any) -> _Answer:
    texts = json.dumps(key), json.dumps(value, separators=(",", ":"))
    return _Answer(sum(map(_measure_as_text, texts)), key, value)


def _measure_flag(flag: FlagDocument, largest: _Answer) -> int:
    answers = FlagAnswers(flag, _VERSION)
    variant = Variant(largest.variant, largest.variant, largest.value, True)
    made = [answers.make(variant, False, max(Reason, key=len)), answers.make_no_value()]
    return max(_measure_as_text(text) for each in made for text in (each.member, each.openfeature))


def _measure_experiment(experiment: ExperimentDocument) -> int:
    payloads = (json.dumps(variant.payload, separators=(",", ":")) for variant in experiment.variants)
    return max(map(_measure_as_text, payloads)) + len(experiment.key) * 3 + MAX_USER_ID_BYTES + _FIELDS_BYTES


def _measure_as_text(text: str) -> int:
    """With a comma behind it."""
    return len(json.dumps(text)) - 1
