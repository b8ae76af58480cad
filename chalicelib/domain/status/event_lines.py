"""Lines about events on their way: how far behind, refused, dropped, archived, copied."""

from chalicelib.domain.status import metrics
from chalicelib.domain.status.alarms import ITERATOR_AGE_MS, Condition
from chalicelib.domain.status.figures import (
    add_up,
    begins,
    format_duration,
    get_latest,
    get_peak,
    holds,
)
from chalicelib.domain.status.judging import GIVEN_UP_SOON, RECENT, Line, NoAnswer, State, View, require
from chalicelib.domain.status.snapshot import Point, Queue, Unanswered

READ_SECONDS = 300
"""Records that arrived before so many seconds must have been read."""
ARCHIVE_SLACK = 120
"""Seconds by which the time of a batch and that of its object may differ."""
ARCHIVE_AMBER, ARCHIVE_RED = 300, 1800
"""Seconds that events wait for their object; Firehose gathers for a minute."""


def judge_events(name: str, view: View) -> Line:
    processed = add_up(metrics.list_processed(view.env), view.series)
    return _judge_lag(name, view, "event_processor", f"; {processed:,.0f} events/h")


def judge_assignments(name: str, view: View) -> Line:
    return _judge_lag(name, view, "assignment_sync", "")


def _judge_lag(name: str, view: View, function: str, more: str) -> Line:
    alarm = f"{function}-iterator-age"
    condition = view.conditions[alarm]
    latest = get_latest(condition.metrics, view.series)
    if latest is None or (view.env == "local" and latest.start < view.now - RECENT):
        return _judge_silence(name, view, function, alarm)
    seconds = latest.value / 1000
    figures = {"seconds": seconds}
    peak = get_peak(condition.metrics, view.series, view.now - RECENT) / 1000
    before = f", {format_duration(peak)} a moment ago" if peak > max(seconds, ITERATOR_AGE_MS / 1000) else ""
    text = f"{format_duration(seconds)} behind{before}{more}"
    rings = view.holds(alarm)
    if rings and seconds > GIVEN_UP_SOON:
        advice = "Repair the function now: after 23 hours assignments are given up, events after 6.7 days."
        return Line(name, State.RED, text, advice, (alarm,), figures)
    if rings or begins(condition, view.series, view.now):
        advice = f"Look at the errors of {function}, then at the number of shards. Nothing is lost yet."
        return Line(name, State.AMBER, text, advice, (alarm,), figures)
    return Line(name, State.GREEN, text, figures=figures)


def _judge_silence(name: str, view: View, function: str, alarm: str) -> Line:
    """Lambda reports how far it is behind only while it reads; the local pump always does."""
    if view.env == "local":
        return Line(name, State.RED, "the pump reports nothing", "Is `make run` alive? Start it again.")
    arrived = metrics.list_arrived(view.conditions) if function == "event_processor" else ()
    unread = [
        point
        for metric in arrived
        for point in view.series.get(metric, ())
        if point.value and point.start < view.now - READ_SECONDS
    ]
    if unread:
        advice = f"Is the event source of {function} enabled? Look at its errors."
        return Line(name, State.RED, "records arrive, and nobody reads them", advice, (alarm,))
    return Line(name, State.GREEN, "nothing to read in the last hour")


def judge_quarantine(name: str, view: View) -> Line:
    queue = require(view.snapshot.quarantine)
    series = view.snapshot.series
    oldest = None
    if queue.waiting and not isinstance(series, Unanswered):
        oldest = get_latest(metrics.list_oldest(view.conditions, "quarantine-not-empty"), series)
    figures = {
        "waiting": queue.waiting,
        "in_flight": queue.in_flight,
        "oldest_seconds": None if oldest is None else oldest.value,
    }
    if not queue.waiting:
        return Line(name, State.GREEN, _describe_queue(queue, "record", None), figures=figures)
    return Line(
        name,
        State.AMBER,
        _describe_queue(queue, "record", oldest),
        "python -m realtime quarantine list, repair the cause, then redrive.",
        ("quarantine-not-empty",),
        figures,
    )


def judge_failed_batches(name: str, view: View) -> Line:
    queue = require(view.snapshot.failed_batches)
    figures = {"waiting": queue.waiting}
    text = _describe_queue(queue, "batch", None)
    if not queue.waiting:
        return Line(name, State.GREEN, text, figures=figures)
    advice = "Lambda gave up on them. Save their records while the stream has them."
    return Line(name, State.RED, text, advice, ("failed-batches-not-empty",), figures)


def _describe_queue(queue: Queue, noun: str, oldest: Point | None) -> str:
    plural = f"{noun}{'es' if noun.endswith('ch') else 's'}"
    text = f"{queue.waiting:,} {noun if queue.waiting == 1 else plural}"
    text += f", the oldest {format_duration(oldest.value)} old" if oldest else ""
    return text + (f"; {queue.in_flight:,} received by somebody" if queue.in_flight else "")


def judge_drops(name: str, view: View) -> Line:
    """What was given up in the last hour; the state is that of the alarms."""
    alarms = "tracking-drops", "assignment-not-stored", "postgres-rows-refused"
    counts = {
        "decisions": add_up(view.conditions["tracking-drops"].metrics, view.series),
        "sampled_contexts": add_up(metrics.list_contexts_not_kept(view.env), view.series),
        "refused_records": add_up(metrics.list_quarantined(view.env), view.series),
        "refused_rows": add_up(view.conditions["postgres-rows-refused"].metrics, view.series),
        "unstored_assignments": add_up(view.conditions["assignment-not-stored"].metrics, view.series),
    }
    lost = [f"{count:,.0f} {noun.replace('_', ' ')}" for noun, count in counts.items() if count]
    text = f"{', '.join(lost) or 'nothing'} in the last hour"
    ringing = view.find_ringing(alarms)
    if not ringing:
        return Line(name, State.GREEN, text, figures=counts)
    advice = "Decisions were not affected, but results are. Write to the analysts which hour."
    return Line(name, State.AMBER, text, advice, ringing, counts)


def judge_archive(name: str, view: View) -> Line:
    archived = require(view.snapshot.archived)
    newest = archived.newest
    points = [point for metric in metrics.list_processed(view.env) for point in view.series.get(metric, ())]
    processed = [point for point in points if point.value]
    waiting = [point.start for point in processed if point.start > (newest or 0) + ARCHIVE_SLACK]
    seconds = view.now - min(waiting) if waiting else 0.0
    age = "no object yet" if newest is None else f"newest object {format_duration(view.now - newest)} ago"
    last = max((point.start for point in processed), default=None)
    event = (
        "no events in the last hour"
        if last is None
        else f"newest event {format_duration(view.now - last)} ago"
    )
    figures = {"newest_object": newest, "newest_event": last, "waiting_seconds": seconds}
    if seconds > ARCHIVE_AMBER and not archived.is_complete:
        raise NoAnswer(f"there are too many objects to find the newest; {event}")
    if seconds > ARCHIVE_AMBER:
        state = State.RED if seconds > ARCHIVE_RED else State.AMBER
        advice = (
            "Events are counted, but not archived. Look at the delivery stream, or at the bucket's policy."
        )
        return Line(name, state, f"{age}, {event}", advice, figures=figures)
    return Line(name, State.GREEN, f"{age}, {event}", figures=figures)


def judge_postgres(name: str, view: View) -> Line:
    lag = metrics.list_postgres_lag(view.env)
    latest = get_latest(lag, view.series)
    if latest is None:
        return Line(name, State.OFF, "nothing was written in the last hour, or none is connected")
    text = f"{format_duration(latest.value)} behind at the last write"
    figures = {"seconds": latest.value}
    late = Condition("postgres-lag", "", lag, threshold=ITERATOR_AGE_MS / 1000, breaching=3, periods=5)
    if not holds(late, view.series, view.now):
        return Line(name, State.GREEN, text, figures=figures)
    state = State.RED if latest.value > GIVEN_UP_SOON else State.AMBER
    advice = "Is PostgreSQL up? Rows wait in the table's stream for 23 hours."
    return Line(name, state, text, advice, ("assignment_sync-iterator-age",), figures)
