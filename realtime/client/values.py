"""The methods by which callers ask: each gives a value of its type, or the caller's default."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, TypeAlias, TypeVar

from chalicelib.domain.definitions.model import Evaluation
from realtime.client.details import Details, ErrorCode, Failure, copy_value, describe, describe_failure

NO_CONTEXT: Mapping[str, Any] = {}
Number: TypeAlias = float  # the class has a method of that name
T = TypeVar("T")
FLOATS = (float, int)
OBJECTS = (dict, list)


class Values(ABC):
    @abstractmethod
    def evaluate(
        self,
        key: str,
        user_id: str | None = None,
        context: Mapping[str, Any] = NO_CONTEXT,
        *,
        is_complete: bool = False,
    ) -> Evaluation:
        """By key or alias. Raises Failure only. The value is shared with everybody: change a copy.

        ``is_complete``: the context is used as it is; else ``user_id`` is made an attribute of it.
        """

    def boolean(
        self, key: str, default: bool, user_id: str | None = None, context: Mapping[str, Any] = NO_CONTEXT
    ) -> bool:
        try:
            value = self.evaluate(key, user_id, context).value
        except Failure:
            return default
        return value if type(value) is bool else default

    def string(
        self, key: str, default: str, user_id: str | None = None, context: Mapping[str, Any] = NO_CONTEXT
    ) -> str:
        try:
            value = self.evaluate(key, user_id, context).value
        except Failure:
            return default
        return value if type(value) is str else default

    def integer(
        self, key: str, default: int, user_id: str | None = None, context: Mapping[str, Any] = NO_CONTEXT
    ) -> int:
        try:
            value = self.evaluate(key, user_id, context).value
        except Failure:
            return default
        return value if type(value) is int else default

    def float(
        self, key: str, default: Number, user_id: str | None = None, context: Mapping[str, Any] = NO_CONTEXT
    ) -> Number:
        try:
            value = self.evaluate(key, user_id, context).value
        except Failure:
            return default
        return value if type(value) in FLOATS else default

    def object(
        self, key: str, default: T, user_id: str | None = None, context: Mapping[str, Any] = NO_CONTEXT
    ) -> Any | T:
        """A copy, so that the caller may change it."""
        try:
            value = self.evaluate(key, user_id, context).value
        except Failure:
            return default
        return copy_value(value) if type(value) in OBJECTS else default

    def details(
        self,
        key: str,
        default: Any,
        user_id: str | None = None,
        context: Mapping[str, Any] = NO_CONTEXT,
        *,
        types: tuple[type, ...] = (),
    ) -> Details:
        """The value with its variant and reason, or the error. Without ``types`` any type will do."""
        try:
            evaluation = self.evaluate(key, user_id, context)
        except Failure as failure:
            return describe_failure(failure, default)
        if not evaluation.has_value:
            return describe(evaluation, default)
        if types and type(evaluation.value) not in types:
            message = f"The flag's value is {type(evaluation.value).__name__}."
            return describe_failure(Failure(ErrorCode.TYPE_MISMATCH, message), default)
        return describe(evaluation, copy_value(evaluation.value))
