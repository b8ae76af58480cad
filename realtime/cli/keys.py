"""API keys."""

from typing import TYPE_CHECKING, Annotated

import typer

from realtime.cli import program

if TYPE_CHECKING:
    pass

app = program.make_app("API keys and their scopes. Example: python -m realtime keys list")


@app.command("create")
def keys_create(
    scopes: Annotated[
        str,
        typer.Option(
            help="Of assign, flags, flags:client, events, events:client, results, view, admin;"
            " separated by commas."
        ),
    ],
    label: Annotated[str, typer.Option(help="Whose key it is.")],
    expires: Annotated[
        str, typer.Option(help="Refuse it after a time (12h, 90d, 52w), or from a date on (2027-03-31).")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Create a key; it is shown once.

    Example: python -m realtime keys create --scopes flags --label web --expires 90d
    """
    from realtime.commands.keys import create_key

    services = program.plane()
    create_key(
        program.console,
        services.keys,
        scopes,
        label,
        expires,
        snapshots=services.key_snapshots,
        as_json=as_json,
    )


@app.command("list")
def keys_list(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """List the keys, when each was last used and until when it is good. Keys themselves are never stored.

    Example: python -m realtime keys list
    """
    from realtime.commands.keys import list_keys

    list_keys(program.console, program.plane().keys, as_json=as_json)


@app.command("revoke")
def keys_revoke(key_id: Annotated[str, typer.Argument(help="The id that `keys list` shows.")]) -> None:
    """Refuse a key from now on. Example: python -m realtime keys revoke 3f2a9c01d4e5"""
    from realtime.commands.keys import revoke_key

    services = program.plane()
    raise typer.Exit(revoke_key(program.console, services.keys, key_id, snapshots=services.key_snapshots))
