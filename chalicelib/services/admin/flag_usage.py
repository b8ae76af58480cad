"""Which flags are used, and which of them can be removed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.domain.definitions.compiler import load_flag
from chalicelib.domain.definitions.flag_form import get_rollout_percentage
from chalicelib.domain.definitions.model import DefinitionRow, Definitions, Flag, find_in_force
from chalicelib.domain.definitions.uses import get_kind, list_uses
from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.publishing.documents import Document, parse_row
from chalicelib.domain.stream.counters import Counters, flag_scope, format_day
from chalicelib.domain.timestamps import parse_timestamp
from chalicelib.services.concurrency import Parallel

DAY = 86_400.0
UNCHANGED_DAYS = 90
UNUSED_DAYS = 30


@dataclass(frozen=True, slots=True)
class FlagUsage:
    """``published_at`` is ISO 8601. ``evaluated_on`` is the last day with an evaluation, in days since 1970.

    ``required_by`` are the definitions that have this flag as a prerequisite, or that ask for it or serve it
    in their rules. Their evaluations of it are not tracked.
    """

    flag: Flag
    published_at: str
    evaluated_on: int | None
    required_by: Sequence[str] = ()

    def find_removal_reasons(self, now: float) -> Iterator[str]:
        """Why the flag can be removed. A flag counts as unused only if it is old enough to have been used."""
        if self.required_by:
            return
        published_at = parse_timestamp(self.published_at)
        variant = find_constant_variant(self.flag, now)
        unchanged_days = (now - max(published_at, find_last_step(self.flag, now))) / DAY
        if variant is not None and unchanged_days >= UNCHANGED_DAYS:
            yield f"{variant} for everyone for {unchanged_days:.0f} days"
        unused_days = now // DAY - (self.evaluated_on or 0)
        is_old = (now - published_at) / DAY >= UNUSED_DAYS
        if (
            is_old and unused_days > UNUSED_DAYS and self.flag.document.tracking_sample
        ):  # untracked: use is unknown
            since = f"since {format_day(self.evaluated_on)}" if self.evaluated_on else "ever"
            yield f"not evaluated {since}"


def list_flag_usage(
    definitions: Definitions, counters: Counters, parallel: Parallel
) -> tuple[Sequence[FlagUsage], Sequence[DefinitionRow]]:
    """By key, and the rows that are not valid flags. Raises StorageUnavailable or Throttled."""
    rows = dict(sorted(definitions.get_all("flag").items()))
    flags = {key: flag for key, row in rows.items() if (flag := _load_flag(row))}
    others = [*definitions.get_all("experiment").values(), *definitions.get_all("segment").values()]
    documents: list[Document] = [flag.document for flag in flags.values()]
    documents += filter(None, map(parse_row, others))
    broken = [row for key, row in rows.items() if key not in flags]

    def find_last_day(key: str) -> int | None:
        return max((item.counter.day for item in counters.read(flag_scope(key))), default=None)

    days = dict(zip(flags, parallel.map(find_last_day, flags), strict=True))
    return list(find_usage(flags, rows, days, documents)), broken


def find_usage(
    flags: Mapping[str, Flag],
    rows: Mapping[str, DefinitionRow],
    days: Mapping[str, int | None],
    documents: Iterable[Document],
) -> Iterator[FlagUsage]:
    """``days``: the last one with an evaluation. ``documents`` are all that may use a flag."""
    required_by: dict[str, list[str]] = {}
    for document in documents:
        kind = get_kind(document)
        name = document.key if kind == "flag" else f"{kind} {document.key}"
        for used_kind, key in (use.name for use in list_uses(document)):
            if used_kind == "flag":
                required_by.setdefault(key, []).append(name)
    for key, flag in flags.items():
        yield FlagUsage(flag, rows[key].published_at, days[key], required_by.get(key, ()))


def find_constant_variant(flag: Flag, now: float) -> str | None:
    """The variant that all users get from ``now`` on; None if users or times differ."""
    document = find_in_force(flag, now).document
    if any(at > now for at, _ in flag.later) or document.rules is not None:
        return None
    if document.layer or document.holdout or document.rollout_ramp or document.end_at:
        return None
    if not document.enabled:
        return document.off_variant or document.default_variant
    has_steps_ahead = any(step.at.timestamp() > now for step in document.rollout_schedule)
    percentage = get_rollout_percentage(document, now)
    has_rules = document.targeting_rules is not None
    if document.overrides or document.prerequisites or has_steps_ahead or (has_rules and percentage):
        return None
    if percentage == 0:
        return document.default_variant
    whole = [variant for variant, share in document.compute_allocations().items() if share > 0]
    return whole[0] if len(whole) == 1 and percentage == 100 else None


def find_last_step(flag: Flag, now: float) -> float:
    """When the schedule last changed the rollout; 0 if it has not yet, or if the flag is off."""
    times = (step.at.timestamp() for step in flag.document.rollout_schedule if flag.document.enabled)
    return max((time for time in times if time <= now), default=0.0)


def _load_flag(row: DefinitionRow) -> Flag | None:
    """None if the row is not a valid flag, for example after it was edited by hand."""
    try:
        return load_flag(row.text, row.version)
    except (InvalidInput, ValueError):
        return None
