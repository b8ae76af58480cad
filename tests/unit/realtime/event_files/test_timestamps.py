"""Times of files: every form becomes ISO 8601 in UTC, or is refused with the remedy."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.event_files.timestamps import EPOCHS, check_format, convert_timestamp, guess_format

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("value", "format_name", "text"),
    [
        ("2026-11-22T10:00:00+02:00", "iso", "2026-11-22T10:00:00+02:00"),
        ("1997-01-01", "iso", "1997-01-01T00:00:00Z"),
        ("20260131", "iso", "2026-01-31T00:00:00Z"),
        ("2019-11-01 00:00:00 UTC", "iso", "2019-11-01T00:00:00Z"),
        ("2026-01-01 12:00:00 -0500", "iso", "2026-01-01T17:00:00Z"),
        ("2026-11-22 10:00:00.123000+00", "iso", "2026-11-22T10:00:00.123000Z"),
        (1795341600, "epoch_s", "2026-11-22T10:00:00Z"),
        (1795341600.25, "epoch_s", "2026-11-22T10:00:00.250000Z"),
        ("1795341600123", "epoch_ms", "2026-11-22T10:00:00.123000Z"),
        ("1795341600123456", "epoch_us", "2026-11-22T10:00:00.123456Z"),
        ("1795341600123456789", "epoch_ns", "2026-11-22T10:00:00.123456Z"),
        ("1.7953416e9", "epoch_s", "2026-11-22T10:00:00Z"),
        ("31.12.2010 08:26", "%d.%m.%Y %H:%M", "2010-12-31T08:26:00Z"),
        ("22/Nov/2026:10:00:00 +0100", "%d/%b/%Y:%H:%M:%S %z", "2026-11-22T09:00:00Z"),
    ],
)
def test_a_time_becomes_iso_8601(value: object, format_name: str, text: str) -> None:
    assert convert_timestamp(value, format_name) == text


def test_a_time_without_a_zone_is_in_the_named_one() -> None:
    assert convert_timestamp("2026-07-01 12:00", "iso", BERLIN) == "2026-07-01T10:00:00Z"
    assert convert_timestamp("2026-07-01T12:00:00Z", "iso", BERLIN) == "2026-07-01T12:00:00Z"


@pytest.mark.parametrize(
    ("value", "format_name", "hint"),
    [
        ("1795341600123", "iso", "--timestamp-format epoch_ms"),
        ("12/01/2010 8:26", "iso", "'%m/%d/%Y %H:%M' or '%d/%m/%Y %H:%M'"),
        ("soon", "iso", "text of 4 characters is no ISO 8601 time"),
        ("soon", "epoch_s", "no time in seconds"),
        ("1" * 30, "epoch_s", "no time in seconds"),
        ("soon", "%Y", "does not fit %Y"),
        ("", "iso", "an empty value"),
        (True, "iso", "true or false"),
        ([], "iso", "a list"),
        ("0001-01-01T00:00:00 +10:00", "iso", "outside of the years"),
    ],
)
def test_what_is_no_time_is_refused_with_the_remedy(value: object, format_name: str, hint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(hint)):
        convert_timestamp(value, format_name)


@pytest.mark.parametrize(
    ("values", "format_name"),
    [
        (["1795341600", "0"], "epoch_s"),
        ([1795341600123, 1795341600124], "epoch_ms"),
        (["1795341600123456"], "epoch_us"),
        (["2026-11-22", "", None], "iso"),
        (["2026-11-22", "2026-11-23", "soon"], "iso"),
        ([20260131], "iso"),
        (["12/01/2010 8:26", "12/13/2010 8:26"], "%m/%d/%Y %H:%M"),
        (["12/01/2010 8:26"], ""),
        (["31.12.2010"], "%d.%m.%Y"),
        (["Sun Nov 22 10:00:00 +0000 2026"], "%a %b %d %H:%M:%S %z %Y"),
        (["soon"], ""),
        ([], "iso"),
    ],
)
def test_the_form_of_the_times_is_guessed_unless_two_fit(values: list[object], format_name: str) -> None:
    assert guess_format(values) == format_name


@given(st.datetimes(datetime(1974, 1, 1), datetime(2500, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_epochs_of_every_unit_are_told_apart_and_exact(moment: datetime) -> None:
    seconds, micros = int(moment.replace(microsecond=0).timestamp()), moment.microsecond
    expected = moment.replace(tzinfo=None).isoformat() + "Z"
    for name, digits in EPOCHS.items():
        fraction = f"{micros:06}"
        text = f"{seconds}{fraction.ljust(digits, '0')[:digits]}.{fraction[digits:]}"
        assert convert_timestamp(text, name) == expected
        if seconds > 10**9:
            assert guess_format([text.partition(".")[0]]) == name


@pytest.mark.parametrize("name", ["epoch", "%Q", "dd.mm.yyyy"])
def test_an_unknown_format_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="--timestamp-format"):
        check_format(name)
