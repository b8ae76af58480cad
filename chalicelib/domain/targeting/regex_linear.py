"""A pattern in RE2's language, if RE2 then gives the answer of Python's ``re`` on every text.

Written from the parse tree, so that nothing depends on how the two languages spell things. Whether a pattern
occurs does not depend on greed or on captures.
"""

import re
from re import _constants as op  # type: ignore[attr-defined] # names of the nodes of the parse tree
from typing import Any

_UNDERSTOOD = re.IGNORECASE | re.MULTILINE | re.DOTALL | re.VERBOSE | re.UNICODE
_SPACES = r"\t-\r\x{1c}-\x{20}"
_CLASSES = {
    op.CATEGORY_DIGIT: r"\d",
    op.CATEGORY_NOT_DIGIT: r"\D",
    op.CATEGORY_WORD: r"\w",
    op.CATEGORY_NOT_WORD: r"\W",
    op.CATEGORY_SPACE: _SPACES,
    op.CATEGORY_NOT_SPACE: r"\x{0}-\x{8}\x{e}-\x{1b}\x{21}-\x{10ffff}",
}
_POSITIONS = {
    op.AT_BEGINNING_STRING: r"\A",
    op.AT_END_STRING: r"\z",
    op.AT_BOUNDARY: r"\b",
    op.AT_NON_BOUNDARY: r"\B",
}


class NotLinear(ValueError):
    """The pattern needs memory of what it matched, or differs between the engines."""


def to_re2(tree: Any) -> tuple[str, bool]:
    """The pattern, and whether it is exact on ASCII texts only: RE2's classes and case are not Unicode's."""
    flags = tree.state.flags
    if flags & ~_UNDERSTOOD:
        raise NotLinear("has flags that RE2 does not know")
    writer = _Writer()
    pattern = writer.sequence(tree, flags, tail=True)
    if writer.ignores_case and not writer.ascii_pattern:
        raise NotLinear("ignores the case of letters beyond ASCII")
    return pattern, writer.ignores_case or writer.has_classes


class _Writer:
    """Remembers what it met on the way through the tree."""

    def __init__(self) -> None:
        self.ignores_case = self.has_classes = False
        self.ascii_pattern = True

    def sequence(self, nodes: Any, flags: int, tail: bool) -> str:
        last = len(nodes) - 1
        return "".join(
            self.node(kind, argument, flags, tail and i == last) for i, (kind, argument) in enumerate(nodes)
        )

    def node(self, kind: Any, argument: Any, flags: int, tail: bool) -> str:
        if kind is op.LITERAL:
            return self.cased(self.character(argument), flags)
        if kind is op.NOT_LITERAL:
            return self.cased(f"[^{self.character(argument)}]", flags)
        if kind is op.ANY:
            return r"[\x{0}-\x{10ffff}]" if flags & re.DOTALL else r"[^\n]"
        if kind is op.IN:
            return self.cased(self.one_of(argument), flags)
        if kind is op.AT:
            return self.position(argument, flags, tail)
        if kind is op.SUBPATTERN:
            _group, added, removed, body = argument
            return f"(?:{self.sequence(body, (flags | added) & ~removed, tail)})"
        if kind is op.BRANCH:
            return f"(?:{'|'.join(self.sequence(branch, flags, tail) for branch in argument[1])})"
        if kind in (op.MAX_REPEAT, op.MIN_REPEAT):
            least, most, body = argument
            upper = "" if most is op.MAXREPEAT else int(most)
            return f"(?:{self.sequence(body, flags, tail=False)}){{{int(least)},{upper}}}"
        raise NotLinear("looks around or refers back")

    def character(self, code: int) -> str:
        self.ascii_pattern &= code < 128
        return f"\\x{{{code:x}}}"

    def cased(self, text: str, flags: int) -> str:
        if not flags & re.IGNORECASE:
            return text
        self.ignores_case = True
        return f"(?i:{text})"

    def one_of(self, items: Any) -> str:
        parts = []
        for kind, argument in items:
            if kind is op.NEGATE:
                parts.append("^")
            elif kind is op.LITERAL:
                parts.append(self.character(argument))
            elif kind is op.RANGE:
                parts.append("-".join(map(self.character, argument)))
            else:
                self.has_classes = True
                parts.append(_CLASSES[argument])
        return f"[{''.join(parts)}]"

    def position(self, where: Any, flags: int, tail: bool) -> str:
        multiline = flags & re.MULTILINE
        if where is op.AT_BEGINNING:
            return "(?m:^)" if multiline else r"\A"
        if where is op.AT_END:
            if not (multiline or tail):  # it may hold before a final newline, which RE2 could only consume
                raise NotLinear("goes on after `$`")
            return "(?m:$)" if multiline else r"(?:\n?\z)"
        self.has_classes |= where in (op.AT_BOUNDARY, op.AT_NON_BOUNDARY)
        return _POSITIONS[where]
