"""A compiled condition, and what the compiler knows about it."""

from typing import NamedTuple

from chalicelib.domain.general_form.shards import Bounds, Shard
from chalicelib.domain.general_form.state import Condition, Context, State


class Compiled(NamedTuple):
    """``constant``: what it always is, in a tuple. ``is_two_valued``: it is never unknown.

    ``shard``: the shard and the bounds that it consists of. ``texts``: the attribute (None is the user) and
    the texts one of which it must be.
    """

    condition: Condition
    is_two_valued: bool
    constant: tuple[bool | None] | None = None
    shard: tuple[Shard, Bounds] | None = None
    texts: tuple[str | None, frozenset[str]] | None = None


def _always(_user: str | None, _context: Context, _state: State) -> bool | None:
    return True


def _never(_user: str | None, _context: Context, _state: State) -> bool | None:
    return False


TRUE = Compiled(_always, True, (True,))
FALSE = Compiled(_never, True, (False,))


def compile_text_in(attribute: str | None, texts: frozenset[str]) -> Compiled:
    """Whether an attribute, or the user's id for None, is one of ``texts``."""
    if attribute is None:
        return Compiled(lambda user, _context, _state: user in texts, True, texts=(None, texts))
    if len(texts) == 1:
        (text,) = texts
        return Compiled(
            lambda _user, context, _state: context.get(attribute) == text, True, texts=(attribute, texts)
        )

    def is_in(_user: str | None, context: Context, _state: State) -> bool:
        try:
            return context.get(attribute) in texts
        except TypeError:  # a list or an object is not hashable, and not a text
            return False

    return Compiled(is_in, True, texts=(attribute, texts))


def compile_any_text_in(attribute: str, texts: frozenset[str]) -> Compiled:
    """As `compile_text_in`; of a list, whether an element is one of ``texts``."""

    def is_in(_user: str | None, context: Context, _state: State) -> bool:
        value = context.get(attribute)
        if type(value) is str:
            return value in texts
        if type(value) is not list:
            return False
        return any(type(element) is str and element in texts for element in value)

    return Compiled(is_in, True)
