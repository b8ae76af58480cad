"""Schemes that hash with MD5, SHA-1 or SHA-256."""

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from chalicelib.domain.general_form.schemes.scheme import Parameters, Scheme, SchemeEntry

_md5: Callable[[bytes], Any] = partial(hashlib.md5, usedforsecurity=False)
_sha1: Callable[[bytes], Any] = partial(hashlib.sha1, usedforsecurity=False)


def _build_mod(name: str, digest: Callable[[bytes], Any], bits: int) -> Callable[[Parameters], Scheme]:
    """The first ``bits`` of the digest, modulo ``of``."""

    def build(parameters: Parameters) -> Scheme:
        prefix, suffix, modulus = parameters.get("prefix", ""), parameters.get("suffix", ""), parameters["of"]
        size, excess = -(-bits // 8), -bits % 8

        def hash_unit(unit: str) -> int:
            start = digest((prefix + unit + suffix).encode()).digest()[:size]
            return int((int.from_bytes(start) >> excess) % modulus)

        return Scheme(hash_unit, modulus, lambda raw: raw, modulus, (name, prefix, suffix, modulus))

    return build


_SHA1_END = 1 << 60


def _sha1_unit(parameters: Parameters) -> Scheme:
    """Doubles between 0 and 1, both included."""
    prefix, suffix = parameters.get("prefix", ""), parameters.get("suffix", "")

    def hash_unit(unit: str) -> int:
        return int(_sha1((prefix + unit + suffix).encode()).hexdigest()[:15], 16)

    return Scheme(hash_unit, _SHA1_END, lambda raw: raw / (_SHA1_END - 1), 1.0, ("sha1-unit", prefix, suffix))


_PERCENT_END = 9_998


def _md5_percent(parameters: Parameters) -> Scheme:
    """Never 100: a digest that comes to that is taken again, of the text written once more behind a comma."""
    prefix = parameters.get("prefix", "")

    def hash_unit(unit: str) -> int:
        text = repeated = (prefix + unit).encode()
        while (raw := int.from_bytes(_md5(repeated).digest()) % (_PERCENT_END + 1)) == _PERCENT_END:
            repeated += b"," + text
        return raw

    return Scheme(hash_unit, _PERCENT_END, lambda raw: raw / _PERCENT_END * 100, 100, ("md5-percent", prefix))


_MOD_PARAMETERS = frozenset({"of"}), frozenset({"prefix", "suffix"})

DIGEST_SCHEMES: Mapping[str, SchemeEntry] = {
    "md5-mod": SchemeEntry(_build_mod("md5-mod", _md5, 128), *_MOD_PARAMETERS),
    "md5-32-mod": SchemeEntry(_build_mod("md5-32-mod", _md5, 32), *_MOD_PARAMETERS),
    "md5-percent": SchemeEntry(_md5_percent, frozenset(), frozenset({"prefix"})),
    "sha1-mod": SchemeEntry(_build_mod("sha1-mod", _sha1, 28), *_MOD_PARAMETERS),
    "sha1-unit": SchemeEntry(_sha1_unit, frozenset(), frozenset({"prefix", "suffix"})),
    "sha256-mod": SchemeEntry(_build_mod("sha256-mod", hashlib.sha256, 64), *_MOD_PARAMETERS),
}
"""``md5-mod`` takes the digest, ``md5-32-mod`` its first 32 bits, ``sha1-mod`` 28, ``sha256-mod`` 64."""
