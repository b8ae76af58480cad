"""What an experiment divides, by the properties of its events."""

from typing import Any

import pytest

from chalicelib.domain.definitions.schema import ExperimentDocument
from realtime.analysis.units import describe_unit, find_unit


def find(unit: Any, anchor: str = "exposure") -> Any:
    variants = [{"key": "a", "allocation": 0.5}, {"key": "b", "allocation": 0.5}]
    return find_unit(
        ExperimentDocument.model_validate({"key": "k", "unit": unit, "variants": variants}), anchor
    )


@pytest.mark.parametrize(
    ("unit", "paths"),
    [
        (None, ()),
        ("user_id", ()),
        ("device", (("device",),)),
        ("account.id", (("account.id",), ("account", "id"))),
        (["account", "user_id"], (("account",), ("user_id",))),
        ([["a.b", "c"], "user_id"], (("a.b", "c"), ("user_id",))),
        ({"of": "account", "missing": "exclude"}, (("account",),)),
    ],
)
def test_units_are_properties(unit: Any, paths: Any) -> None:
    assert find(unit) == paths


def test_what_events_cannot_say_is_refused() -> None:
    with pytest.raises(ValueError, match="unit: the experiment divides a value that is made of several"):
        find({"cat": ["account", {"const": "/"}, "region"]})
    with pytest.raises(ValueError, match="--anchor exposure"):
        find("account", "assignment")
    assert find("user_id", "assignment") == ()


def test_a_unit_is_shown_once() -> None:
    assert describe_unit((("account.id",), ("account", "id"), ("user_id",))) == "account.id or user_id"
