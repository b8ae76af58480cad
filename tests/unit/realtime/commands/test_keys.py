"""API keys in the terminal."""

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from chalicelib.domain.errors import RealtimeError
from chalicelib.domain.keys import ApiKey, digest
from chalicelib.domain.timestamps import format_timestamp, parse_timestamp
from chalicelib.services.admin.keys import ID_LENGTH
from realtime.commands.keys import create_key, list_keys, revoke_key
from realtime.testing.stores import MemoryKeys
from tests.support.api_keys import store_key

NOW = parse_timestamp("2026-11-26T12:00:00Z")
LABEL = "the web shop of [bold]a company[/bold] with a long name"


def read_output(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_80_columns_cut_off_nothing_and_a_label_is_no_markup() -> None:
    keys, console = MemoryKeys(), Console(file=io.StringIO(), width=80)
    key = create_key(console, keys, "assign,flags,events,results", LABEL)
    assert key in read_output(console).splitlines()
    revoke_key(console, keys, keys.get_all()[0].id[:12])
    assert "[bold]a company[/bold]" in read_output(console)
    console.file = io.StringIO()
    list_keys(console, keys)
    assert "…" not in read_output(console)
    assert "[bold]" in read_output(console)


def test_a_script_reads_the_key_from_json(capsys: pytest.CaptureFixture[str]) -> None:
    keys, console = MemoryKeys(), Console(file=io.StringIO())
    key = create_key(console, keys, "flags,assign", "web", "90d", as_json=True, now=NOW)
    [stored] = keys.get_all()
    assert json.loads(capsys.readouterr().out) == {
        "key": key,
        "id": stored.id,
        "label": "web",
        "scopes": [*stored.scopes],
        "created": stored.created,
        "expires": stored.expires,
        "snapshot_failure": None,
    }
    assert stored.id == digest(key)
    assert read_output(console) == ""


@pytest.mark.parametrize("scopes", ["", " , ", "assign,everything"])
def test_unknown_scopes_are_refused_with_those_that_exist(scopes: str) -> None:
    with pytest.raises(
        RealtimeError,
        match="there are assign, flags, flags:client, events, events:client, results, view, admin",
    ):
        create_key(Console(file=io.StringIO()), MemoryKeys(), scopes, "web")


@pytest.mark.parametrize("key_id", ["", "nope"])
def test_only_a_key_that_exists_can_be_revoked(key_id: str) -> None:
    with pytest.raises(RealtimeError, match="0 keys have an id that starts with"):
        revoke_key(Console(file=io.StringIO()), MemoryKeys(), key_id)


def test_a_key_says_whose_it_is() -> None:
    with pytest.raises(RealtimeError, match="label: say whose key it is"):
        create_key(Console(file=io.StringIO()), MemoryKeys(), "assign", " ")


def test_a_key_is_revoked_once_and_keeps_the_time() -> None:
    keys, console = MemoryKeys(), Console(file=io.StringIO())
    create_key(console, keys, "assign", "web")
    revoke_key(console, keys, keys.get_all()[0].id)
    (first,) = keys.get_all()
    with pytest.raises(RealtimeError, match=f"revoked already, since {first.revoked}"):
        revoke_key(console, keys, first.id)
    assert keys.get_all() == [first]


def create(keys: MemoryKeys, expires: str) -> ApiKey:
    console = Console(file=io.StringIO(), width=60)
    key = create_key(console, keys, "assign", "web", expires, now=NOW)
    stored = keys.get(digest(key))
    assert stored is not None
    assert (stored.expires or "Expires") in read_output(console) or not expires
    return stored


@pytest.mark.parametrize(
    ("expires", "end"),
    [
        ("90d", NOW + 90 * 86_400),
        ("12h", NOW + 12 * 3600),
        ("52w", NOW + 52 * 7 * 86_400),
        ("2027-03-31", parse_timestamp("2027-03-31T00:00:00Z")),
        ("2027-03-31T12:00:00+02:00", parse_timestamp("2027-03-31T10:00:00Z")),
        ("", None),
    ],
)
def test_a_key_expires_after_a_time_or_at_a_date(expires: str, end: float | None) -> None:
    stored = create(MemoryKeys(), expires)
    assert stored.expires == (None if end is None else format_timestamp(end, "seconds"))


@pytest.mark.parametrize(
    ("expires", "problem"),
    [
        ("soon", "'soon' is neither a duration, such as 12h, 90d or 52w, nor a date"),
        ("90", "neither"),
        ("-1d", "neither"),
        ("1.5d", "neither"),
        ("90 d", "neither"),
        ("٩٠d", "neither|not in the future"),
        ("0d", "not in the future"),
        ("2020-01-01", "not in the future"),
        ("999999w", "not in the future"),
        ("9999999d", "neither"),
    ],
)
def test_another_expiry_is_refused_and_makes_no_key(expires: str, problem: str) -> None:
    keys = MemoryKeys()
    with pytest.raises(RealtimeError, match=f"expires: .*({problem})"):
        create(keys, expires)
    assert keys.get_all() == []


KEYS = (
    store_key("assign", name="valid"),
    replace(store_key("assign", name="used"), last_used="2026-11-26T09:00:00Z"),
    replace(store_key("assign", name="ends"), expires="2027-03-31T00:00:00Z"),
    replace(store_key("assign", name="ended"), expires="2026-11-01T00:00:00Z"),
    replace(store_key("assign", name="gone"), revoked="2026-10-01T00:00:00Z", expires="2027-03-31T00:00:00Z"),
)


def list_all(width: int, **options: bool) -> str:
    keys, console = MemoryKeys(), Console(file=io.StringIO(), width=width)
    for key in KEYS:
        keys.put(key)
    list_keys(console, keys, now=NOW, **options)
    return read_output(console)


def test_a_list_shows_the_last_use_and_what_has_expired() -> None:
    rows = {line.split()[1]: " ".join(line.split()[4:]) for line in list_all(100).splitlines()[1:]}
    assert rows == {
        "valid": "never valid",
        "used": "2026-11-26 valid",
        "ends": "never until 2027-03-31",
        "ended": "never expired 2026-11-01",
        "gone": "never revoked 2026-10-01",
    }


def test_60_columns_cut_off_nothing() -> None:
    shown = list_all(60)
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 60
    for key in KEYS:  # whole, to be copied into `keys revoke`
        assert key.id[:ID_LENGTH] in shown


def test_json_has_each_key_with_whether_it_is_accepted() -> None:
    listed = json.loads(list_all(60, as_json=True))
    assert {key["label"]: key["accepted"] for key in listed} == {
        "valid": True,
        "used": True,
        "ends": True,
        "ended": False,
        "gone": False,
    }
    assert {key["last_used"] for key in listed} == {None, "2026-11-26T09:00:00Z"}
    assert {key["id"] for key in listed} == {key.id for key in KEYS}
