"""The local stack reads the service's metrics as CloudWatch does."""

import io
from contextlib import redirect_stdout

from chalicelib.metrics import Metrics
from realtime.local.cloudwatch import read_line


def test_a_line_of_metrics_is_read_as_cloudwatch_reads_it() -> None:
    lines: list[str] = []
    metrics = Metrics("local", "web", 60.0, lambda: 1_800_000_000.0, lines.append)
    for number in range(150):  # more than one directive
        metrics.record(f"Metric{number}", number)
    with redirect_stdout(io.StringIO()):
        metrics.flush()
    directives = list(read_line(lines[0]))
    assert {namespace for namespace, _ in directives} == {"realtime"}
    data = [datum for _, part in directives for datum in part]
    assert [datum["Value"] for datum in data] == list(range(150))
    assert data[3] == {
        "MetricName": "Metric3",
        "Dimensions": [{"Name": "Environment", "Value": "local"}, {"Name": "Function", "Value": "web"}],
        "Timestamp": 1_800_000_000.0,
        "Value": 3,
    }
