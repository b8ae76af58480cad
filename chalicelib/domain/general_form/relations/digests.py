"""Relations between a text and digests: the definition does not show what it compares with.

The value is ``{"algorithm": "sha256", "salt", "suffix", "digests"}``. A digest is the SHA-256 of text, salt
and suffix, in hex. For the start or the end of a text a digest is written ``LENGTH_DIGEST``, and only so many
bytes of the text are hashed.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from chalicelib.domain.general_form.values import UNREADABLE, Relation, UnusableOperand

_DIGEST = re.compile("[0-9a-fA-F]{64}")
_PART_DIGEST = re.compile("([0-9]{1,6})_([0-9a-fA-F]{64})")
_USE = (
    "must be an object with algorithm (sha256), salt, suffix, and digests: a list of digests in hex, "
    "each with its length in bytes in front (5_2cf2…) if it is of a start or an end"
)


def _build_digest_in(right: Any) -> Relation:
    ending, texts = _parse(right)
    digests = frozenset(_require_match(_DIGEST, text)[0].lower() for text in texts)

    def holds(left: Any) -> Any:
        data = _encode(left)
        return UNREADABLE if data is None else sha256(data + ending).hexdigest() in digests

    return holds


def _build_digest_list(right: Any) -> Relation:
    """Whether one of the texts of a list has one of the digests."""
    has_digest = _build_digest_in(right)
    return lambda left: any(has_digest(text) is True for text in left) if type(left) is list else UNREADABLE


def _build_digest_part(take: Callable[[bytes, int], bytes]) -> Callable[[Any], Relation]:
    def build(right: Any) -> Relation:
        ending, texts = _parse(right)
        digests: defaultdict[int, set[str]] = defaultdict(set)
        for text in texts:
            match = _require_match(_PART_DIGEST, text)
            digests[int(match[1])].add(match[2].lower())

        def holds(left: Any) -> Any:
            data = _encode(left)
            if data is None:
                return UNREADABLE
            return any(
                len(data) >= length and sha256(take(data, length) + ending).hexdigest() in wanted
                for length, wanted in digests.items()
            )

        return holds

    return build


def _take_start(data: bytes, length: int) -> bytes:
    return data[:length]


def _take_end(data: bytes, length: int) -> bytes:
    return data[len(data) - length :]


def _parse(right: Any) -> tuple[bytes, list[Any]]:
    """What is hashed behind each text, and the digests."""
    if type(right) is not dict or not right.keys() <= {"algorithm", "salt", "suffix", "digests"}:
        raise UnusableOperand(_USE)
    salt, suffix = _encode(right.get("salt", "")), _encode(right.get("suffix", ""))
    digests = right.get("digests")
    if right.get("algorithm") != "sha256" or salt is None or suffix is None or type(digests) is not list:
        raise UnusableOperand(_USE)
    return salt + suffix, digests


def _require_match(pattern: re.Pattern[str], text: Any) -> re.Match[str]:
    match = pattern.fullmatch(text) if type(text) is str else None
    if match is None:
        raise UnusableOperand(_USE)
    return match


def _encode(value: Any) -> bytes | None:
    """None for what is no text, and for lone surrogates."""
    try:
        return value.encode() if type(value) is str else None
    except UnicodeEncodeError:
        return None


DIGEST_RELATIONS: Mapping[str, Callable[[Any], Relation]] = {
    "digest-in": _build_digest_in,
    "digest-starts": _build_digest_part(_take_start),
    "digest-ends": _build_digest_part(_take_end),
    "digest-list": _build_digest_list,
}
