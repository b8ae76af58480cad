"""Which command is in which module. Only the module of the command that runs is imported."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from typer.core import TyperGroup
from typer.main import get_group

SECTIONS: Mapping[str, Mapping[str, str]] = {
    "Definitions": {
        "validate": "definitions.app",
        "schema": "definitions.app",
        "flags": "definitions.app",
        "experiments": "definitions.app",
        "segments": "definitions.app",
        "show": "definitions.app",
        "check-rules": "definitions.app",
        "explain": "definitions.app",
        "publish": "publishing.app",
        "kill": "publishing.app",
        "history": "publishing.app",
        "snapshot": "publishing.app",
        "approvals": "approvals.setting",
        "proposals": "approvals.app",
    },
    "This machine": {"up": "local.app", "completion": "local.app"},
    "Results": {
        "results": "results.app",
        "plan-experiment": "results.app",
        "analyze": "results.app",
        "export": "results.app",
        "compact": "results.app",
    },
    "Events": {"replay": "events.app", "recount": "events.app", "quarantine": "quarantine.app"},
    "Operations": {
        "status": "operations.app",
        "doctor": "operations.app",
        "backup": "operations.app",
        "restore": "operations.app",
        "capacity": "operations.app",
        "migrate": "operations.app",
        "sync": "operations.app",
        "keys": "keys.app",
        "webhooks": "webhooks.app",
    },
    "Coming from another system": {
        "import": "migration.app",
        "check-import": "migration.app",
        "import-assignments": "migration.app",
        "compare": "migration.app",
    },
    "Users": {"forget": "users.app", "export-user": "users.app"},
}
"""By the section of the help: each command, and the module and name of the app that has it, or is it."""
_PLACES = {name: place for commands in SECTIONS.values() for name, place in commands.items()}


class Commands(Mapping[str, Any]):
    """By name; each is loaded when it is looked up."""

    def __getitem__(self, name: str) -> Any:
        group = _load_group(_PLACES[name])
        return group.commands.get(name) or group

    def __iter__(self) -> Iterator[str]:
        return iter(_PLACES)

    def __len__(self) -> int:
        return len(_PLACES)


@cache
def _load_group(place: str) -> TyperGroup:
    module, _, app = place.partition(".")
    return get_group(getattr(import_module(f"realtime.cli.{module}"), app))


class Program(TyperGroup):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = Commands()  # type: ignore[assignment] # it is only read

    def list_commands(self, _: Any) -> list[str]:
        return [*_PLACES]

    def format_commands(self, _: Any, formatter: Any) -> None:
        """The first sentence of each, by what they are for."""
        for section, commands in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl(
                    [(name, self.commands[name].get_short_help_str(formatter.width)) for name in commands]
                )
