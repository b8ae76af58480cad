"""Translates a pattern into RE2's syntax, so that RE2 gives the same answer as Python's ``re`` on every text.

RE2 knows only ASCII for classes, word boundaries and case, and reads ``$`` differently. So the text is
translated, too: characters that every atom of the pattern treats alike become one letter, and ``re`` itself
says which atoms match a character. Over those letters both engines agree. Greediness and captures do not
change whether a pattern occurs.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import chain, count
from re import _compiler, _parser  # type: ignore[attr-defined,unused-ignore] # compile_atom needs both
from re import _constants as op  # type: ignore[attr-defined,unused-ignore] # names of the nodes of the parse tree
from string import ascii_letters, digits
from typing import Any

_ALPHABETS = re.ASCII | re.UNICODE
_ATOMS = (op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN)
_WORD = (op.IN, [(op.CATEGORY, op.CATEGORY_WORD)])
_POSITIONS = {
    op.AT_BEGINNING: r"\A",
    op.AT_BEGINNING_STRING: r"\A",
    op.AT_END: "(?m:$)",
    op.AT_END_STRING: r"\z",
    op.AT_BOUNDARY: r"\b",
    op.AT_NON_BOUNDARY: r"\B",
}
_WORDS = ascii_letters + digits + "_"
_INNER_NEWLINE = "\r"
_OTHERS = "".join(chr(code) for code in range(128) if chr(code) not in f"{_WORDS}\n{_INNER_NEWLINE}")

Kind = tuple[bool, ...]
"""For a character: whether each atom matches it, and last whether ``\\b`` counts it as part of a word.

ASCII has 63 letters that are part of a word."""


class NotLinear(ValueError):
    """The pattern has look-around or backreferences, or needs more letters than ASCII has."""


Atom = tuple[Any, int]
"""A node of the parse tree that matches one character, and the flags there."""


class LinearPattern:
    """A pattern as ``parts``: RE2's syntax as text, and where an atom stands, its index in ``atoms``."""

    def __init__(self, tree: Any) -> None:
        self.atoms: list[Atom] = []
        self.word: Atom | None = None
        self.is_multiline = self._has_end_of_text = False
        self._indexes: dict[str, int] = {}
        self.parts = list(self._translate_sequence(tree, tree.state.flags))
        if self.is_multiline and self._has_end_of_text:
            raise NotLinear("mixes `$` of the text with `^` or `$` of a line")

    def _translate_sequence(self, nodes: Any, flags: int) -> Iterator[str | int]:
        for kind, argument in nodes:
            yield from self._translate_node(kind, argument, flags)

    def _translate_node(self, kind: Any, argument: Any, flags: int) -> Iterator[str | int]:
        if kind in _ATOMS:
            yield self._add_atom((kind, argument), flags)
        elif kind is op.AT:
            yield self._translate_position(argument, flags)
        elif kind is op.SUBPATTERN:
            yield "(?:"
            yield from self._translate_sequence(argument[3], apply_group_flags(argument, flags))
            yield ")"
        elif kind is op.BRANCH:
            for index, branch in enumerate(argument[1]):
                yield "|" if index else "(?:"
                yield from self._translate_sequence(branch, flags)
            yield ")"
        elif kind in (op.MAX_REPEAT, op.MIN_REPEAT):
            min_rounds, max_rounds, body = argument
            yield "(?:"
            yield from self._translate_sequence(body, flags)
            yield f"){{{int(min_rounds)},{'' if max_rounds is op.MAXREPEAT else int(max_rounds)}}}"
        else:
            raise NotLinear("uses look-around or backreferences")

    def _add_atom(self, node: Any, flags: int) -> int:
        flags &= re.IGNORECASE | re.DOTALL | _ALPHABETS
        index = self._indexes.setdefault(name_atom((node, flags)), len(self.atoms))
        if index == len(self.atoms):
            self.atoms.append((node, flags))
        return index

    def _translate_position(self, position: Any, flags: int) -> str:
        if position in (op.AT_BEGINNING, op.AT_END) and flags & re.MULTILINE:
            self.is_multiline = True
            return "(?m:^)" if position is op.AT_BEGINNING else "(?m:$)"
        self._has_end_of_text |= position is op.AT_END
        if position in (op.AT_BOUNDARY, op.AT_NON_BOUNDARY):
            word = (_WORD, flags & _ALPHABETS)
            if self.word not in (None, word):
                raise NotLinear("mixes word boundaries of ASCII and of Unicode")
            self.word = word
        return _POSITIONS[position]


class Alphabet:
    """The letters of all characters that occurred so far. Not safe to share between threads.

    Newline has two letters: RE2's ``(?m:$)`` holds before ``\\n`` only. If ``$`` means the end of the text,
    only the last newline stays ``\\n``, and every other becomes _INNER_NEWLINE.
    """

    def __init__(self, pattern: LinearPattern) -> None:
        self.pattern = pattern
        self.characters = {"\n"}
        self.kinds: dict[Kind, str] = {}
        self._table = {ord("\n"): "\n" if pattern.is_multiline else _INNER_NEWLINE}
        others = chain(_OTHERS, map(chr, count(128)))
        self._unused = {True: iter(_WORDS), False: others if pattern.word else chain(_WORDS, others)}
        self._atoms = [compile_atom(atom) for atom in pattern.atoms]
        self._word = compile_atom(pattern.word) if pattern.word else _NO_CHARACTER
        (self._newline_kind,) = self._list_kinds("\n")
        self._add_characters({*map(chr, range(128))} - self.characters)

    def encode(self, text: str, stand_ins: Mapping[str, str]) -> str:
        """The text in letters. Raises NotLinear if it needs more letters than ASCII has.

        ``stand_ins``: by a character of the text, the one that it stands for.
        """
        table = self._table
        if stand_ins or not text.isascii():
            self._add_characters({*stand_ins.values(), *(text if not stand_ins else "")} - self.characters)
            table = table | {ord(one): table[ord(other)] for one, other in stand_ins.items()}
        letters = text.translate(table)
        return letters[:-1] + "\n" if letters.endswith(_INNER_NEWLINE) else letters

    def _add_characters(self, characters: set[str]) -> None:
        new = "".join(characters)
        for character, kind in zip(new, self._list_kinds(new), strict=True):
            if kind not in self.kinds:
                self.kinds[kind] = self._take_letter(kind[-1])
            self._table[ord(character)] = self.kinds[kind]
        self.characters |= characters

    def build_pattern(self) -> str:
        """In RE2's syntax, valid for every text encoded so far."""
        classes = [self._build_class(index) for index in range(len(self.pattern.atoms))]
        return "".join(part if isinstance(part, str) else classes[part] for part in self.pattern.parts)

    def _build_class(self, atom_index: int) -> str:
        letters = [letter for kind, letter in self.kinds.items() if kind[atom_index]]
        if self._newline_kind[atom_index]:
            letters += ["\n", _INNER_NEWLINE]
        escaped = "".join(f"\\x{{{ord(letter):x}}}" for letter in letters)
        return f"[{escaped}]" if escaped else r"[^\x{0}-\x{10ffff}]"

    def _list_kinds(self, characters: str) -> list[Kind]:
        matches = [{*atom.findall(characters)} for atom in (*self._atoms, self._word)]
        return list(zip(*(map(matched.__contains__, characters) for matched in matches), strict=True))

    def _take_letter(self, is_word: bool) -> str:
        letter = next(self._unused[is_word], None)
        if letter is None:
            raise NotLinear("needs more letters than ASCII has")
        return letter


_NO_CHARACTER = re.compile("(?!)")


def apply_group_flags(group: Any, flags: int) -> int:
    """The flags inside a group of the parse tree, which may switch some on and off."""
    _number, added, removed, _body = group
    if added & _ALPHABETS:
        flags &= ~_ALPHABETS
    return int((flags | added) & ~removed)


def name_atom(atom: Atom) -> str:
    """The same for atoms that match the same characters by the same means."""
    node, flags = atom
    return f"{flags} {node}"


def compile_atom(atom: Atom) -> re.Pattern[str]:
    """By itself, an atom matches the same characters as within its pattern."""
    node, flags = atom
    state = _parser.State()
    state.flags = flags
    compiled: re.Pattern[str] = _compiler.compile(_parser.SubPattern(state, [node]))
    return compiled
