"""An impact in words: the share, over what it was computed, and examples."""

from collections import Counter
from collections.abc import Iterator

from chalicelib.domain.publishing.diff import format_value
from chalicelib.domain.publishing.documents import DefinitionName
from chalicelib.domain.publishing.impact.measure import Impact
from chalicelib.domain.publishing.impact.sampled import describe_sampled_impact, format_sampled_share

MAX_EXAMPLES = 10


def format_share(impact: Impact) -> str:
    """Whose share it is depends on whether there is a sample, and on whether there are rules."""
    if impact.sampled:
        return format_sampled_share(impact.sampled)
    if not impact.has_rules:
        return f"{impact.share:.1%} of {impact.users:,} made-up users"
    if not impact.targeted:
        return f"{impact.other_share:.1%} of users whom no rule targets"
    others = f", and {impact.other_share:.1%} of the others," if impact.other_share else ""
    return f"{impact.share:.1%} of users whom a rule targets{others}"


def describe_share(name: DefinitionName, impact: Impact, keeps_assignments: bool) -> str:
    verb = "enter or leave" if name[0] == "segment" else "get another answer"
    is_changed = bool(impact.share or impact.other_share)
    note = " (those who are assigned already keep theirs)" if keeps_assignments and is_changed else ""
    return f"{format_share(impact)} {verb}{note}"


def describe_impact(impact: Impact) -> Iterator[str]:
    if impact.sampled:
        yield from describe_sampled_impact(impact.sampled)
    if not impact.has_rules:
        return
    contexts = len(impact.targeted) + len(impact.others)
    yield (
        f"over {impact.users:,} made-up users in each of {contexts} contexts made from the conditions; "
        f"{len(impact.targeted)} satisfy a rule"
    )
    examples = impact.list_examples()
    for item in examples[:MAX_EXAMPLES]:
        before, after = _format_variants(item.before), _format_variants(item.after)
        change = f"{before} → {after}" if before != after else f"{before}, {item.share:.1%} of them another"
        yield f"with {format_value(item.context)}: {change}"
    if len(examples) > MAX_EXAMPLES:
        yield f"and {len(examples) - MAX_EXAMPLES} more contexts with another change"


def _format_variants(variants: Counter[str]) -> str:
    total = variants.total()
    if len(variants) == 1:
        return next(iter(variants))
    return ", ".join(f"{variant} {number / total:.0%}" for variant, number in sorted(variants.items()))
