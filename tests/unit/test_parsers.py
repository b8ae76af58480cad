"""The targets of `make fuzz` under a few random bytes, so that they go on to work."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.parsers import PARSERS, SAMPLES


@pytest.mark.parametrize("name", PARSERS)
@given(data=st.binary(max_size=60), start=st.integers(0, 60))
def test_any_bytes_are_read_or_refused(name: str, data: bytes, start: int) -> None:
    PARSERS[name](data)
    PARSERS[name](SAMPLES[name][:start] + data + SAMPLES[name][start:])
