"""Whether a publish changes the split of an experiment that has users, who then can no longer be compared."""

from collections.abc import Iterator, Sequence

from chalicelib.domain.definitions.compiler import compile_experiment
from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.definitions.schema import ExperimentDocument
from chalicelib.domain.publications import read_publications
from chalicelib.domain.sample_ratio import find_renamed, list_ranges


def describe_split_change(after: ExperimentDocument, history: Sequence[DefinitionRow]) -> Iterator[str]:
    """Lines for the publisher; none unless an earlier version of this iteration assigned users otherwise.

    ``history`` is newest first. What counts is the latest version that was active, whatever came after it.
    """
    experiment = compile_experiment(after)
    versions = [version for _, version in read_publications(history)]
    assigning = [
        version
        for version in versions
        if (version.id, version.iteration, version.status) == (experiment.id, experiment.iteration, "active")
    ]
    if not assigning:
        return
    before = assigning[-1]
    old, new = list_ranges(before), list_ranges(experiment)
    renamed = find_renamed(old, new)
    gone = [key for key in before.variants if key not in experiment.variants and key not in renamed]
    for name, other in renamed.items():
        yield f"{name} is renamed to {other}: its users get {other} when they come back"
    if gone:
        yield f"{', '.join(gone)} ends: its users get another variant when they come back"
    if tuple((lower, upper, renamed.get(name, name)) for lower, upper, name in old) != new:
        yield f"the split of iteration {after.iteration} changes, and it has users: results mix both splits"
    elif not renamed:
        return
    newest = max(version.iteration for version in versions if version.id == experiment.id)
    yield f"to start over, with all users drawn anew and counters at zero: `iteration: {newest + 1}`"
