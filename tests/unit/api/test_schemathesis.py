"""The description of the API and what it does agree: the short profile of `make fuzz`."""

import json
import re

import pytest

from chalicelib.api import openapi
from chalicelib.api.models import NAME_PATTERN
from chalicelib.domain.context import USER_ID_PATTERN, check_user_id
from tests.fuzz.api import run_schemathesis
from tests.support.experiments import published
from tests.support.service import KEY, serve_service

SEED = 14
"""`make fuzz` draws another each time; a test must come to the same result."""
ASKS_AWS = ("status", "quarantine", "experiments/{key}/analysis")
"""Which is not here; `make fuzz` asks them, too."""


def test_nothing_is_found_by_requests_that_fit_the_description_or_break_it() -> None:
    with serve_service() as (url, service):
        service.definitions.publish([published()], 0, 0.0)
        service.publish_flag("new-checkout", type="boolean")
        without_aws = f"^/admin/({'|'.join(map(re.escape, ASKS_AWS))})$"
        options = ("--phases", "examples,fuzzing", "--max-examples", "5", "--no-shrink")
        answer = run_schemathesis(url, KEY, SEED, *options, "--exclude-path-regex", without_aws)
    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize("user_id", ["a" * 1024, "ü" * 256, "\U0001f600" * 256, " "])
def test_what_the_description_accepts_as_a_user_id_is_accepted(user_id: str) -> None:
    assert re.search(USER_ID_PATTERN, user_id)
    assert check_user_id(user_id) == user_id


def test_limits_are_described() -> None:
    document = json.loads(openapi.make_document())
    schemas = document["components"]["schemas"]
    flag, batch = schemas["FlagRequest"]["properties"], schemas["AssignBatchRequest"]["properties"]
    assert flag["user_id"]["pattern"] == schemas["EventDocument"]["properties"]["user_id"]["pattern"]
    assert flag["flag_key"]["pattern"] == NAME_PATTERN
    assert batch["experiment_keys"]["anyOf"][0]["maxItems"] == 1000
    ofrep = document["paths"]["/ofrep/v1/evaluate/flags"]["post"]
    assert ofrep["requestBody"]["required"] is False
    parameters = {each["name"]: each for each in document["paths"]["/assign"]["get"]["parameters"]}
    assert "\\ufffd" in parameters["user_id"]["schema"]["pattern"]
    assert "application/json" in parameters["context"]["content"]
