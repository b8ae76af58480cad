"""docs/capacity.md shows what the command prints. `python -m tests.support.capacity_page` writes it anew."""

import re
from typing import Any

import pytest
import typer.main

from realtime.cli import app
from tests.support.capacity_page import PAGE, TABLE, build_table, list_blocks, run_command

TEXT = PAGE.read_text()
BLOCKS = list_blocks(TEXT)


@pytest.mark.parametrize(("command", "output"), BLOCKS, ids=[command for command, _ in BLOCKS])
def test_a_block_is_the_output_of_its_command(command: str, output: str) -> None:
    assert run_command(command) == output


def test_the_page_answers_each_target() -> None:
    shown = " ".join(command for command, _ in BLOCKS)
    assert "--requests 100000000" in shown
    assert [f"--rps {rate} " in shown for rate in (10000, 20000, 100000)] == [True] * 3


def test_the_table_of_targets_is_computed() -> None:
    match = TABLE.search(TEXT)
    assert match
    assert match[1] == build_table()


def test_every_option_of_the_command_is_explained() -> None:
    command: Any = typer.main.get_command(app)
    options = {option for each in command.commands["capacity"].params for option in each.opts}
    explained = set(re.findall(r"--[a-z-]+", TEXT))
    assert options - {"--firewall"} <= explained
    assert "--no-firewall" in explained
