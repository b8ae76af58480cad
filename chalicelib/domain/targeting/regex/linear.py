"""A pattern in RE2's language that gives the answer of Python's ``re`` on every text.

RE2's classes, word boundaries and case are ASCII's, and its ``$`` is another. So the text is rewritten, too:
characters that no atom of the pattern tells apart become one letter, and ``re`` itself says what an atom
matches. Over those letters the two languages agree. Whether a pattern occurs depends on no greed or capture.
"""

import re
from collections.abc import Iterator
from itertools import chain, count
from re import _compiler, _parser  # type: ignore[attr-defined] # an atom by itself is compiled from its node
from re import _constants as op  # type: ignore[attr-defined] # names of the nodes of the parse tree
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
"""Which atoms match a character, and last whether ``\\b`` takes it for part of a word: 63 letters are."""


class NotLinear(ValueError):
    """The pattern needs memory of what it matched, or more kinds of letters than ASCII has."""


Atom = tuple[Any, int]
"""A node of the parse tree that matches one character, and the flags there."""


class Linear:
    """The pattern in ``parts``: RE2's text, and in between the numbers of ``atoms``."""

    def __init__(self, tree: Any) -> None:
        self.atoms: list[Atom] = []
        self.word: Atom | None = None
        self.multiline = self._final = False
        self._numbers: dict[str, int] = {}
        self.parts = list(self._sequence(tree, tree.state.flags))
        if self.multiline and self._final:
            raise NotLinear("mixes `$` of the text with `^` or `$` of a line")

    def _sequence(self, nodes: Any, flags: int) -> Iterator[str | int]:
        for kind, argument in nodes:
            yield from self._node(kind, argument, flags)

    def _node(self, kind: Any, argument: Any, flags: int) -> Iterator[str | int]:
        if kind in _ATOMS:
            yield self._atom((kind, argument), flags)
        elif kind is op.AT:
            yield self._position(argument, flags)
        elif kind is op.SUBPATTERN:
            yield "(?:"
            yield from self._sequence(argument[3], inner_flags(argument, flags))
            yield ")"
        elif kind is op.BRANCH:
            for index, branch in enumerate(argument[1]):
                yield "|" if index else "(?:"
                yield from self._sequence(branch, flags)
            yield ")"
        elif kind in (op.MAX_REPEAT, op.MIN_REPEAT):
            least, most, body = argument
            yield "(?:"
            yield from self._sequence(body, flags)
            yield f"){{{int(least)},{'' if most is op.MAXREPEAT else int(most)}}}"
        else:
            raise NotLinear("looks around or refers back")

    def _atom(self, node: Any, flags: int) -> int:
        flags &= re.IGNORECASE | re.DOTALL | _ALPHABETS
        number = self._numbers.setdefault(f"{flags} {node}", len(self.atoms))
        if number == len(self.atoms):
            self.atoms.append((node, flags))
        return number

    def _position(self, where: Any, flags: int) -> str:
        if where in (op.AT_BEGINNING, op.AT_END) and flags & re.MULTILINE:
            self.multiline = True
            return "(?m:^)" if where is op.AT_BEGINNING else "(?m:$)"
        self._final |= where is op.AT_END
        if where in (op.AT_BOUNDARY, op.AT_NON_BOUNDARY):
            word = (_WORD, flags & _ALPHABETS)
            if self.word not in (None, word):
                raise NotLinear("mixes word boundaries of ASCII and of Unicode")
            self.word = word
        return _POSITIONS[where]


class Letters:
    """The letters of the characters seen so far, and the pattern over them. Not to be shared between threads.

    Newline has two: RE2's ``(?m:$)`` holds before ``\\n`` only. If ``$`` means the end of the text, that is
    just the final newline, and every other is _INNER_NEWLINE.
    """

    def __init__(self, linear: Linear) -> None:
        self.linear = linear
        self.known = {"\n"}
        self.kinds: dict[Kind, str] = {}
        self._table = {ord("\n"): "\n" if linear.multiline else _INNER_NEWLINE}
        endless = chain(_OTHERS, map(chr, count(128)))
        self._free = {True: iter(_WORDS), False: endless if linear.word else chain(_WORDS, endless)}
        self._tests = [alone(atom) for atom in linear.atoms]
        self._word = alone(linear.word) if linear.word else _NOTHING
        (self._newline,) = self._kinds_of("\n")
        self._learn({*map(chr, range(128))} - self.known)

    def read(self, text: str) -> str:
        """The text in letters. Raises NotLinear if it has more kinds of letters than ASCII has."""
        if not text.isascii():
            self._learn({*text} - self.known)
        letters = text.translate(self._table)
        return letters[:-1] + "\n" if letters.endswith(_INNER_NEWLINE) else letters

    def _learn(self, characters: set[str]) -> None:
        new = "".join(characters)
        for character, kind in zip(new, self._kinds_of(new), strict=True):
            if kind not in self.kinds:
                self.kinds[kind] = self._letter(kind[-1])
            self._table[ord(character)] = self.kinds[kind]
        self.known |= characters

    def pattern(self) -> str:
        """In RE2's language, right for every text read so far."""
        classes = [self._class(number) for number in range(len(self.linear.atoms))]
        return "".join(part if isinstance(part, str) else classes[part] for part in self.linear.parts)

    def _class(self, number: int) -> str:
        letters = [letter for kind, letter in self.kinds.items() if kind[number]]
        if self._newline[number]:
            letters += ["\n", _INNER_NEWLINE]
        escaped = "".join(f"\\x{{{ord(letter):x}}}" for letter in letters)
        return f"[{escaped}]" if escaped else r"[^\x{0}-\x{10ffff}]"

    def _kinds_of(self, characters: str) -> list[Kind]:
        matched = [{*test.findall(characters)} for test in (*self._tests, self._word)]
        return list(zip(*(map(found.__contains__, characters) for found in matched), strict=True))

    def _letter(self, is_word: bool) -> str:
        letter = next(self._free[is_word], None)
        if letter is None:
            raise NotLinear("tells too many kinds of letters apart")
        return letter


_NOTHING = re.compile("(?!)")


def inner_flags(group: Any, flags: int) -> int:
    """Within a group of the parse tree that may switch flags on and off."""
    _number, added, removed, _body = group
    if added & _ALPHABETS:
        flags &= ~_ALPHABETS
    return int((flags | added) & ~removed)


def alone(atom: Atom) -> re.Pattern[str]:
    """What the atom matches by itself is what it matches within the pattern."""
    node, flags = atom
    state = _parser.State()
    state.flags = flags
    compiled: re.Pattern[str] = _compiler.compile(_parser.SubPattern(state, [node]))
    return compiled
