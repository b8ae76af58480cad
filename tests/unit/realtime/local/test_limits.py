"""The local server's limits are those of what is deployed."""

import json
from pathlib import Path

from realtime.local.limits import ADMIN_SECONDS, FUNCTION_SECONDS, get_limits


def test_a_function_has_as_long_as_in_lambda() -> None:
    config = json.loads(Path(".chalice/config.json").read_text())
    assert config["lambda_timeout"] == FUNCTION_SECONDS == get_limits("rest").function_seconds


def test_the_management_api_has_the_time_of_its_function() -> None:
    config = json.loads(Path(".chalice/config.json").read_text())
    assert config["lambda_functions"]["admin"]["lambda_timeout"] == ADMIN_SECONDS
    limits = get_limits("rest")
    assert limits.get_function_seconds("/admin/publish") == ADMIN_SECONDS <= limits.gateway_seconds
    assert limits.get_function_seconds("/flags/evaluate") == FUNCTION_SECONDS
