"""The values of an analysis: what is asked, what an engine counts, and what follows from it.

`design.py` builds a `Design` from a published experiment; an `Engine` reads `Users` and `Moments` from the
archive; `inference.py` turns them into an `Analysis`, which `reports` show. All sums are exact: an engine
returns fractions, never floating-point sums.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, NamedTuple, Protocol, TypeAlias

from chalicelib.domain.definitions.analysis_schema import MetricDocument

Role: TypeAlias = Literal["primary", "guardrail", "secondary"]


@dataclass(frozen=True, slots=True)
class PlannedMetric:
    """``margin``: of a guardrail, a share of the control's mean."""

    metric: MetricDocument
    role: Role
    margin: float | None = None


class SplitPeriod(NamedTuple):
    """A time with one split, from ``start`` (epoch seconds; None is the beginning) to the next period."""

    start: float | None
    shares: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Design:
    """Which users are compared, from when on, and by what.

    ``shares``: variants in the order of the definition, with the share of users that each is to have.
    ``anchor`` is an event type, or ``assignment``. ``left_out`` are users with an override. ``since`` and
    ``until`` are epoch seconds, half-open; they bound the anchors, and ``until`` also the events.
    """

    experiment_key: str
    experiment_id: str
    iteration: int
    version: int
    shares: Mapping[str, float]
    control: str
    anchor: str
    metrics: Sequence[PlannedMetric]
    left_out: frozenset[str] = frozenset()
    since: float | None = None
    until: float | None = None
    alpha: float = 0.05
    power: float = 0.8
    is_sequential: bool = True
    planned_users: int | None = None
    is_fixed_asked: bool = False
    """``--fixed``: show the fixed-horizon numbers although the plan is not reached, or there is none."""
    is_baseline: bool = False
    """For a plan: every user with an event ``anchor`` takes part from the first one on, whatever it counted
    for, as the only variant of ``shares``. Experiment, iteration and ``control`` mean nothing then."""

    periods: Sequence[SplitPeriod] = ()
    """Of a split that changed within the iteration; empty otherwise. ``shares`` are of the last one."""

    unit: Sequence[Sequence[str]] = ()
    """Properties of events that say what is divided, such as ``account`` → ``id``: the first that is there
    counts. ``user_id`` alone is the user. Empty: users are divided."""

    @property
    def treatments(self) -> tuple[str, ...]:
        return tuple(variant for variant in self.shares if variant != self.control)


class Users(NamedTuple):
    """Anchored users of one variant.

    ``moved`` were later seen in another variant; they stay where they were first. ``by_day`` has those whose
    anchor is on each UTC day (ISO date).
    """

    variant: str
    users: int
    moved: int = 0
    by_day: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class Census:
    """Who takes part, and what of the archive does not count.

    ``unassigned``: anchors attributed to ``$unassigned``. ``events_before_anchor``: events of the metrics'
    types of anchored users that are older than their anchor. ``late_duplicates``: lines that repeat user,
    type and event id but were not marked as duplicates. ``unreadable``: lines whose time cannot be read.
    ``nameless``: events that do not say of which unit they are, where users are not what is divided.
    ``lines``: those, and all events of units with an anchor.
    """

    users: Sequence[Users]
    unassigned: int = 0
    left_out: int = 0
    events_before_anchor: int = 0
    late_duplicates: int = 0
    unreadable: int = 0
    nameless: int = 0
    lines: int = 0
    first_anchor: float | None = None
    last_anchor: float | None = None


class Sums(NamedTuple):
    """Exact sums over the users of one variant. For each user there are four numbers:

    ``y`` the measure (or numerator), ``d`` the denominator (0 where the metric is no ratio), ``x`` and ``z``
    the same of the pre-period (0 without one). ``products`` has the sum of each product of two, such as
    ``yy``, ``yd``, ``xz``: keys are in the order of y, d, x, z. ``converted``: users with y > 0.
    ``largest``: the largest y. Amounts are in units of the currency.
    """

    variant: str
    users: int
    totals: Mapping[str, Fraction]
    products: Mapping[str, Fraction]
    converted: int = 0
    largest: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class Moments:
    """One metric: the sums of each variant, in the order of the design.

    ``waiting``: users whose window is not over. ``cap``, ``pre_cap``: the values at the quantile, or None.
    ``currencies``: those of the metric's amounts that were left out or not convertible, with their events.
    ``segment``: the value of ``--by``, None for all users.
    """

    metric: MetricDocument
    sums: Sequence[Sums]
    waiting: int = 0
    cap: Fraction | None = None
    pre_cap: Fraction | None = None
    currencies: Mapping[str, int] = field(default_factory=dict)
    segment: str | None = None


class Bin(NamedTuple):
    """Users of one variant whose y is in [lower, upper)."""

    variant: str
    lower: float
    upper: float
    users: int


class Look(NamedTuple):
    """The moments as they were at ``until`` (epoch seconds): one step of a cumulative plot."""

    until: float
    moments: Moments


class DaySum(NamedTuple):
    """Sum of y of the users of a variant on the ``day``-th day since their anchor (0 is the first).

    ``users``: those for whom this day is over.
    """

    variant: str
    day: int
    users: int
    total: Fraction


class Engine(Protocol):
    """Reads an archive. Each method scans it at most once. Raises `ArchiveError` with the reason."""

    name: str

    @property
    def notes(self) -> Sequence[str]:
        """What the user should know about what was read, such as what it costs."""
        ...

    def read_census(self, design: Design) -> Census: ...

    def read_counts(self, design: Design) -> Mapping[str, Mapping[str, int]]:
        """Events of the types that the design reads, by type and the variant that they counted for."""
        ...

    def read_moments(
        self, design: Design, metrics: Sequence[MetricDocument], by: str | None = None
    ) -> list[Moments]:
        """In the order of ``metrics``; with ``by`` one for each metric and value of that property."""
        ...

    def read_looks(self, design: Design, metric: MetricDocument, times: Sequence[float]) -> list[Look]: ...

    def read_distribution(self, design: Design, metric: MetricDocument, bins: int) -> list[Bin]: ...

    def read_days(self, design: Design, metric: MetricDocument, days: int) -> list[DaySum]: ...

    def list_sql(self, design: Design, metrics: Sequence[MetricDocument]) -> list[str]:
        """The statements that `read_census` and `read_moments` run."""
        ...


class EventCounts(NamedTuple):
    """Events by type and variant, as the counters and as the archive have them. ``$assigned`` are users."""

    counters: Mapping[str, Mapping[str, int]]
    archive: Mapping[str, Mapping[str, int]]


class ArchiveError(Exception):
    """The archive cannot be read; the message says why and what to do."""


CheckStatus: TypeAlias = Literal["ok", "note", "warning", "alarm"]
"""An alarm makes the verdict `stop_data_problem`."""


@dataclass(frozen=True, slots=True)
class Check:
    """``code``: split, archive_complete, moved, pre_period, waiting, outlier, twyman, changed_after_start,
    currencies, low_counts, events_before_anchor, and of what does not count: unassigned, left_out,
    late_duplicates, unreadable. ``facts`` are JSON.
    """

    code: str
    status: CheckStatus
    message: str
    facts: Mapping[str, object] = field(default_factory=dict)


class Interval(NamedTuple):
    """None is unbounded."""

    lower: float | None
    upper: float | None


@dataclass(frozen=True, slots=True)
class Inference:
    """One comparison at one kind of horizon. ``lift`` numbers are shares of the control's mean.

    ``p_value`` is two-sided, against no difference; of a guardrail it is one-sided, against its margin.
    """

    interval: Interval
    p_value: float | None
    lift_interval: Interval | None


Decision: TypeAlias = Literal["better", "worse", "no_difference_that_matters", "undecided", "holds", "fails"]
"""``holds`` and ``fails`` are of guardrails; ``undecided`` may be of both."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A treatment against the control. ``current`` is valid at any time if the design is sequential.

    ``fixed`` is the fixed-horizon answer: None until the plan is reached, unless it was asked for; then it is
    valid for one look only. ``alpha`` is what the interval was made with, after correction; of a guardrail
    twice the design's, so that the end at the margin has the design's.
    """

    treatment: str
    difference: float | None
    se: float | None
    lift: float | None
    current: Inference | None
    fixed: Inference | None
    alpha: float
    decision: Decision
    notes: tuple[str, ...] = ()
    chance_to_beat: float | None = None


class VariantMean(NamedTuple):
    """``mean`` is of CUPED-adjusted values where ``theta`` is; a ratio's is the ratio of sums."""

    users: int
    mean: float | None
    variance: float | None
    raw_mean: float | None
    converted: int
    total: float


@dataclass(frozen=True, slots=True)
class MetricResult:
    metric: MetricDocument
    role: Role
    margin: float | None
    variants: Mapping[str, VariantMean]
    comparisons: Sequence[Comparison]
    theta: float | None = None
    cap: float | None = None
    waiting: int = 0
    segment: str | None = None


VerdictCode: TypeAlias = Literal[
    "stop_data_problem", "keep_running", "ship", "do_not_ship", "no_difference_that_matters"
]


@dataclass(frozen=True, slots=True)
class Verdict:
    """``sentence`` is for a product manager. ``treatment``: the variant to ship."""

    code: VerdictCode
    sentence: str
    reasons: tuple[str, ...] = ()
    treatment: str | None = None


@dataclass(frozen=True, slots=True)
class Analysis:
    """``as_of``: epoch seconds. ``progress``: users of control and one treatment / planned; None: no plan."""

    design: Design
    as_of: float
    engine: str
    census: Census
    checks: Sequence[Check]
    metrics: Sequence[MetricResult]
    verdict: Verdict
    progress: float | None = None
    segments: Sequence[MetricResult] = ()
    by: str | None = None
