"""Tables that scroll by themselves, so that a page never does sideways."""

from collections.abc import Sequence

from realtime.analysis.reports.html.elements import Markup, tag


def draw_table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    """The first cell of a row is its heading."""
    heads = tag("tr", *(tag("th", name, scope="col") for name in header))
    lines = [
        tag("tr", tag("th", first, scope="row"), *(tag("td", cell) for cell in rest)) for first, *rest in rows
    ]
    table = tag("table", tag("caption", caption), tag("thead", heads), tag("tbody", *lines))
    return tag("div", table, class_="scroll", role="region", aria_label=caption, tabindex="0")


def fold_table(summary: str, table: Markup) -> Markup:
    return tag("details", tag("summary", summary), table)
