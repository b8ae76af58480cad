"""The definitions of one version, compiled when they are first asked for."""

import logging
from collections.abc import Callable, Mapping
from typing import TypeVar

from chalicelib.domain.definitions.client_document import ClientDefinition, ClientDocument
from chalicelib.domain.definitions.compiler import load_flag, load_segment
from chalicelib.domain.definitions.model import DefinitionKind, DefinitionName, Flag, Segment
from chalicelib.domain.errors import RealtimeError
from chalicelib.domain.general_form.served import Decide
from chalicelib.domain.general_form.state import Condition
from realtime.client.details import ErrorCode, Failure

_log = logging.getLogger("realtime_client")
T = TypeVar("T", Flag, Segment)


class DefinitionSet:
    """Threads share it. A load of 10,000 flags only reads where each begins, so it holds up nobody.

    ``flags`` are those that were asked for already, by key and by alias. What has not changed since
    ``earlier`` is taken over from there. It also serves where a new version cannot be read.
    ``deciders`` are of flags that refer to nothing and to no time.
    """

    def __init__(self, document: ClientDocument, earlier: "DefinitionSet | None" = None) -> None:
        self.version = document.version
        self.window = document.window
        self._definitions = document.definitions
        self._keys: Mapping[str, str] = {
            each.alias: each.key
            for (kind, _), each in document.definitions.items()
            if kind == "flag" and each.alias is not None
        }
        self.flags: dict[str, Flag] = {}
        self.deciders: dict[str, Decide] = {}
        self._segments: dict[str, Segment] = {}
        self._last_good_flags: dict[str, Flag] = {}
        self._last_good_segments: dict[str, Segment] = {}
        self._failures: dict[DefinitionName, Failure] = {}
        if earlier is not None:
            self._take_over(earlier)

    def __len__(self) -> int:
        return len(self._definitions)

    def get_flag(self, key: str) -> Flag | None:
        """By its key. Raises Failure for a definition that cannot be read."""
        flag = self.flags.get(key)
        if flag is not None and flag.key == key:
            return flag
        definition = self._definitions.get(("flag", key))
        if definition is None:
            return None
        self.flags[key] = compiled = self._compile(load_flag, definition, self._last_good_flags)
        return compiled

    def note_decider(self, name: str, flag: Flag) -> None:
        """After its first evaluation: most flags need nothing but their compiled function from then on."""
        if not (flag.definition.reads_state or flag.later):
            self.deciders[name] = flag.definition.decide

    def find_flag(self, name: str) -> Flag | None:
        """By key or alias, as `get_flag`."""
        flag = self.get_flag(name)
        key = self._keys.get(name)
        if flag is None and key is not None:
            flag = self.get_flag(key)
            if flag is not None:
                self.flags[name] = flag
        return flag

    def find_condition(self, key: str) -> Condition | None:
        segment = self._segments.get(key)
        if segment is None:
            definition = self._definitions.get(("segment", key))
            if definition is None:
                return None
            self._segments[key] = segment = self._compile(load_segment, definition, self._last_good_segments)
        return segment.condition

    def _take_over(self, earlier: "DefinitionSet") -> None:
        def divide(kind: DefinitionKind, compiled: Mapping[str, T], last_good: dict[str, T]) -> dict[str, T]:
            """Those whose definition is the same; the others become the last good ones."""
            same = {}
            for key, each in compiled.items():
                definition = self._definitions.get((kind, key))
                if definition is not None and definition == earlier._definitions.get((kind, key)):
                    same[key] = each
                elif definition is not None:  # else it is gone, or an alias, which is looked up again
                    last_good[key] = each
            return same

        # First those of before: a version that nobody has asked for is not compiled, and does not end them.
        self._last_good_flags |= earlier._last_good_flags
        self._last_good_segments |= earlier._last_good_segments
        self.flags = divide("flag", earlier.flags, self._last_good_flags)
        self._segments = divide("segment", earlier._segments, self._last_good_segments)

    def _compile(
        self, load: Callable[[str, int], T], definition: ClientDefinition, last_good: Mapping[str, T]
    ) -> T:
        name = definition.kind, definition.key
        if name in self._failures:
            raise self._failures[name]
        try:
            return load(definition.text, definition.version)
        except (RealtimeError, ValueError) as error:
            message = (
                f"This client cannot read the {definition.kind} {definition.key!r}: update it. ({error})"
            )
            _log.warning("This client cannot read the %s %r: update it.", *name)  # details may name users
            if definition.key in last_good:
                return last_good[definition.key]
            self._failures[name] = Failure(ErrorCode.PARSE_ERROR, message)
            raise self._failures[name] from None
