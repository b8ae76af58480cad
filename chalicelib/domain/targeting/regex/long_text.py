"""What all patterns share about one long text: its characters outside of ASCII, and which atoms match them.

Without it, each pattern would ask ``re`` about thousands of characters. Here an atom is asked once for a
text, and all characters that a pattern treats alike become one that stands for them.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from chalicelib.domain.targeting.regex.linear import Atom, NotLinear, compile_atom
from chalicelib.domain.targeting.values import LastResultCache

MAX_KEPT = 64
"""Sets of characters that are kept for a text, and reduced texts."""
MAX_GROUPS = 128
"""A pattern that tells more characters apart needs more letters than ASCII has."""
_ASCII = frozenset(map(chr, range(128)))
_NO_CHARACTERS: frozenset[str] = frozenset()
Groups = frozenset[frozenset[str]]


class ReducedText(NamedTuple):
    """``stand_ins``: by a character of ASCII that the text did not have, the one that it stands for.

    A text that has all of ASCII keeps one character of each group.
    """

    text: str
    stand_ins: Mapping[str, str]


class LongText:
    def __init__(self, text: str) -> None:
        self._text = text
        characters = frozenset(text)
        self._characters = characters - _ASCII
        self._joined = "".join(self._characters)
        self._free = sorted(_ASCII - characters - {"\n", "\r"})
        self._trivial: dict[str, frozenset[str]] = {}
        self._matches: dict[str, frozenset[str]] = {}
        self._reduced: dict[Groups, ReducedText] = {}

    def reduce(self, atoms: Iterable[tuple[str, Atom]]) -> ReducedText:
        """For a pattern of these atoms, each with its name. Raises NotLinear for too many groups."""
        groups = [self._characters]
        for name, atom in atoms:
            matches = self._find_matches(name, atom)
            if 0 < len(matches) < len(self._characters):
                groups = [part for group in groups for part in (group & matches, group - matches) if part]
                if len(groups) > MAX_GROUPS:
                    raise NotLinear("needs more letters than ASCII has")
        key = frozenset(groups)
        reduced = self._reduced.get(key)
        if reduced is None:
            _make_room(self._reduced)
            reduced = self._reduced[key] = self._replace(groups)
        return reduced

    def _replace(self, groups: list[frozenset[str]]) -> ReducedText:
        first = [min(group) for group in groups]
        has_room = len(groups) <= len(self._free)
        stand_ins = dict(zip(self._free, first, strict=False)) if has_room else {}
        table: dict[int, str] = {}
        for group, character in zip(groups, stand_ins or first, strict=False):
            table |= dict.fromkeys(map(ord, group), character)
        return ReducedText(self._text.translate(table), stand_ins)

    def _find_matches(self, name: str, atom: Atom) -> frozenset[str]:
        known = self._trivial.get(name, self._matches.get(name))
        if known is not None:
            return known
        matches = frozenset(compile_atom(atom).findall(self._joined))
        if not matches or len(matches) == len(self._characters):
            self._trivial[name] = matches = self._characters if matches else _NO_CHARACTERS
        else:
            _make_room(self._matches)
            self._matches[name] = matches
        return matches


def _make_room(kept: dict[str, frozenset[str]] | dict[Groups, ReducedText]) -> None:
    if len(kept) >= MAX_KEPT:
        kept.clear()


read_long_text = LastResultCache(LongText)
