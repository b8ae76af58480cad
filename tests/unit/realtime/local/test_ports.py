"""Ports in environment variables."""

import pytest

from realtime.local.ports import LocalError, read_port


def test_a_port_is_that_of_the_variable_or_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORT", raising=False)
    assert read_port("PORT", 8000) == 8000
    monkeypatch.setenv("PORT", "8123")
    assert read_port("PORT", 8000) == 8123


@pytest.mark.parametrize("text", ["abc", "-1", "65536", "1e3", "٣"])
def test_what_is_no_port_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("PORT", text)
    with pytest.raises(LocalError, match="PORT must be a port from 0 to 65535"):
        read_port("PORT", 8000)
