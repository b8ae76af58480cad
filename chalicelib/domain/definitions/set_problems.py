"""A problem of one definition in a set of them."""

from typing import TypeAlias

from chalicelib.domain.definitions.model import DefinitionName
from chalicelib.domain.definitions.schema import Definition
from chalicelib.domain.definitions.uses import get_kind
from chalicelib.domain.errors import Problem

DefinitionProblem: TypeAlias = tuple[DefinitionName, Problem]
"""Kind and key of a definition, and a problem with a path inside of it."""


def make_problem(document: Definition, path: str, message: str) -> DefinitionProblem:
    return (get_kind(document), document.key), Problem(path, message)
