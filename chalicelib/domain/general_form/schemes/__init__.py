"""The closed registry of schemes: pure functions from a unit's text to a number in which ranges are written.

A scheme gives a raw integer and a monotone reading of it as a number. Ranges become bounds on the raw integer
when a definition is loaded, so that a request compares integers whatever the scheme's numbers are.
"""

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.domain.general_form.schemes.code_units import CODE_UNIT_SCHEMES
from chalicelib.domain.general_form.schemes.digests import DIGEST_SCHEMES
from chalicelib.domain.general_form.schemes.murmur import MURMUR_SCHEMES
from chalicelib.domain.general_form.schemes.scheme import Number, Scheme, SchemeEntry, find_bound

__all__ = ["PARAMETERS", "SCHEMES", "Number", "Scheme", "SchemeEntry", "find_bound"]

SCHEMES: Mapping[str, SchemeEntry] = {**MURMUR_SCHEMES, **DIGEST_SCHEMES, **CODE_UNIT_SCHEMES}


def _is_text(value: Any) -> bool:
    """A lone surrogate cannot be hashed."""
    try:
        return isinstance(value, str) and bool(value.encode() or True)
    except UnicodeEncodeError:
        return False


def _is_integer(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= high


PARAMETERS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "prefix": (_is_text, "must be a text"),
    "suffix": (_is_text, "must be a text"),
    "half": (lambda value: value in ("first", "second"), "must be first or second"),
    "seed": (_is_integer(0, 2**32 - 1), "must be an integer from 0 to 4294967295"),
    "of": (_is_integer(1, 2**32), "must be an integer from 1 to 4294967296"),
}
"""What each parameter must be."""
