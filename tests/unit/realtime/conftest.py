"""Files of events."""

import gzip
from pathlib import Path

import pytest


@pytest.fixture
def purchases(tmp_path: Path) -> Path:
    lines = [f"{n:05},1997-01-{n % 28 + 1:02},1,{n}.25" for n in range(1, 1201)]
    file = tmp_path / "purchases.csv.gz"
    file.write_bytes(gzip.compress("\n".join(["customer_id,date,cds,dollars", *lines]).encode()))
    return file
