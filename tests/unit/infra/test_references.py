"""Every reference leads to a resource. CDK cannot check that, as it does not know what SAM generates."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.environments import APIS
from tests.support.synth import COMBINATIONS, OTHER_FRONT_DOORS, STACKS, VARIANTS, Template, Templates, load


def mentions(node: Any) -> Iterator[str]:
    """Logical ids in Ref, GetAtt, Sub and DependsOn below ``node``."""
    if isinstance(node, list):
        for child in node:
            yield from mentions(child)
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if key == "Ref":
            yield value
        elif key == "Fn::GetAtt":
            yield value[0] if isinstance(value, list) else value.split(".")[0]
        elif key == "Fn::Sub":
            text, variables = (value, {}) if isinstance(value, str) else value
            names = {name.split(".")[0] for name in re.findall(r"\$\{([^!}]+)\}", text)}
            yield from names - variables.keys()
        elif key == "DependsOn":
            yield from [value] if isinstance(value, str) else value
        yield from mentions(value)


def exists(template: Template) -> set[str]:
    return {*template["Resources"], *template.get("Parameters", {})}


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_reference_leads_somewhere(template: Templates, variant: str, stack: str) -> None:
    expanded = template(variant, stack)
    ids = {name for name in mentions(expanded["Resources"]) if not name.startswith("AWS::")}
    assert ids <= exists(expanded)


def test_all_environments_platforms_and_front_doors_are_synthesised_within_90_seconds(
    synthesised: Path,
) -> None:
    """What `make synth` does, but for the wheels of a new environment: the first one builds the bundle.

    CPU seconds, since CDK uses one core at a time, and other tests the rest.
    """
    assert (len(COMBINATIONS), len(APIS)) == (6, 3)
    for variant in COMBINATIONS:
        for stack in STACKS:
            assert load(synthesised, variant, stack, "template")["Resources"]
    seconds = json.loads((synthesised / "seconds.json").read_text())
    first, *others = (seconds[variant] for variant in COMBINATIONS)
    slowest_front_door = max(seconds[variant] for variant in OTHER_FRONT_DOORS)
    assert first + sum(others) + 12 * slowest_front_door < 90


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_stack_imports_from_another(template: Templates, variant: str) -> None:
    for stack in STACKS:
        assert "Fn::ImportValue" not in str(template(variant, stack))
