"""The client as a provider of OpenFeature."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEventDetails
from openfeature.exception import ErrorCode, ProviderNotReadyError
from openfeature.flag_evaluation import FlagResolutionDetails, Reason
from openfeature.provider import AbstractProvider, Metadata
from openfeature.track import TrackingEventDetails

from realtime.client.client import Client
from realtime.client.details import Failure, copy_value, read_reason
from realtime.client.status import Status
from realtime.client.values import FLOATS, OBJECTS

_BOOLEAN, _STRING, _INTEGER = (bool,), (str,), (int,)


class Provider(AbstractProvider):
    """Takes the arguments of `Client`, or ``client`` itself."""

    def __init__(self, url: str = "", key: str = "", *, client: Client | None = None, **options: Any) -> None:
        super().__init__()
        self.client = client or Client(url, key, **options)
        self._evaluate = self.client.evaluate
        self._announced: tuple[bool, int] | None = None
        self.client.listen(self._announce)

    def get_metadata(self) -> Metadata:
        return Metadata("realtime")

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        """Gets the definitions of the service, or of a file.

        Raises ProviderNotReadyError if there are none.
        """
        del evaluation_context
        if not self.client.load():
            raise ProviderNotReadyError(self.client.status.error)

    def shutdown(self) -> None:
        self.client.close()

    def track(
        self,
        tracking_event_name: str,
        evaluation_context: EvaluationContext | None = None,
        tracking_event_details: TrackingEventDetails | None = None,
    ) -> None:
        """The value is the event's, as are a ``currency`` and an ``experiment_key`` among the attributes.

        Raises InvalidInput without a targeting key: an event belongs to a user.
        """
        details = tracking_event_details or TrackingEventDetails()
        attributes: dict[str, Any] = _convert({**details.attributes})
        named = {name: attributes.pop(name, None) for name in ("currency", "experiment_key")}
        user_id = (evaluation_context and evaluation_context.targeting_key) or ""
        self.client.track(
            tracking_event_name, user_id, value=details.value, properties=attributes or None, **named
        )

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        return self._resolve(flag_key, default_value, evaluation_context, _BOOLEAN)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        return self._resolve(flag_key, default_value, evaluation_context, _STRING)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        return self._resolve(flag_key, default_value, evaluation_context, _INTEGER)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        return self._resolve(flag_key, default_value, evaluation_context, FLOATS)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[Any] | Mapping[str, Any],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[Any] | Mapping[str, Any]]:
        return self._resolve(flag_key, default_value, evaluation_context, OBJECTS)

    def _resolve(
        self, key: str, default: Any, context: EvaluationContext | None, types: tuple[type, ...]
    ) -> FlagResolutionDetails[Any]:
        """As OFREP does, the context has the targeting key, and a ``user_id`` unless it has its own."""
        user_id, attributes = None, {}
        if context is not None:
            attributes = dict(context.attributes)
            if not _CONVERTED.isdisjoint(map(type, attributes.values())):
                attributes = _convert(attributes)
            user_id = context.targeting_key or None
            if user_id is not None:
                attributes["targetingKey"] = user_id
                if "user_id" not in attributes:
                    attributes["user_id"] = user_id
        try:
            evaluation = self._evaluate(key, user_id, attributes, is_complete=True)
        except Failure as failure:
            return FlagResolutionDetails(default, ErrorCode(failure.code), failure.message, Reason.ERROR)
        value = evaluation.value
        if not evaluation.has_value:
            value = default
        elif type(value) not in types:
            message = f"The flag's value is of the type {type(value).__name__}."
            return FlagResolutionDetails(default, ErrorCode.TYPE_MISMATCH, message, Reason.ERROR)
        elif types is OBJECTS:
            value = copy_value(value)
        reason, metadata = read_reason(evaluation)
        return FlagResolutionDetails(value, None, None, reason, evaluation.variant, metadata)

    def _announce(self, status: Status) -> None:
        """Each change once: the SDK calls handlers, and marks the provider as stale or ready."""
        before, self._announced = self._announced, (status.is_stale, status.version)
        if before is None or not status.is_ready:
            return
        was_stale, version = before
        if status.is_stale and not was_stale:
            self.emit_provider_stale(ProviderEventDetails(message=status.error))
        if was_stale and not status.is_stale:
            self.emit_provider_ready(ProviderEventDetails())
        if version != status.version:
            self.emit_provider_configuration_changed(ProviderEventDetails())


_CONVERTED = frozenset({datetime, date, tuple})
"""Attributes of these types become JSON. To look into lists and objects, too, would take a microsecond."""


def _convert(value: Any) -> Any:
    """JSON: a time as ISO 8601 text, which rules can compare."""
    if isinstance(value, date):  # a datetime is one
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: _convert(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_convert(each) for each in value]
    return value
