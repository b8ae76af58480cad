"""One HTML file with the numbers and plots of all runs; it needs nothing from elsewhere."""

import html
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from loadtests.load.measure import Run
from loadtests.load.processes import MEASURES
from loadtests.load.requests_log import find_percentile, split_by_time
from loadtests.load.saturation import Step

COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#17becf", "#7f7f7f")
UNITS = {
    "cpu": "CPU, % of a core",
    "memory": "memory, MB",
    "threads": "threads",
    "descriptors": "descriptors",
}
BEHIND = {
    "stub": "behind the service: a stub of DynamoDB's and Kinesis's wire protocol with their latencies",
    "emulator": "behind the service: the local AWS emulator, which is often the limit itself",
    "AWS": "a deployment; its processes cannot be seen from here",
}
STYLE = """body{font:14px/1.5 system-ui,sans-serif;max-width:1100px;margin:2em auto;padding:0 1em}
table{border-collapse:collapse}td,th{padding:.2em .8em;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child,td:last-child{text-align:left}.bad{color:#b00}figure{display:inline-block;margin:0}
svg{background:#fafafa}text{font-size:11px;fill:#555}"""
Saturations = Mapping[str, tuple[Sequence[Step], str]]
Lines = Mapping[str, Sequence[tuple[float, float]]]
WIDTH, HEIGHT, LEFT, BOTTOM = 520, 200, 50, 25


def write_report(
    path: Path,
    runs: Sequence[Run],
    saturations: Mapping[str, tuple[Sequence[Step], str]],
    notes: Sequence[str],
) -> None:
    parts = ["<h1>Load</h1>", *(f"<p>{html.escape(note)}</p>" for note in notes)]
    for behind, (steps, verdict) in saturations.items():
        parts.append(_draw_saturation(behind, steps, verdict))
    parts += [_draw_run(run) for run in runs]
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Load</title><style>{STYLE}</style>'
    path.write_text(head + "\n".join(parts))


def _draw_saturation(behind: str, steps: Sequence[Step], verdict: str) -> str:
    rows = [
        (step.users, f"{step.per_second:.0f}", f"{step.p50:.1f}", f"{step.p99:.1f}", f"{step.machine:.0f} %",
         ", ".join(f"{name} {share:.0f} %" for name, share in step.cpu.items()))
        for step in steps
    ]  # fmt: skip
    table = _draw_table(("users", "requests/s", "P50 ms", "P99 ms", "machine", "CPU of a core"), rows)
    return f"<h2>Saturation, {behind}</h2><p>{BEHIND[behind]}</p><p><b>{html.escape(verdict)}</b></p>{table}"


def _draw_run(run: Run) -> str:
    rows = []
    for row in run.summarize():
        verdict = row.explain_failure(has_limits=run.behind != "emulator") or "ok"
        numbers = [f"{value:.1f}" for value in (row.per_second, row.p50, row.p95, row.p99)]
        rows.append((row.name, row.requests, row.failures, *numbers, verdict))
    table = _draw_table(("request", "count", "failed", "RPS", "P50", "P95", "P99 ms", "verdict"), rows)
    parts = split_by_time(run.requests, run.start, max(1.0, run.seconds / 60))
    length = max(1.0, run.seconds / 60)
    rate = {"all": [(number * length, len(part) / length) for number, part in parts.items()]}
    plots = [_draw_plot("requests a second", rate)]
    for share, title in ((0.5, "P50, ms"), (0.95, "P95, ms"), (0.99, "P99, ms")):
        lines = {
            row.name: [
                (number * length, find_percentile(times, share))
                for number, part in parts.items()
                if (times := sorted(one.milliseconds for one in part if one.name == row.name))
            ]
            for row in run.summarize()
        }
        plots.append(_draw_plot(title, lines))
    for measure in MEASURES if run.behind != "AWS" else ():
        lines = {
            name: [(sample.at - run.start, getattr(sample, measure)) for sample in samples]
            for name, samples in run.usage.samples.items()
        }
        plots.append(_draw_plot(UNITS.get(measure, measure), lines))
    return f"<h2>{run.scenario}, {run.behind}</h2><p>{BEHIND[run.behind]}</p>{table}{''.join(plots)}"


def _draw_table(names: Iterable[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(str(v))}</td>" for v in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _draw_plot(title: str, lines: Lines) -> str:
    """Lines over time in seconds, as SVG."""
    points = [point for line in lines.values() for point in line]
    right = max((x for x, _ in points), default=1.0) or 1.0
    top = max((y for _, y in points), default=1.0) or 1.0
    width, height = WIDTH - LEFT, HEIGHT - BOTTOM
    drawn, legend = [], []
    for number, (name, line) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(
            f"{LEFT + max(0.0, x) / right * width:.1f},{height - y / top * (height - 15):.1f}"
            for x, y in line
        )
        drawn.append(f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{path}"/>')
        legend.append(f'<span style="color:{colour}">■</span> {html.escape(name)}')
    axes = (
        f'<line x1="{LEFT}" y1="{height}" x2="{WIDTH}" y2="{height}" stroke="#999"/>'
        f'<text x="2" y="20">{top:.4g}</text><text x="2" y="{height}">0</text>'
        f'<text x="{WIDTH - 45}" y="{HEIGHT - 8}">{right:.0f} s</text>'
    )
    svg = f'<svg width="{WIDTH}" height="{HEIGHT}">{axes}{"".join(drawn)}</svg>'
    return f"<figure><figcaption><b>{title}</b> {' '.join(legend)}</figcaption>{svg}</figure>"
