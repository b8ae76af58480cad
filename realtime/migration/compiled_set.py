"""Definitions that are asked as callers ask them, by the engine that decides in production."""

from collections.abc import Iterable, Mapping

from chalicelib.domain.assignment import decide
from chalicelib.domain.definitions.compiler import compile_experiment, compile_flag, compile_segment
from chalicelib.domain.definitions.model import Evaluation, Experiment, Flag, Segment, find_in_force
from chalicelib.domain.definitions.schema import ExperimentDocument, FlagDocument, SegmentDocument
from chalicelib.domain.errors import RealtimeError
from chalicelib.domain.evaluation import evaluate, make_experiment_answer, make_state
from chalicelib.domain.general_form.state import Condition, State, Stop
from chalicelib.domain.publishing.documents import Document
from realtime.migration.model import Json


class CompiledSet:
    """Each definition is compiled when it is first needed."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._documents: dict[tuple[type, str], Document] = {
            (type(document), document.key): document for document in documents
        }
        self._keys = {
            document.alias or document.key: document.key
            for document in self._documents.values()
            if isinstance(document, FlagDocument)
        }
        self._flags: dict[str, Flag] = {}
        self._segments: dict[str, Segment] = {}
        self._experiments: dict[str, Experiment] = {}

    @property
    def names(self) -> Iterable[str]:
        """By which callers ask for flags."""
        return self._keys.keys()

    def find(self, name: str) -> Flag | None:
        """By alias or key, as callers ask."""
        return self.find_flag(self._keys.get(name, name))

    def find_flag(self, key: str) -> Flag | None:
        if key not in self._flags:
            document = self._documents.get((FlagDocument, key))
            if not isinstance(document, FlagDocument):
                return None
            self._flags[key] = compile_flag(document)
        return self._flags[key]

    def make_state(self, user: str | None, context: Mapping[str, Json], now: float) -> State:
        """For all flags of one user. An experiment that a flag serves answers as it does a new user."""

        def assign(key: str) -> Evaluation | None:
            experiment = self._find_experiment(key)
            if experiment is None or user is None:
                raise Stop
            in_force = find_in_force(experiment, now)
            decision = decide(in_force, user, context, now, lambda: None, self._find_segment, self.find_flag)
            return make_experiment_answer(decision, in_force.version)

        return make_state(now, self.find_flag, self._find_segment, assign)

    def ask(
        self, flag: Flag, user: str | None, context: Mapping[str, Json], state: State
    ) -> Evaluation | RealtimeError:
        """The error of a flag that has no answer, such as one without a unit."""
        try:
            return evaluate(flag, user, context, state.now, self.find_flag, state)
        except RealtimeError as error:
            return error

    def _find_segment(self, key: str) -> Condition | None:
        if key not in self._segments:
            document = self._documents.get((SegmentDocument, key))
            if not isinstance(document, SegmentDocument):
                return None
            self._segments[key] = compile_segment(document)
        return self._segments[key].condition

    def _find_experiment(self, key: str) -> Experiment | None:
        if key not in self._experiments:
            document = self._documents.get((ExperimentDocument, key))
            if not isinstance(document, ExperimentDocument):
                return None
            self._experiments[key] = compile_experiment(document)
        return self._experiments[key]


def add_user(user: str | None, context: Mapping[str, Json]) -> dict[str, Json]:
    """The attributes as OpenFeature clients send them."""
    return dict(context) if user is None else {"user_id": user, **context}
