"""Where the traffic is: the aliases `live`, and what their descriptions say about releases."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from infra.environments import Environment, FunctionName
from infra.release.alias import ALIAS
from infra.release.names import get_function_name


@dataclass(frozen=True, slots=True)
class Traffic:
    function: FunctionName
    live: str | None
    """The version that has the traffic; None: it is not deployed."""
    next: str | None
    """The version that a release moves traffic to."""
    percent: int
    """Of the traffic, at ``next``."""
    good: tuple[str, ...]
    """Versions that were released without an alarm, newest first."""
    bad: str | None
    """The version that was rolled back last."""
    released: str | None

    @property
    def last_good(self) -> str | None:
        """Where a rollback goes."""
        is_unfinished = self.next or self.live not in self.good[:1]
        others = self.good if is_unfinished else self.good[1:]
        if self.next and not others:
            return self.live
        return next(iter(others), None)


def read_traffic(lambda_: Any, names: Iterable[FunctionName], environment: Environment) -> list[Traffic]:
    return [_read_alias(lambda_, name, environment) for name in names]


def _read_alias(lambda_: Any, name: FunctionName, environment: Environment) -> Traffic:
    try:
        alias = lambda_.get_alias(FunctionName=get_function_name(name, environment), Name=ALIAS)
    except lambda_.exceptions.ResourceNotFoundException:
        return Traffic(name, None, None, 0, (), None, None)
    weights = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    ((target, weight),) = weights.items() or ((None, 0.0),)
    words = dict(re.findall(r"(good|bad|released)=(\S+)", alias.get("Description", "")))
    good = tuple(words.get("good", "").split(",")) if "good" in words else ()
    return Traffic(
        name,
        alias["FunctionVersion"],
        target,
        round(100 * weight),
        good,
        words.get("bad"),
        words.get("released"),
    )
