"""`import-assignments` into real tables: what the service, the counters and the archive make of the rows."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from chalicelib.domain.reasons import Reason
from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients
from chalicelib.stores.definitions import DefinitionStore
from chalicelib.wiring import Plane
from realtime.assignment_files.formats import Form
from realtime.commands.import_assignments import import_assignments
from realtime.local.clients import Clients as LocalClients
from tests.support.archive import archived_lines
from tests.support.draining import drain
from tests.support.experiments import published

USERS = 120
DAY, TIME = 20_000, "2024-10-04T00:00:00.000Z"
"""Far older than events of clients may be."""


def run(plane: Plane, file: Path, variants: dict[str, str] | None = None) -> int:
    silent = Console(file=io.StringIO())
    form = Form(experiment="checkout")
    return import_assignments(
        silent,
        silent,
        plane,
        [str(file)],
        "checkout",
        form,
        variants or {},
        per_second=0,
        dry_run=False,
        restart=False,
        as_json=False,
    )


def test_imported_users_are_served_counted_and_archived(
    aws_settings: Settings,
    aws_clients: LocalClients,
    service_clients: Clients,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = replace(aws_settings, event_max_age=7 * 86_400.0)
    DefinitionStore(service_clients, settings).publish([published()], 0, 0.0)
    plane = Plane(settings, clients=service_clients)
    variants = {f"u{number}": ("control", "treatment")[number % 3 == 0] for number in range(USERS)}
    file = tmp_path / "users.csv"
    lines = [f"{user},{variant},{DAY * 86_400}" for user, variant in variants.items()]
    file.write_text("\n".join(["user_id,variant,assigned_at", *lines]))

    assert run(plane, file) == 0
    assert run(plane, file) == 0
    container = Plane(settings, clients=service_clients)
    decisions = [container.assign(user, "checkout", {}).decision for user in ("u0", "u1")]
    assert [(each.variant, each.reason) for each in decisions] == [
        ("treatment", Reason.STICKY),
        ("control", Reason.STICKY),
    ]

    drain(plane, aws_clients, monkeypatch)
    counted = {
        counter.variant: (counter.day, sum(sums.count for sums in hours.values()))
        for counter, hours in plane.counters.read("checkout")
        if counter.event_type == "$assigned"
    }
    assert counted == {"control": (DAY, 80), "treatment": (DAY, 40)}
    lines_of = {
        line["user_id"]: (line["event_type"], line["timestamp"], line["properties"]["variant"])
        for line in archived_lines(service_clients, settings.archive_bucket)
        if line["properties"].get("imported")
    }
    assert lines_of == {user: ("assignment", TIME, variant) for user, variant in variants.items()}


def test_an_experiment_that_is_not_sticky_is_refused(
    aws_settings: Settings, service_clients: Clients, tmp_path: Path
) -> None:
    DefinitionStore(service_clients, aws_settings).publish([published(sticky=False)], 0, 0.0)
    plane = Plane(aws_settings, clients=service_clients)
    with pytest.raises(ValueError, match="checkout is not sticky, so its hash would decide: publish it with"):
        run(plane, tmp_path / "users.csv")


def test_an_experiment_that_does_not_exist_is_refused(
    aws_settings: Settings, service_clients: Clients, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="there is no experiment checkout: publish it first"):
        run(Plane(aws_settings, clients=service_clients), tmp_path / "users.csv")


def test_a_mapping_to_no_variant_is_refused(
    aws_settings: Settings, service_clients: Clients, tmp_path: Path
) -> None:
    DefinitionStore(service_clients, aws_settings).publish([published()], 0, 0.0)
    plane = Plane(aws_settings, clients=service_clients)
    with pytest.raises(ValueError, match="checkout has no variant blue; it has control, treatment"):
        run(plane, tmp_path / "users.csv", {"0": "blue"})
