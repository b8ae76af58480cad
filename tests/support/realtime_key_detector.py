"""A plugin of detect-secrets: an API key of this service."""

import re

from detect_secrets.plugins.base import RegexBasedDetector

from chalicelib.domain.keys import KEY_PATTERN


class RealtimeKeyDetector(RegexBasedDetector):
    secret_type = "realtime API key"  # noqa: S105 - its name
    denylist = (re.compile(rf"\b{KEY_PATTERN}"),)
