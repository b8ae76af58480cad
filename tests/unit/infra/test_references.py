"""Every reference leads to a resource. CDK cannot check that, as it does not know what SAM generates."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.synth import COMBINATIONS, STACKS, VARIANTS, Template, Templates, load


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


def test_three_environments_on_both_platforms_are_synthesised_within_90_seconds(synthesised: Path) -> None:
    """What `make synth` does, but for the wheels of a new environment."""
    assert len(COMBINATIONS) == 6
    for variant in COMBINATIONS:
        for stack in STACKS:
            assert load(synthesised, variant, stack, "template")["Resources"]
    seconds = json.loads((synthesised / "seconds.json").read_text())
    assert sum(seconds[variant] for variant in COMBINATIONS) < 90


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_stack_imports_from_another(template: Templates, variant: str) -> None:
    for stack in STACKS:
        assert "Fn::ImportValue" not in str(template(variant, stack))
