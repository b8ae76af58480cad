"""W2 imported from other systems, beside the native W2: their hashes, and how they read what clients send."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from chalicelib.domain.definitions.compiler import compile_flag, compile_segment, parse_flag, parse_segment
from chalicelib.domain.definitions.model import Flag, Segment, find_nothing
from chalicelib.domain.evaluation import evaluate
from chalicelib.domain.general_form.state import Condition
from loadtests.imported_documents import WRITERS
from loadtests.timing import Row, build_row, measure_fastest
from loadtests.workloads import COUNTRIES, VERSIONS, User, build_users
from realtime.migration.finishing import import_documents

NOW = 1_767_225_600.0
LIMIT = 5.0
LIMITS = dict.fromkeys(WRITERS, LIMIT) | {"growthbook": 9.0, "flagsmith": 9.0}
"""Times a native W2. GrowthBook's hash is Python, and Flagsmith's rules are those of segments."""


class ImportedFlag(NamedTuple):
    flag: Flag
    segments: Mapping[str, Segment]

    def is_on(self, user: Mapping[str, Any]) -> bool:
        answer = evaluate(self.flag, user["user_id"], user, NOW, find_nothing, None, self._find_segment)
        return answer.enabled and answer.value in (True, "on", {})

    def decide_each(self, users: Sequence[dict[str, Any]]) -> None:
        flag, find_segment = self.flag, self._find_segment
        for user in users:
            evaluate(flag, user["user_id"], user, NOW, find_nothing, None, find_segment)

    def _find_segment(self, key: str) -> Condition:
        return self.segments[key].condition


def import_flag(vendor: str) -> ImportedFlag:
    imported = import_documents(vendor, [json.loads(json.dumps(WRITERS[vendor]()))], {})
    [flag] = imported.flags
    segments = {each.data["key"]: compile_segment(parse_segment(each.data)) for each in imported.segments}
    return ImportedFlag(compile_flag(parse_flag(flag.data)), segments)


def adapt_user(vendor: str, user: dict[str, Any]) -> dict[str, Any]:
    """As that system's clients send it."""
    if vendor == "unleash":  # its properties are texts
        return user | {"beta": str(user["beta"]).lower()}
    return user | {"appVersion": user["app_version"]} if vendor == "statsig" else user


def prepare(vendor: str, users: Sequence[dict[str, Any]]) -> Callable[[], None]:
    """A run that decides for each of ``users``. The flag must be on for about 30 % of the targeted ones."""
    flag, sent = import_flag(vendor), [adapt_user(vendor, user) for user in users]
    on = [user for user in sent if flag.is_on(user)]
    targeted = sum(map(_is_targeted, users))
    if not all(map(_is_targeted, on)) or not 0.2 < len(on) / targeted < 0.4:
        raise AssertionError(f"{vendor}: the flag is on for {len(on)} users, {targeted} are targeted")
    return partial(flag.decide_each, sent)


def measure_imported_flags(decide_native: Callable[[dict[str, Any]], object]) -> Iterator[Row]:
    """``decide_native`` decides the native W2."""
    users = build_users(500)
    for vendor, limit in LIMITS.items():
        run = prepare(vendor, users)
        native, imported = measure_fastest(partial(_decide_each, decide_native, users), run, rounds=60)
        yield build_row(f"W2 imported from {vendor} / native W2", imported / native, "×", limit)


def _is_targeted(user: User) -> bool:
    is_new = VERSIONS[user["app_version"]] >= (2, 3, 0)
    return (
        user["country"] in COUNTRIES and is_new and (user["tier"] == "gold" or user["beta"] in (True, "true"))
    )


def _decide_each(decide: Callable[[dict[str, Any]], object], users: Sequence[dict[str, Any]]) -> None:
    for user in users:
        decide(user)
