"""Flags for the tests of OpenFeature clients: one of each type, and one for each way to fail."""

from collections.abc import Collection
from typing import Any

from chalicelib.domain.definitions.model import DefinitionKind, DefinitionRow
from chalicelib.domain.errors import Throttled
from realtime.testing.stores import MemoryDefinitions
from tests.support.flags import rules, variants, where
from tests.support.service import Service


def publish_all(service: Service) -> None:
    for key, fields in FLAGS.items():
        service.publish_flag(key, **fields)


class ThrottledDefinitions(MemoryDefinitions):
    """A table that throttles every read."""

    def get_many(self, kind: DefinitionKind, keys: Collection[str]) -> dict[str, DefinitionRow]:
        raise Throttled(retry_after=7)

    def get_all(self, kind: DefinitionKind) -> dict[str, DefinitionRow]:
        raise Throttled(retry_after=7)


def build_flag(kind: str, value: Any) -> dict[str, Any]:
    return {"type": kind, "default_variant": "only", "variants": [{"key": "only", "value": value}]}


FLAGS: dict[str, dict[str, Any]] = {
    "boolean": {"type": "boolean"},
    "string": build_flag("string", "grün"),
    "integer": build_flag("integer", 42),
    "float": build_flag("float", 1.0),
    "object": build_flag("object", {"limit": 10, "ratio": 1.0, "tags": ["a", None]}),
    "disabled": {"type": "boolean", "enabled": False},
    "half": {"type": "boolean", "rollout_percentage": 50},
    "by-account": {"type": "boolean", "rollout_percentage": 50, "bucket_by": "account"},
    "greeting": {
        "type": "string",
        "default_variant": "en",
        "variants": variants(en=1, de=0),
        "targeting_rules": rules({"rule": where("country", "eq", "DE"), "variant": "de"}),
    },
}
