"""Caps: the value of rank ⌈cap · n⌉ over the users of all variants, also of the pre-period by itself."""

from collections.abc import Sequence
from decimal import Decimal

from realtime.analysis.engines.slots import Slot


def _list_capped(slots: Sequence[Slot]) -> list[tuple[int, str, str]]:
    """Number and name of what has a cap, and the cap's quantile."""
    return [
        (number, name, _write_quantile(slot.cap))
        for number, slot in enumerate(slots)
        if slot.cap is not None
        for name in ("y", *(["x"] if slot.before is not None else []))
    ]


def _write_quantile(cap: float) -> str:
    limit = Decimal(repr(cap))
    places = len(limit.as_tuple().digits)
    return f"cast('{limit:f}' as decimal({places + 1}, {places}))"


def join_caps(slots: Sequence[Slot]) -> list[str]:
    """DuckDB finds the value of that rank without sorting. A decimal quantile is exact."""
    capped = _list_capped(slots)
    if not capped:
        return ["capped as (select * from scored)"]
    caps = [
        f"quantile_disc({name}{number}, {quantile}) filter (included{number} = 1) as cap_{name}{number}"
        for number, name, quantile in capped
    ]
    return [f"caps as (\n  select {_list(caps)}\n  from scored)", _limit(slots, "scored cross join caps")]


def write_caps(slots: Sequence[Slot]) -> list[str]:
    """By windows, for an engine that reads a table once."""
    capped = _list_capped(slots)
    if not capped:
        return ["capped as (select * from scored)"]
    ranks, caps = [], []
    for number, name, quantile in capped:
        column = f"{name}{number}"
        ranks += [
            f"row_number() over (partition by included{number} order by {column}) as rank_{column}",
            f"sum(included{number}) over () as n_{column}",
        ]
        is_cap = f"included{number} = 1 and rank_{column} = ceil({quantile} * n_{column})"
        caps.append(f"max(case when {is_cap} then {column} end) over () as cap_{column}")
    return [
        f"ranked as (\n  select *,\n    {_list(ranks)}\n  from scored)",
        f"with_caps as (\n  select *,\n    {_list(caps)}\n  from ranked)",
        _limit(slots, "with_caps"),
    ]


def _limit(slots: Sequence[Slot], table: str) -> str:
    limited = [f"{name}{number}" for number, name, _ in _list_capped(slots)]
    plain = [
        f"{name}{number}"
        for number, slot in enumerate(slots)
        for name in ("included", "waiting", *(name for name, _, _ in slot.list_numbers()))
        if f"{name}{number}" not in limited
    ]
    chosen = [
        f"case when {column} > cap_{column} then cap_{column} else {column} end as {column}"
        for column in limited
    ]
    chosen += [*(f"cap_{column}" for column in limited), *plain]
    return f"capped as (\n  select unit, variant, anchored, segment,\n    {_list(chosen)}\n  from {table})"


def _list(columns: Sequence[str]) -> str:
    return ",\n    ".join(columns)
