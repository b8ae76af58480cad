"""API keys in the terminal."""

import io

import pytest
from rich.console import Console

from realtime.commands.keys import create_key, list_keys, revoke_key
from realtime.testing.stores import MemoryKeys

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


@pytest.mark.parametrize("scopes", ["", " , ", "assign,everything"])
def test_unknown_scopes_are_refused_with_those_that_exist(scopes: str) -> None:
    with pytest.raises(
        ValueError, match="there are assign, flags, flags:client, events, events:client, results, admin"
    ):
        create_key(Console(file=io.StringIO()), MemoryKeys(), scopes, "web")


@pytest.mark.parametrize("key_id", ["", "nope"])
def test_only_a_key_that_exists_can_be_revoked(key_id: str) -> None:
    with pytest.raises(ValueError, match="0 keys have an id that starts with"):
        revoke_key(Console(file=io.StringIO()), MemoryKeys(), key_id)


def test_a_key_says_whose_it_is() -> None:
    with pytest.raises(ValueError, match="--label: say whose key it is"):
        create_key(Console(file=io.StringIO()), MemoryKeys(), "assign", " ")


def test_a_key_is_revoked_once_and_keeps_the_time() -> None:
    keys, console = MemoryKeys(), Console(file=io.StringIO())
    create_key(console, keys, "assign", "web")
    revoke_key(console, keys, keys.get_all()[0].id)
    (first,) = keys.get_all()
    with pytest.raises(ValueError, match=f"revoked already, since {first.revoked}"):
        revoke_key(console, keys, first.id)
    assert keys.get_all() == [first]
