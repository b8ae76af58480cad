"""The schemes of the general form, for the plain interpreter: slow and obvious."""

import hashlib

import mmh3

from tests.support.general_values import Json, decimal_text, is_integer


def hash_unit(shard: Json, unit: Json) -> float | None:
    """None if there is no unit that can be hashed."""
    if is_integer(unit):
        unit = decimal_text(unit)
    if not isinstance(unit, str):
        return None
    if shard["scheme"] in ("fnv1a16-1", "fnv1a16-2", "java31-mod"):
        return hash_code_units(shard, unit)
    text = shard.get("prefix", "") + unit + shard.get("suffix", "")
    try:
        data = text.encode("latin-1" if shard["scheme"] == "cbor-murmur32-scaled" else "utf-8")
    except UnicodeEncodeError:
        return None
    if shard["scheme"] in ("md5-mod", "md5-32-mod", "md5-percent", "sha1-mod", "sha1-unit", "sha256-mod"):
        return hash_digest(shard, data)
    return hash_murmur(shard, data)


def hash_murmur(shard: Json, data: bytes) -> float:
    first, second = mmh3.hash64(data, seed=0, x64arch=True, signed=False)
    number = int(mmh3.hash(data, shard.get("seed", 0), signed=False))
    match shard["scheme"]:
        case "realtime-1":
            return (int(first if shard["half"] == "first" else second) * 100_000) >> 64
        case "murmur32-mod":
            return number % int(shard["of"])
        case "murmur32-scaled" | "cbor-murmur32-scaled":
            return number * int(shard["of"]) // 2**32
        case "murmur32-abs-percent":
            signed = number if number < 2**31 else number - 2**32
            return abs(signed) / (2**31 - 1) * 100
    raise AssertionError(shard)


def hash_digest(shard: Json, data: bytes) -> float:
    count = shard.get("of", 1)
    match shard["scheme"]:
        case "md5-mod":
            return int(md5(data), 16) % int(count)
        case "md5-32-mod":
            return int(md5(data)[:8], 16) % int(count)
        case "md5-percent":
            percent, times = 100.0, 0
            while percent == 100:
                times += 1
                percent = int(md5(b",".join([data] * times)), 16) % 9_999 / 9_998 * 100
            return percent
        case "sha1-mod":
            return int(sha1(data)[:7], 16) % int(count)
        case "sha1-unit":
            return float(int(sha1(data)[:15], 16)) / float(2**60 - 1)
        case "sha256-mod":
            return int(hashlib.sha256(data).hexdigest()[:16], 16) % int(count)
    raise AssertionError(shard)


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()  # noqa: S324 - the scheme's choice


def sha1(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()  # noqa: S324 - the scheme's choice


def hash_code_units(shard: Json, unit: str) -> float:
    match shard["scheme"]:
        case "fnv1a16-1":
            return fnv1a(unit + shard.get("suffix", "")) % 1_000 / 1_000
        case "fnv1a16-2":
            return fnv1a(str(fnv1a(shard.get("prefix", "") + unit))) % 10_000 / 10_000
        case "java31-mod":
            number = int(sum(code * 31**power for power, code in enumerate(reversed(code_units(unit)))))
            mixed = number % 2**32 ^ int(shard.get("seed", 0))
            return abs(mixed if mixed < 2**31 else mixed - 2**32) % int(shard["of"])
    raise AssertionError(shard)


def fnv1a(text: str) -> int:
    state = 2_166_136_261
    for code in code_units(text):
        state = (state ^ code) * 16_777_619 % 2**32
    return state


def code_units(text: str) -> list[int]:
    """UTF-16; a lone surrogate is one."""
    units: list[int] = []
    for code in map(ord, text):
        if code < 0x10000:
            units.append(code)
        else:
            units += [0xD800 + ((code - 0x10000) >> 10), 0xDC00 + (code & 0x3FF)]
    return units
