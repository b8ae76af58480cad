"""How conditions find segments."""

from collections.abc import Mapping

from chalicelib.domain.definitions.model import FindSegment, Segment
from chalicelib.domain.general_form.state import Condition
from chalicelib.services.definitions.sources import DefinitionSource


def find_by_key(segments: DefinitionSource[Segment]) -> FindSegment:
    """Each look-up asks ``segments``, which loads that segment only."""
    get = segments.get

    def find(key: str) -> Condition | None:
        segment = get(key)
        return None if segment is None else segment.condition

    return find


def find_in_all(segments: DefinitionSource[Segment]) -> FindSegment:
    """For one request: the first look-up loads all segments, with one call instead of one for each.

    The function raises the error of a segment that exists but cannot be read.
    """
    loaded: Mapping[str, Segment] | None = None

    def find(key: str) -> Condition | None:
        nonlocal loaded
        if loaded is None:
            loaded = segments.get_all()
        segment = loaded.get(key)
        if segment is not None:
            return segment.condition
        if error := segments.get_unreadable().get(key):
            raise error
        return None

    return find
