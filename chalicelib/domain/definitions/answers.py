"""Encodes each of a flag's possible answers as JSON once."""

import json
from typing import Any

from chalicelib.domain.bucketing import compute_threshold, share_to_buckets
from chalicelib.domain.definitions.model import Evaluation
from chalicelib.domain.definitions.schema import FlagDocument
from chalicelib.domain.general_form.compiler import Variant
from chalicelib.domain.reasons import OPENFEATURE, Reason

MAX_ADOPTED = 1_000
"""The other flag has a few answers, and others each time that it is published."""


class FlagAnswers:
    def __init__(self, document: FlagDocument, version: int) -> None:
        self._key = document.key
        self._version = version
        self._tracked = compute_threshold(share_to_buckets(document.tracking_sample))
        self._no_value: Evaluation | None = None
        self._adopted: dict[tuple[str | None, str], Evaluation] = {}
        """Our own, by the variant and the JSON of the answer that was adopted."""

    def make(self, variant: Variant, enabled: bool, reason: str) -> Evaluation:
        return self._encode(
            variant.id, variant.name, variant.value, Reason(reason), enabled=enabled, has_value=True
        )

    def make_no_value(self) -> Evaluation:
        """The value is the caller's own default."""
        if self._no_value is None:
            self._no_value = self._encode(None, None, None, Reason.NO_VALUE, enabled=False, has_value=False)
        return self._no_value

    def adopt(self, answer: Evaluation) -> Evaluation:
        """Another flag's or an experiment's answer as this flag's own. An experiment's is not encoded yet."""
        content = answer.id, answer.encoded
        known = self._adopted.get(content)
        if known is not None:
            return known
        adopted = self._encode(
            answer.id,
            answer.variant,
            answer.value,
            answer.reason,
            enabled=answer.enabled,
            has_value=answer.has_value,
        )
        if answer.encoded and len(self._adopted) < MAX_ADOPTED:
            self._adopted[content] = adopted
        return adopted

    def _encode(
        self,
        variant_id: str | None,
        variant: str | None,
        value: Any,
        reason: Reason,
        *,
        enabled: bool,
        has_value: bool,
    ) -> Evaluation:
        """Joins JSON as text, for speed. OFREP's form leaves the value out if there is none."""
        key, version = self._key, self._version
        text, name = json.dumps(value, separators=(",", ":")), json.dumps(variant)
        encoded = (
            f'{{"flag_key":"{key}","enabled":{"true" if enabled else "false"},"variant":{name},'
            f'"value":{text},"reason":"{reason}"}}'
        )
        value_member = f'"value":{text},' if has_value else ""
        return Evaluation(
            flag_key=key,
            enabled=enabled,
            id=variant_id,
            variant=variant,
            value=value,
            has_value=has_value,
            reason=reason,
            version=version,
            tracked=self._tracked,
            encoded=encoded,
            member=f'"{key}":{encoded}',
            openfeature=f'{{"key":"{key}",{value_member}"reason":"{OPENFEATURE[reason]}",'
            f'"variant":{name},"metadata":{{"reason":"{reason}","version":{version}}}}}',
        )
