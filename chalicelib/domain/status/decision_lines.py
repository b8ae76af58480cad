"""Lines about decisions: definitions, breakers, throttles, alarms."""

from chalicelib.domain.status import metrics
from chalicelib.domain.status.alarms import BREAKERS, LOCAL_CONTAINER
from chalicelib.domain.status.figures import add_up, format_duration, get_latest
from chalicelib.domain.status.judging import RECENT, Line, State, View, require

SILENT_SECONDS = 240
"""Since the begin of the minute in which a beat was counted."""
UNCONFIRMED_SECONDS = 1800
"""The heartbeat confirms the snapshot of API keys every four minutes."""
REPORT_SECONDS = 70
"""A container reports what it has loaded within a minute."""


def judge_definitions(name: str, view: View) -> Line:
    published = require(view.snapshot.published)
    since = (
        ""
        if published.published_at is None
        else (f", published {format_duration(view.now - published.published_at)} ago")
    )
    texts, behind = [f"version {published.version}{since}"], list[str]()
    functions: dict[str, object] = {}
    ages = {metric.label: metric for metric in view.conditions["stale-definitions"].metrics}
    for metric in metrics.list_versions(view.env):
        function = LOCAL_CONTAINER if view.env == "local" else metric.label
        points = view.series.get(metric, ())
        age = get_latest([ages[metric.label]], view.series)
        seconds = age.value if age and age.start >= view.now - RECENT else 0.0
        functions[function] = {"version": int(points[-1].value) if points else None, "age_seconds": seconds}
        if not points:
            texts.append(f"{function}: no report in the last hour")
            continue
        loaded, reported = int(points[-1].value), points[-1].start
        is_behind = loaded < published.version and reported >= (published.published_at or 0) + REPORT_SECONDS
        behind += [function] if is_behind else []
        texts.append(
            f"{function}: version {loaded}"
            + (", too old" if is_behind else "")
            + (f", not checked for {format_duration(seconds)}" if seconds else "")
        )
    ringing = view.find_ringing(("stale-definitions", "invalid-definition"))
    figures = {"version": published.version, "functions": functions}
    if not ringing and not behind:
        return Line(name, State.GREEN, "\n".join(texts), figures=figures)
    advice = {
        "stale-definitions": "A kill switch may not be in force. Restore access to the tables.",
        "invalid-definition": "A row cannot be loaded. Publish its key again from its file.",
    }.get(ringing[0] if ringing else "", "A kill switch may not be in force. Look at the function's errors.")
    return Line(name, State.RED, "\n".join(texts), advice, ringing or ("stale-definitions",), figures)


def judge_snapshot(name: str, view: View) -> Line:
    """Behind it is only for a moment, while a publish writes it."""
    published, version = require(view.snapshot.published), require(view.snapshot.snapshot_version)
    figures = {"version": version, "published": published.version}
    if not published.version:
        return Line(name, State.OFF, "nothing is published", figures=figures)
    if version == published.version:
        return Line(name, State.GREEN, f"version {version}", figures=figures)
    text = f"version {version}, published is {published.version}" if version else "none"
    advice = "python -m realtime snapshot. New containers would need DynamoDB to decide as published."
    return Line(name, State.AMBER, text, advice, figures=figures)


def judge_keys(name: str, view: View) -> Line:
    """Amber long before the snapshot of keys is too old to open anything (docs/keys.md)."""
    confirmed = require(view.snapshot.keys_confirmed)
    if confirmed is None:
        advice = "python -m realtime snapshot. New containers would need DynamoDB to know a key."
        return Line(name, State.AMBER, "no snapshot", advice, figures={"confirmed_seconds": None})
    age = max(0.0, view.now - confirmed)
    text, figures = f"snapshot confirmed {format_duration(age)} ago", {"confirmed_seconds": age}
    if age <= UNCONFIRMED_SECONDS:
        return Line(name, State.GREEN, text, figures=figures)
    advice = "python -m realtime snapshot. Without DynamoDB, too old a snapshot opens nothing."
    return Line(name, State.AMBER, text, advice, figures=figures)


def judge_heartbeat(name: str, view: View) -> Line:
    """A stack on this machine may have just started: there the newest beat decides, and not five minutes."""
    condition = view.conditions["heartbeat"]
    newest = get_latest(condition.metrics, view.series)
    if newest is None and view.env == "local":
        return Line(name, State.OFF, "no beat in the last hour")
    disabled = view.find_ringing(("event-source-disabled",))
    is_silent = view.now - newest.start > SILENT_SECONDS if newest else True
    is_ringing = view.env != "local" and view.holds("heartbeat")
    text = f"a decision was counted {format_duration(view.now - newest.start)} ago" if newest else "none"
    if disabled:
        advice = "A function does not read its stream. Enable its event source."
        return Line(name, State.RED, f"{text}; an event source is disabled", advice, disabled)
    if not is_silent and not is_ringing:
        return Line(name, State.GREEN, text)
    advice = "Decisions or events do not get through. Look at the other lines."
    return Line(name, State.RED, text, advice, ("heartbeat",))


def judge_breakers(name: str, view: View) -> Line:
    opened: dict[str, float] = {}
    is_open = set()
    for store in BREAKERS:
        for metric in metrics.list_breakers(view.env, store):
            count = add_up([metric], view.series)
            place = store if view.env == "local" else f"{store} ({metric.label})"
            if count:
                opened[place] = count
            if add_up([metric], view.series, view.now - RECENT):
                is_open.add(place)
    figures = {"open": sorted(is_open), "opened_in_the_last_hour": opened}
    past = f"; opened in the last hour: {', '.join(sorted(opened))}" if opened else ""
    ringing = view.find_ringing(("breaker-open", "stale-keys"))
    if is_open or ringing:
        advice = "These stores do not answer. Calls fail at once, and what is cached serves."
        text = f"open: {', '.join(sorted(is_open))}" if is_open else f"all closed{past}"
        if "stale-keys" in ringing:
            text += "; API keys cannot be read"
        return Line(name, State.RED, text, advice, ringing or ("breaker-open",), figures)
    return Line(name, State.GREEN, f"all closed{past}", figures=figures)


def judge_throttles(name: str, view: View) -> Line:
    if view.env == "local":
        return Line(name, State.OFF, "the local AWS throttles nothing")
    alarms = [alarm for alarm in view.conditions if alarm.endswith("-throttles")]
    counts = {
        alarm.removesuffix("-throttles"): add_up(view.conditions[alarm].metrics, view.series)
        for alarm in alarms
    }
    text = ", ".join(f"{place} {count:,.0f}" for place, count in counts.items() if count)
    ringing = view.find_ringing(alarms)
    text = f"{text or 'none'} in the last hour"
    if not ringing:
        return Line(name, State.GREEN, text, figures=counts)
    advice = "DynamoDB adapts within minutes. If it lasts for 15, ask AWS for a higher quota."
    return Line(name, State.AMBER, text, advice, ringing, counts)


def judge_alarms(name: str, view: View) -> Line:
    if view.snapshot.alarms is None:
        return Line(name, State.OFF, "there are none on this machine")
    ringing = tuple(require(view.snapshot.alarms))
    if not ringing:
        return Line(name, State.GREEN, "none rings")
    is_judged = set(ringing) <= view.conditions.keys()  # by the lines above, or it is a split
    state = State.AMBER if is_judged else State.RED
    return Line(name, state, ", ".join(ringing), "Each has its section in the runbook.", ringing)
