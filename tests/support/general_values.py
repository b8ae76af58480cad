"""What the plain interpreter of the general form computes with."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

Json = Any


class Special(Enum):
    MISSING = "an operand that is not there"
    UNREADABLE = "a value that its reader or its relation cannot read"
    NEXT = "the word `next` was served"
    UNDECIDED = "nothing was served"


MISSING, UNREADABLE, NEXT, UNDECIDED = Special


@dataclass(frozen=True)
class Version:
    numbers: tuple[int, ...]
    prerelease: tuple[str, ...]


@dataclass(frozen=True)
class Numbers:
    """A version that is nothing but numbers, without zeros at its end."""

    numbers: tuple[int, ...]


LONGEST_TEXT = 300
"""Characters of a number, a version or a time."""


def is_number(value: Json) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_integer(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def decimal_text(number: float) -> str | Special:
    try:
        return str(number)
    except ValueError:  # over 4,300 digits
        return UNREADABLE
