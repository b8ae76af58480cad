"""What a feature flag answers for a user, and why.

disabled → override → prerequisites → targeting → rollout → variant. docs/flags.md has the table of reasons.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from mmh3 import mmh3_x64_128_utupledigest as murmur

from chalicelib.domain.definitions.model import Evaluation, Flag
from chalicelib.domain.errors import InvalidInput, Problem, StorageUnavailable

FindFlag = Callable[[str], Flag | None]
Answered = dict[str, str | None]
"""Flags that others have asked for, with their variants; None while one is being evaluated."""


def evaluate(
    flag: Flag,
    user_id: str | None,
    context: Mapping[str, Any],
    now: float,
    find: FindFlag,
    answered: Answered | None = None,
) -> Evaluation:
    """``find`` gives prerequisite flags; ``now`` is epoch seconds.

    ``answered``, of the same user, context and time, spares each prerequisite a second evaluation: flags
    that share theirs would double the work at every level. Raises InvalidInput ``targeting_key_missing`` if
    the answer needs a hash and there is nothing to hash.
    """
    rollout, unit = flag.rollout, user_id
    if not flag.plain:
        early = _before_targeting(flag, user_id, context, now, find, answered)
        if early is not None:
            return early
        rollout = rollout_at(flag, now)
        unit = unit_of(flag, user_id, context)
    split = flag.everyone
    if flag.rules is not None:
        rule = flag.rules.match(context, now)
        if rule is None:
            return flag.not_targeted
        split = flag.by_rule[rule.index]
    if rollout == 0:
        return flag.not_in_rollout
    if rollout >= ALL and split.fixed is not None:
        return split.fixed  # 0 and 100 % never hash, hence need no unit
    if unit is None:
        raise missing_unit(flag.bucket_by)
    first, second = murmur(flag.prefix + unit.encode(), 0)
    if first >= rollout:
        return flag.not_in_rollout
    if split.fixed is not None:
        return split.fixed
    for upper, evaluation in split.ranges:
        if second < upper:
            break
    return evaluation


def evaluate_all(
    flags: Iterable[Flag],
    user_id: str | None,
    context: Mapping[str, Any],
    now: float,
    find: FindFlag,
    failed: Callable[[Flag, Exception], object],
) -> Iterator[Evaluation]:
    """What `evaluate` answers for each of many flags, a fifth sooner; ``failed`` is told of those that raise.

    Most flags are ``quick``: they always hash the user's id, and have one answer for whoever is inside.
    """
    unit = user_id.encode() if user_id is not None else None
    answered: Answered = {}
    for flag in flags:
        try:
            if unit is None or not flag.quick:
                answer = evaluate(flag, user_id, context, now, find, answered)
            elif flag.rules is None:
                inside = murmur(flag.prefix + unit, 0)[0] < flag.rollout
                answer = flag.quick[0] if inside else flag.not_in_rollout
            elif (rule := flag.rules.match(context, now)) is None:
                answer = flag.not_targeted
            else:
                inside = murmur(flag.prefix + unit, 0)[0] < flag.rollout
                answer = flag.quick[rule.index] if inside else flag.not_in_rollout
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one flag is no other's problem
            failed(flag, error)
        else:
            yield answer


ALL = 1 << 64
"""No half reaches this threshold."""


def missing_unit(attribute: str) -> InvalidInput:
    field = "user_id" if attribute == "user_id" else f"context.{attribute}"
    problem = Problem(field, "required, because this flag divides its users by it")
    return InvalidInput("targeting_key_missing", "The flag cannot be decided without a unit.", (problem,))


def _before_targeting(
    flag: Flag,
    user_id: str | None,
    context: Mapping[str, Any],
    now: float,
    find: FindFlag,
    answered: Answered | None,
) -> Evaluation | None:
    if not flag.enabled:
        return flag.off
    override = flag.overrides.get(user_id) if user_id is not None else None
    if override is not None:
        return override
    if not flag.prerequisites:
        return None
    known: Answered = {} if answered is None else answered
    for wanted in flag.prerequisites:
        if wanted.flag not in known:
            other = find(wanted.flag)
            if other is None:
                return flag.prerequisite_failed
            known[wanted.flag] = None
            try:
                known[wanted.flag] = evaluate(other, user_id, context, now, find, known).variant
            finally:
                if known[wanted.flag] is None:  # it has failed, and fails whoever asks next as well
                    del known[wanted.flag]
        variant = known[wanted.flag]
        if variant is None:  # only in rows edited by hand: publishing refuses circles
            raise StorageUnavailable("The prerequisites of the stored flag go in a circle; publish it again.")
        if variant not in wanted.variants:
            return flag.prerequisite_failed
    return None


def rollout_at(flag: Flag, now: float) -> int:
    rollout = flag.rollout
    for at, step in flag.rollout_steps:
        if now >= at:
            rollout = step
    return rollout


def unit_of(flag: Flag, user_id: str | None, context: Mapping[str, Any]) -> str | None:
    if flag.bucket_by == "user_id":
        return user_id
    value = context.get(flag.bucket_by)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        return None
    text = str(value)
    return text if text.isascii() or _encodes(text) else None


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
