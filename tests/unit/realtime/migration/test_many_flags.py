"""An import of a thousand flags takes less than two seconds, whatever the system: two hundred take 0.4."""

from copy import deepcopy
from itertools import count, islice
from typing import Any

import pytest

from realtime.migration.finishing import import_documents
from realtime.migration.vendors import VENDORS
from realtime.migration.writing import write_yaml
from tests.support.timing import assert_takes_less
from tests.unit.realtime.migration.test_refusals import read_document

LISTS = {
    "unleash": ("features", "name"),
    "eppo": ("flags", "key"),
    "launchdarkly": ("flags", "key"),
    "growthbook": ("features", None),
    "flagd": ("flags", None),
    "optimizely": ("featureFlags", "key"),
    "statsig": ("feature_gates", "name"),
    "configcat": ("f", None),
    "flagsmith": ("features", "name"),
    "split": ("splits", "name"),
    "posthog": ("flags", "key"),
    "evidently": ("features", "name"),
}
"""Where a document has its flags, and the field with the key; None: only the name of a member."""
COUNT = 200


def repeat_flags(vendor: str) -> Any:
    """The flags of the document again and again, under other keys."""
    document = deepcopy(read_document(vendor))
    name, key_field = LISTS[vendor]
    flags = document[name]
    listed = list(flags.items()) if isinstance(flags, dict) else [(flag[key_field], flag) for flag in flags]

    def rename(key: str, flag: Any, number: int) -> tuple[str, Any]:
        renamed = f"{key} {number}" if number else key
        copied = deepcopy(flag)
        return renamed, copied | {key_field: renamed} if key_field else copied

    copies = dict(islice((rename(*each, number) for number in count() for each in listed), COUNT))
    document[name] = copies if isinstance(flags, dict) else list(copies.values())
    return document


def test_each_system_is_measured() -> None:
    assert LISTS.keys() == VENDORS.keys()


@pytest.mark.parametrize("vendor", LISTS)
def test_a_thousand_flags_take_less_than_two_seconds(vendor: str) -> None:
    document = repeat_flags(vendor)

    def run() -> None:
        imported = import_documents(vendor, [document], {})
        assert len(imported.flags) >= COUNT
        write_yaml(imported, "heading")

    assert_takes_less(run, 2.0 * COUNT / 1_000)
