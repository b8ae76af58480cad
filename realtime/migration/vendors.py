"""The systems whose definitions can be imported. Each importer is loaded when it is asked for."""

from collections.abc import Mapping
from importlib import import_module
from typing import NamedTuple

from realtime.migration.model import Translate


class Vendor(NamedTuple):
    """``title`` as its users write it; ``options``: the values that each option may have.

    ``has_known_hash``: an import moves nobody.
    """

    name: str
    title: str
    options: Mapping[str, tuple[str, ...]] = {}
    has_known_hash: bool = True

    def load(self) -> Translate:
        translate: Translate = import_module(f"realtime.migration.{self.name}").translate
        return translate


_LISTED = (
    Vendor("unleash", "Unleash"),
    Vendor("eppo", "Eppo"),
    Vendor("launchdarkly", "LaunchDarkly"),
    Vendor("growthbook", "GrowthBook"),
    Vendor("flagd", "flagd", {"fractional": ("v1", "v2", "v3")}),
    Vendor("optimizely", "Optimizely"),
    Vendor("statsig", "Statsig"),
    Vendor("configcat", "ConfigCat"),
    Vendor("flagsmith", "Flagsmith"),
    Vendor("split", "Split"),
    Vendor("posthog", "PostHog"),
    Vendor("evidently", "CloudWatch Evidently", {"rebucket": ("yes",)}, has_known_hash=False),
)
VENDORS: Mapping[str, Vendor] = {vendor.name: vendor for vendor in _LISTED}
