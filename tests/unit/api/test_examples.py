"""Every request and answer of the API's description has an example that is true."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from jsonschema import Draft202012Validator

from chalicelib.admin.openapi import OPERATIONS
from chalicelib.api.openapi import EXAMPLES, make_document
from tests.support.api_examples import record

DOCUMENT: Any = json.loads(make_document(OPERATIONS))
WRITE = "run python -m tests.support.api_examples, which records them"


class Described(NamedTuple):
    """A parameter, or the content of a request or an answer."""

    place: str
    content: Any


def list_described() -> Iterator[Described]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            place = f"{method.upper()} {path}"
            for parameter in operation.get("parameters", ()):
                content = parameter.get("content", {}).get("application/json", parameter)
                yield Described(f"{place}: {parameter['name']}", content)
            bodies = {"request": operation.get("requestBody", {}), **operation["responses"]}
            for name, body in bodies.items():
                if "application/json" in body.get("content", {}):  # files have none
                    yield Described(f"{place}: {name}", body["content"]["application/json"])


DESCRIBED = list(list_described())


@pytest.mark.parametrize("described", DESCRIBED, ids=lambda described: described.place)
def test_everything_has_an_example_that_fits_its_description(described: Described) -> None:
    assert "example" in described.content, WRITE
    schema = described.content["schema"] | {"components": DOCUMENT["components"]}
    errors = Draft202012Validator(schema).iter_errors(described.content["example"])
    assert [f"{error.json_path}: {error.message}" for error in errors] == []


def test_the_examples_are_what_the_service_answers() -> None:
    assert record() == EXAMPLES.read_text(), WRITE


def test_no_example_has_a_secret_in_it() -> None:
    text = EXAMPLES.read_text()
    assert "rt_shown_once" in text
    assert text.count("rt_") == text.count("rt_shown_once")
