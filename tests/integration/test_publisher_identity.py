"""STS, as the local AWS has it."""

import pytest

from realtime.commands.publisher import format_identity, get_caller_arn


def test_sts_says_who_publishes(aws_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in aws_environment.items():
        monkeypatch.setenv(name, value)
    arn = get_caller_arn()
    assert arn.startswith("arn:aws:")
    assert format_identity(arn)
