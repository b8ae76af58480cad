"""A definition in words."""

from collections.abc import Sequence

from chalicelib.domain.definitions.compiler import compile_experiment, compile_flag
from chalicelib.domain.definitions.schema import Definition, ExperimentDocument, FlagDocument
from chalicelib.domain.definitions.segment_form import translate_segment
from chalicelib.domain.explanation.condition_words import Line, list_conditions
from chalicelib.domain.explanation.rules import describe_rules


def describe_definition(document: Definition, now: float) -> Sequence[Line]:
    """Who gets what; of a segment, who is in it. ``now`` is epoch seconds."""
    if isinstance(document, FlagDocument):
        return describe_rules(compile_flag(document).definition.form, now)
    if isinstance(document, ExperimentDocument):
        experiment = compile_experiment(document)
        gates = describe_rules(experiment.gates.form, now) if experiment.gates else ()
        return [*gates, *describe_rules(experiment.assignment.form, now)]
    first, *more = list_conditions(translate_segment(document), now)
    return [Line(0, f"In it: {first.text}"), *more]
