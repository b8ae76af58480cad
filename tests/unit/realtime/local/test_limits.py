"""The local server's limits are those of what is deployed."""

import json
from pathlib import Path

from realtime.local.limits import FUNCTION_SECONDS, get_limits


def test_a_function_has_as_long_as_in_lambda() -> None:
    config = json.loads(Path(".chalice/config.json").read_text())
    assert config["lambda_timeout"] == FUNCTION_SECONDS == get_limits("rest").function_seconds
