"""A backup of one environment, through S3, into another that is empty."""

import io
from typing import Any

import pytest
from rich.console import Console

from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.publishing.author import Author
from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients as ServiceClients
from chalicelib.stores.definitions import DefinitionStore
from chalicelib.stores.keys import KeyStore
from realtime.backup.places import find_place
from realtime.commands.backup import back_up
from realtime.commands.history import show_history
from realtime.commands.keys import create_key
from realtime.commands.restore import restore
from realtime.local.clients import Clients
from realtime.local.provision import provision
from realtime.resources import describe
from tests.support.experiments import published, published_flag, published_segment
from tests.support.unique_names import unique_names

NOW = 1_800_000_000.0


def list_history(store: DefinitionStore) -> str:
    text = io.StringIO()
    show_history(Console(file=text, width=300), store)
    return text.getvalue()


def test_another_environment_gets_definitions_history_and_keys(
    aws_settings: Settings, aws_clients: Clients, service_clients: ServiceClients
) -> None:
    source, keys = (
        DefinitionStore(service_clients, aws_settings),
        KeyStore(service_clients, aws_settings.keys_table),
    )
    flags = [published_flag(f"f{number}", name="ünïcode 🙂") for number in range(120)]
    source.publish([*flags, published("e")], 0, NOW, "ada", "first")
    source.publish(
        [published_segment("s", include=["ada"]), published("e", status="paused")], 1, NOW + 60, "bob"
    )
    source.publish([DefinitionRow("flag", flag.key, "", "removed") for flag in flags[:60]], 2, NOW + 120)
    console = Console(file=io.StringIO(), width=200)
    create_key(console, keys, "flags,events", "web")

    other = unique_names(Settings.from_env({}))
    provision(describe(other), aws_clients)
    target, target_keys = DefinitionStore(service_clients, other), KeyStore(service_clients, other.keys_table)
    name = f"s3://{aws_settings.archive_bucket}/backups/one.jsonl.gz"
    place = find_place(name, service_clients)
    back_up(console, source, keys, place, name, environment="prod", now=NOW)
    with pytest.raises(ValueError, match="exists already: choose another name"):
        back_up(console, source, keys, place, name, environment="prod", now=NOW)
    options: dict[str, Any] = {"publisher": Author(""), "confirm": lambda _: False, "now": NOW}
    assert restore(console, target, target_keys, place, name, **options) == 0
    assert list_history(target) == list_history(source)
    for kind in ("experiment", "flag", "segment"):
        assert target.get_all(kind) == source.get_all(kind)
    assert len(target.get_all("flag")) == 60
    assert target_keys.get_all() == keys.get_all()
    assert target.publish([published("next")], 3, NOW) == 4
