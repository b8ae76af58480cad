"""A treatment beside the control: the difference, its standard error, and limits of the lift."""

from dataclasses import dataclass
from math import sqrt

from realtime.analysis.model import Interval
from realtime.analysis.statistics.estimates import Estimate


@dataclass(frozen=True, slots=True)
class Pair:
    """``control_error`` and ``treatment_error`` are variances of the means."""

    users: int
    control: float
    treatment: float
    control_error: float
    treatment_error: float
    degrees: float

    @property
    def difference(self) -> float:
        return self.treatment - self.control

    @property
    def se(self) -> float:
        return sqrt(self.control_error + self.treatment_error)

    def find_z(self, ratio: float = 1.0) -> float:
        """How many standard errors the treatment is above ``ratio`` times the control."""
        return (self.treatment - ratio * self.control) / sqrt(
            self.treatment_error + ratio**2 * self.control_error
        )

    def find_interval(self, k: float) -> Interval:
        return Interval(self.difference - k * self.se, self.difference + k * self.se)

    def find_lift_interval(self, k: float) -> Interval | None:
        """Fieller's: each r with |treatment − r·control| ≤ k standard errors, less 1.

        So it has 0 exactly where the interval of the difference has. None: a control mean that is not
        positive beyond its noise has no lift.
        """
        a = self.control**2 - k**2 * self.control_error
        if self.control <= 0 or a <= 0:
            return None
        middle = self.control * self.treatment
        # (control·treatment)² − a·(treatment² − k²·treatment_error), without its cancellation
        half = k * sqrt(self.treatment_error * a + self.control_error * self.treatment**2)
        return Interval((middle - half) / a - 1, (middle + half) / a - 1)


def make_pair(control: Estimate, treatment: Estimate) -> Pair | None:
    """None if a variance is undefined or both are 0: there is no noise to compare with."""
    if control.mean is None or treatment.mean is None:
        return None
    if control.variance is None or treatment.variance is None:
        return None
    a, b = control.variance / control.users, treatment.variance / treatment.users
    if a + b == 0:
        return None
    # Welch and Satterthwaite, in shares so that tiny variances do not underflow
    share = a / (a + b)
    degrees = 1 / (share**2 / (control.users - 1) + (1 - share) ** 2 / (treatment.users - 1))
    users = control.users + treatment.users
    return Pair(users, control.mean, treatment.mean, a, b, degrees)
