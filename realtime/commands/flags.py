"""`flags`: list the flags, and which of them can be removed."""

import json
import time
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from chalicelib.domain.definitions.model import Definitions
from chalicelib.domain.stream.counters import Counters, format_day
from chalicelib.services.admin.flag_usage import FlagUsage, list_flag_usage
from chalicelib.services.concurrency import Parallel


def list_flags(
    console: Console,
    definitions: Definitions,
    counters: Counters,
    only_removable: bool,
    now: float | None = None,
    *,
    as_json: bool = False,
) -> None:
    """Print all flags, or those that can be removed and why: a table, or with ``as_json`` a JSON array."""
    now = time.time() if now is None else now
    usages, broken = list_flag_usage(definitions, counters, Parallel())
    if as_json:
        listed = [_describe(usage, now) for usage in usages]
        print(
            json.dumps([each for each in listed if each["can_go"] or not only_removable], ensure_ascii=False)
        )
        return
    names = "flag", "type", "published", "last evaluated", "can go"
    table = Table(*(Column(name, overflow="fold") for name in names))
    for usage in usages:
        reasons = list(usage.find_removal_reasons(now))
        required = f"no: required by {', '.join(usage.required_by)}" if usage.required_by else ""
        if reasons or not only_removable:
            flag, published_on = usage.flag, usage.published_at[:10]
            evaluated_on = _format_evaluated(usage) or "never"
            table.add_row(flag.key, flag.type, published_on, evaluated_on, "\n".join(reasons) or required)
    for row in broken if not only_removable else ():
        table.add_row(row.key, "", row.published_at[:10], "", "cannot be read: publish it again")
    empty = "No flag can go." if only_removable else "There are no flags."
    console.print(table if table.row_count else empty)


def _describe(usage: FlagUsage, now: float) -> dict[str, Any]:
    return {
        "key": usage.flag.key,
        "type": usage.flag.type,
        "published_at": usage.published_at,
        "last_evaluated": _format_evaluated(usage),
        "can_go": list(usage.find_removal_reasons(now)),
        "required_by": list(usage.required_by),
    }


def _format_evaluated(usage: FlagUsage) -> str | None:
    return format_day(usage.evaluated_on) if usage.evaluated_on is not None else None
