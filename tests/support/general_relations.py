"""The relations of the general form, for the plain interpreter: slow and obvious."""

import hashlib
import math
import operator
import re
import socket
from itertools import zip_longest

from tests.support.general_readers import js_number, js_text, typed
from tests.support.general_schemes import code_units
from tests.support.general_values import (
    LONGEST_TEXT,
    UNREADABLE,
    Json,
    Numbers,
    Special,
    Version,
    is_integer,
    is_number,
)

SETS = {"meets", "superset", "subset", "equals"}
"""The left side is a list, whose elements are read one by one."""
LISTS = {"in", "between", *SETS}
"""The right side is a list, whose elements are read one by one."""
AS_WRITTEN = {
    *("cidr", "modulo", "remainder", "type", "match", "match-start", "re2"),
    *("caret", "tilde", "version-range"),
    *(f"cast-{order}" for order in ("eq", "ne", "lt", "le", "gt", "ge")),
    *(f"version-prefix-{order}" for order in ("eq", "lt", "le", "gt", "ge")),
    *("js-eq", "js-lt", "js-le", "js-gt", "js-ge"),
    *("digest-in", "digest-list", "digest-starts", "digest-ends"),
}
"""The right side is not read."""


def relate(relation: str, left: Json, right: Json) -> bool | Special:
    match relation:
        case "eq":
            return is_equal(left, right)
        case "ne":
            return not is_equal(left, right)
        case "lt" | "le" | "gt" | "ge":
            order = compare(left, right)
            if isinstance(order, Special):
                return order
            return {"lt": order < 0, "le": order <= 0, "gt": order > 0, "ge": order >= 0}[relation]
        case "between":
            return is_between(left, right)
        case "in":
            if not isinstance(right, list):
                return UNREADABLE
            return any(is_equal(left, element) for element in right)
        case "type":
            return is_of_type(left, right)
        case "modulo":
            return relate_remainder(left, right)
        case "cidr":
            return relate_network(left, right)
    return relate_others(relation, left, right)


def relate_others(relation: str, left: Json, right: Json) -> bool | Special:
    if relation in SETS:
        return relate_sets(relation, left, right)
    if relation in ("caret", "tilde", "version-range"):
        return relate_version(relation, left, right)
    if relation.startswith("version-prefix-"):
        return relate_prefix(relation, left, right)
    if relation.startswith("js-"):
        return relate_as_javascript(relation, left, right)
    if relation.startswith("digest-"):
        return relate_digest(relation, left, right)
    if relation.startswith("cast-"):
        return relate_cast(relation, left, right)
    if relation == "remainder":
        return relate_number_remainder(left, right)
    return relate_texts(relation, left, right)


def is_between(left: Json, right: Json) -> bool | Special:
    if not isinstance(right, list) or len(right) != 2:
        return UNREADABLE
    low, high = compare(left, right[0]), compare(left, right[1])
    if isinstance(low, Special) or isinstance(high, Special):
        return UNREADABLE
    return low >= 0 and high <= 0


def relate_texts(relation: str, left: Json, right: Json) -> bool | Special:
    if not isinstance(left, str) or not isinstance(right, str):
        return UNREADABLE
    if relation in ("match", "match-start"):
        find = re.search if relation == "match" else re.match
        return find(right, left) is not None
    if relation == "re2":  # of its dialect: $ is the end only, and classes are of ASCII
        has_surrogate = any("\ud800" <= letter <= "\udfff" for letter in left)
        return UNREADABLE if has_surrogate else bool(re.search(right.replace("$", r"\Z"), left, re.ASCII))
    return {"starts": left.startswith, "ends": left.endswith, "contains": left.__contains__}[relation](right)


def is_equal(left: Json, right: Json) -> bool:
    """JSON equality: 1 is 1.0 but not true. Versions are equal if neither precedes the other."""
    if is_number(left) and is_number(right):
        return bool(left == right)
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(is_equal, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(is_equal(left[name], right[name]) for name in left)
    return bool(left == right)


def compare(left: Json, right: Json) -> int | Special:
    """Negative, 0 or positive."""
    if isinstance(left, Numbers) and isinstance(right, Numbers):
        return int(left.numbers > right.numbers) - int(left.numbers < right.numbers)
    if isinstance(left, Version) and isinstance(right, Version):
        return compare_versions(left, right)
    is_text = isinstance(left, str) and isinstance(right, str)
    if is_text or (is_number(left) and is_number(right)):
        return int(left > right) - int(left < right)
    return UNREADABLE


def compare_versions(left: Version, right: Version) -> int:
    """The precedence of semver.org 2.0.0, §11."""
    if left.numbers != right.numbers:
        return 1 if left.numbers > right.numbers else -1
    if not left.prerelease or not right.prerelease:
        return int(not left.prerelease) - int(not right.prerelease)
    for a, b in zip_longest(left.prerelease, right.prerelease):
        if a == b:
            continue
        if a is None or b is None:
            return -1 if a is None else 1
        if a.isdigit() and b.isdigit():
            return 1 if int(a) > int(b) else -1
        if a.isdigit() or b.isdigit():
            return -1 if a.isdigit() else 1
        return 1 if a > b else -1
    return 0


# Values of any kind


def is_truthy(value: Json, relation: str) -> bool:
    if relation == "logic-truthy" and value == []:
        return False
    return not (value is None or value is False or value == "" or (is_number(value) and not abs(value) > 0))


def is_of_type(left: Json, right: Json) -> bool | Special:
    tests = {
        "string": isinstance(left, str),
        "number": is_number(left),
        "integer": is_integer(left),
        "boolean": isinstance(left, bool),
        "list": isinstance(left, list),
        "object": isinstance(left, dict),
    }
    return tests[right] if isinstance(right, str) and right in tests else UNREADABLE


def relate_remainder(left: Json, right: Json) -> bool | Special:
    if not isinstance(right, list) or len(right) != 2 or not all(map(is_integer, [left, *right])):
        return UNREADABLE
    divisor, remainder = right
    return bool(left - left // divisor * divisor == remainder) if divisor else UNREADABLE


def relate_number_remainder(left: Json, right: Json) -> bool | Special:
    """With the sign of the divisor."""
    if not isinstance(right, list) or len(right) != 2 or not all(map(is_number, [left, *right])):
        return UNREADABLE
    divisor, remainder = right
    if not divisor:
        return UNREADABLE
    if is_integer(left) and is_integer(divisor):
        return bool(left - left // divisor * divisor == remainder)
    try:
        rest = math.fmod(left, divisor)
    except OverflowError:
        return UNREADABLE
    return bool((rest + divisor if rest * divisor < 0 else rest) == remainder)


def relate_cast(relation: str, left: Json, right: Json) -> bool | Special:
    left = typed(left)
    if isinstance(left, Special) or not isinstance(right, str):
        return UNREADABLE
    wanted: Json = right
    if isinstance(left, bool):
        wanted = right not in ("False", "false")
    elif not isinstance(left, str):
        try:
            wanted = type(left)(right)
        except ValueError:
            return UNREADABLE
    return bool(getattr(operator, relation.removeprefix("cast-"))(left, wanted))


def relate_sets(relation: str, left: Json, right: Json) -> bool | Special:
    if not isinstance(left, list) or not isinstance(right, list):
        return UNREADABLE

    def is_in(element: Json, others: list[Json]) -> bool:
        return any(is_equal(element, other) for other in others)

    has_all = all(is_in(element, left) for element in right)
    has_no_other = all(is_in(element, right) for element in left)
    return {
        "meets": any(is_in(element, right) for element in left),
        "superset": has_all,
        "subset": has_no_other,
        "equals": has_all and has_no_other,
    }[relation]


# Networks


def relate_network(left: Json, right: Json) -> bool | Special:
    networks = [read_network(text) for text in (right if isinstance(right, list) else [right])]
    address = read_address(left)
    if isinstance(address, Special):
        return UNREADABLE
    if any(isinstance(network, Special) for network in networks):
        return UNREADABLE
    return any(address.startswith(str(network)) for network in networks)


def read_address(text: Json) -> str | Special:
    """The kind of address, then its bits. IPv4 written as IPv6 is IPv4."""
    for family, kind in ((socket.AF_INET, "4:"), (socket.AF_INET6, "6:")):
        try:
            bits = "".join(f"{byte:08b}" for byte in socket.inet_pton(family, text))
        except (OSError, TypeError, ValueError):
            continue
        mapped = "6:" + "0" * 80 + "1" * 16
        return (kind + bits).replace(mapped, "4:")
    return UNREADABLE


def read_network(text: Json) -> str | Special:
    """As the beginning of the addresses in it."""
    if not isinstance(text, str):
        return UNREADABLE
    address_text, slash, length = text.partition("/")
    address = read_address(address_text)
    written_bits = 128 if ":" in address_text else 32
    if isinstance(address, Special) or not slash:
        return address
    if not re.fullmatch("[0-9]{1,3}", length) or int(length) > written_bits:
        return UNREADABLE
    cut_off = written_bits - int(length)
    return address[: len(address) - cut_off] if cut_off <= len(address) - 2 else UNREADABLE


# Digests


def relate_digest(relation: str, left: Json, right: Json) -> bool | Special:
    if relation == "digest-list":
        if not isinstance(left, list):
            return UNREADABLE
        return any(relate_digest("digest-in", element, right) is True for element in left)
    try:
        data = left.encode() if isinstance(left, str) else None
    except UnicodeEncodeError:
        data = None
    if data is None:
        return UNREADABLE
    for digest in right["digests"]:
        length, _, wanted = digest.rpartition("_")
        part = {"digest-in": data, "digest-starts": data[: int(length or 0)]}.get(relation)
        if part is None:
            part = data[max(0, len(data) - int(length)) :]
        hashed = hashlib.sha256(part + (right["salt"] + right["suffix"]).encode()).hexdigest()
        if hashed == wanted.lower() and (not length or len(part) == int(length)):
            return True
    return False


# Ranges of versions


def relate_version(relation: str, left: Json, right: Json) -> bool | Special:
    if isinstance(left, Numbers):
        left = Version((*left.numbers, 0, 0, 0)[:3], ())
    if not isinstance(left, Version) or not isinstance(right, str):
        return UNREADABLE
    if relation in ("caret", "tilde"):
        return is_in_comparators(left, [("^" if relation == "caret" else "~", read_partial(right))])
    outcomes = [is_in_alternative(left, alternative) for alternative in right.split("||")]
    return UNREADABLE if UNREADABLE in outcomes else True in outcomes


def is_in_alternative(version: Version, text: str) -> bool | Special:
    comparator = r"(<=|>=|<|>|=|\^|~|) *([^ ,<>=^~]+)"
    rest = re.sub(f"{comparator}[ ,]*", "", text.strip(" "))
    comparators = [(sign, read_partial(partial)) for sign, partial in re.findall(comparator, text)]
    return is_in_comparators(version, comparators) if comparators and not rest else UNREADABLE


def is_in_comparators(version: Version, comparators: list[tuple[str, Version | Special]]) -> bool | Special:
    known = [(sign, partial) for sign, partial in comparators if not isinstance(partial, Special)]
    if len(known) < len(comparators):
        return UNREADABLE
    is_named = any(partial.prerelease and partial.numbers == version.numbers for _, partial in known)
    is_allowed = is_named or not version.prerelease
    return is_allowed and all(is_in_comparator(version, sign, partial) for sign, partial in known)


def read_partial(text: str) -> Version | Special:
    """Fewer than three numbers where some are missing."""
    part = r"(0|[1-9][0-9]*|[xX*])"
    identifier = "(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
    labels = rf"(?:-({identifier}(?:\.{identifier})*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
    match = re.fullmatch(rf"v?{part}(?:\.{part})?(?:\.{part}{labels})?", text)
    if match is None:
        return UNREADABLE
    numbers: list[int] = []
    for written in match.groups()[:3]:
        if written is None or not written.isdigit():
            break
        numbers.append(int(written))
    is_whole = len(numbers) == 3
    return Version(tuple(numbers), tuple(match[4].split(".")) if match[4] and is_whole else ())


def is_in_comparator(version: Version, sign: str, partial: Version) -> bool:
    count = len(partial.numbers)
    if count == 0:
        return sign not in ("<", ">")
    order = compare_versions(version, fill(partial))
    if sign in ("^", "~"):
        first = next((index for index, number in enumerate(partial.numbers) if number), count)
        fixed = min(first + 1, count) if sign == "^" else min(2, count)
        return order >= 0 and version.numbers[:fixed] == partial.numbers[:fixed]
    if count == 3:
        return {"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}.get(sign, order == 0)
    # All versions that begin with a part are equal to it, but for the pre-releases of the very first.
    following = fill(Version((*partial.numbers[:-1], partial.numbers[-1] + 1), ()))
    return {
        "<": version.numbers[:count] < partial.numbers,
        "<=": version.numbers[:count] <= partial.numbers,
        ">": compare_versions(version, following) >= 0,
        ">=": order >= 0,
    }.get(sign, order >= 0 and version.numbers[:count] == partial.numbers)


def fill(partial: Version) -> Version:
    return Version((*partial.numbers, 0, 0, 0)[:3], partial.prerelease)


# As JavaScript


def relate_as_javascript(relation: str, left: Json, right: Json) -> bool | Special:
    """ECMAScript, IsLooselyEqual and IsLessThan."""
    is_object = [isinstance(side, (list, dict)) for side in (left, right)]
    if relation == "js-eq" and (left is None or right is None):
        return left is None and right is None
    if relation == "js-eq" and all(is_object):
        return False
    primitives = [js_text(side) if isinstance(side, (list, dict)) else side for side in (left, right)]
    if UNREADABLE in primitives:
        return UNREADABLE
    keys: list[Json] = [code_units(side) for side in primitives if isinstance(side, str)]
    if len(keys) < 2:
        keys = [0 if side is None else js_number(side) for side in primitives]
    if UNREADABLE in keys:
        return False
    order = int(keys[0] > keys[1]) - int(keys[0] < keys[1])
    return {
        "js-eq": order == 0,
        "js-lt": order < 0,
        "js-le": order <= 0,
        "js-gt": order > 0,
        "js-ge": order >= 0,
    }[relation]


# Beginnings of versions


def relate_prefix(relation: str, left: Json, right: Json) -> bool | Special:
    if not isinstance(left, str) or not isinstance(right, str):
        return UNREADABLE
    user, target = split_version(left), split_version(right)
    if not user or not target:
        return UNREADABLE
    is_of_user, is_of_target = ("-" in text.split("+")[0] for text in (left, right))
    order: int | None = None
    for index, part in enumerate(target):
        if index == len(user):
            order = -1 if target[-1].isdigit() and not set(right) & set("+-") else 1
        elif user[index].isdigit():
            if not part.isdigit():
                return UNREADABLE
            order = int(user[index]) - int(part) or None
        elif user[index] != part:
            order = -1 if user[index] < part else 1
            if is_of_user != is_of_target:
                order = -1 if is_of_user else (1 if order < 0 else order)
        if order is not None:
            break
    if order is None:
        order = -1 if is_of_user and not is_of_target else 0
    holds = {"eq": order == 0, "lt": order < 0, "le": order <= 0, "gt": order > 0, "ge": order >= 0}
    return holds[relation.removeprefix("version-prefix-")]


def split_version(text: str) -> list[str]:
    """Nothing if it is no version."""
    if len(text) > LONGEST_TEXT or re.search(r"[\s]", text):
        return []
    cut = re.search("[-+]", text)
    numbers = (text[: cut.start()] if cut else text).split(".")
    if len(numbers) > 3 or not all(number.isascii() and number.isdigit() for number in numbers):
        return []
    return [*numbers, text[cut.end() :]] if cut else numbers
