"""API keys of the form that `keys create` makes."""

import re

from chalicelib.domain.keys import ApiKey, digest

CREATED = "2026-01-01T00:00:00Z"


def make_key(name: str) -> str:
    """The same for the same name."""
    return f"rt_{re.sub('[^A-Za-z0-9-]', '_', name):_<43}"


def store_key(*scopes: str, name: str = "") -> ApiKey:
    """The row of `make_key` of ``name``, or of the scopes."""
    joined = ",".join(scopes)
    return ApiKey(digest(make_key(name or joined)), name or joined, scopes, CREATED)
