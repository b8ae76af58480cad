"""The definitions of one file of examples/, and what its flags answer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from chalicelib.domain.definitions import compiler
from chalicelib.domain.definitions.model import Experiment, Flag, Segment
from chalicelib.domain.definitions.schema import Definition
from chalicelib.domain.general_form.state import Condition, State
from realtime.definition_files.syntax import parse_documents

NONE = None
"""No variant: the caller's own default."""


class Example(NamedTuple):
    flags: Mapping[str, Flag]
    experiments: Mapping[str, Experiment]
    segments: Mapping[str, Segment]

    def decide(self, flag: str, user: str | None, context: Mapping[str, Any], now: float) -> str | None:
        """The variant. As in a request, the context has the user's id. No experiment takes the user."""
        state = State(now, self._find_flag, self._find_segment, lambda _key: None)
        whole = dict(context) if user is None else {**context, "user_id": user}
        answer = self.flags[flag].definition.decide(user, whole, state)
        variant: str | None = getattr(answer, "variant", NONE)
        return variant

    def list_documents(self) -> list[Definition]:
        flags = [flag.document for flag in self.flags.values()]
        experiments = [experiment.document for experiment in self.experiments.values()]
        return [*flags, *experiments, *(segment.document for segment in self.segments.values())]

    def _find_flag(self, key: str) -> Any:
        return self.flags[key].definition if key in self.flags else None

    def _find_segment(self, key: str) -> Condition | None:
        return self.segments[key].condition if key in self.segments else None


def load_example(path: Path) -> Example:
    (data,) = parse_documents(path.read_bytes(), path.suffix)
    flags = [compiler.compile_flag(compiler.parse_flag(each)) for each in data.get("flags", [])]
    experiments = [
        compiler.compile_experiment(compiler.parse_experiment(each)) for each in data.get("experiments", [])
    ]
    segments = [compiler.compile_segment(compiler.parse_segment(each)) for each in data.get("segments", [])]
    return Example(
        {flag.key: flag for flag in flags},
        {experiment.key: experiment for experiment in experiments},
        {segment.key: segment for segment in segments},
    )
