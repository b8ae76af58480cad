"""The short profile of `make simulate`: seeded, with margins that chance does not reach."""

import pytest

from loadtests.simulation.__main__ import main
from loadtests.simulation.table import NOMINAL, Limits, Row, run_simulations

SEED = 20_261_127


def test_false_alarms_are_as_many_as_asked_for() -> None:
    rows = list(run_simulations(0.02, SEED))
    assert [row for row in rows if not row.is_right] == []
    assert len(rows) > 40
    wrong = [row for row in rows if row.group.endswith("from counters of events")]
    assert len(wrong) == 4
    assert min(row.rate for row in wrong) > 0.1


@pytest.mark.parametrize(
    ("alarms", "limits", "is_right"),
    [
        (200, NOMINAL, True),
        (270, NOMINAL, True),  # 6.75 %, of which 1.38 is chance
        (290, NOMINAL, False),
        (110, NOMINAL, False),
        (0, Limits(0, 0.05), True),
        (260, Limits(0, 0.05), False),
        (300, Limits(0.05, None), True),
        (200, Limits(0.05, None), False),
    ],
)
def test_a_rate_may_be_off_by_chance_only(alarms: int, limits: Limits, is_right: bool) -> None:
    assert Row("", "", alarms, 4_000, limits).is_right == is_right


def test_the_scale_has_limits(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--scale", "0"])
    assert "--scale must be between" in capsys.readouterr().err
