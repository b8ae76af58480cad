"""Encodes a flag's possible answers as JSON once, when its definition is compiled."""

import json

from chalicelib.domain.bucketing import compute_threshold, share_to_buckets
from chalicelib.domain.definitions.model import Evaluation
from chalicelib.domain.definitions.schema import FlagDocument
from chalicelib.domain.general_form.compiler import Variant
from chalicelib.domain.reasons import OPENFEATURE, Reason


class FlagAnswers:
    def __init__(self, document: FlagDocument, version: int) -> None:
        self._key = document.key
        self._version = version
        self._tracked = compute_threshold(share_to_buckets(document.tracking_sample))
        self._values = {variant.key: variant.value for variant in document.variants}

    def make_answer(self, variant: Variant, enabled: bool, reason: str) -> Evaluation:
        return self.make(variant.id, Reason(reason), enabled=enabled)

    def make(self, variant: str, reason: Reason, *, enabled: bool = False) -> Evaluation:
        """Joins JSON as text, for speed. Keys need no escaping."""
        key, version = self._key, self._version
        value = json.dumps(self._values[variant], separators=(",", ":"))
        encoded = (
            f'{{"flag_key":"{key}","enabled":{"true" if enabled else "false"},"variant":"{variant}",'
            f'"value":{value},"reason":"{reason}"}}'
        )
        return Evaluation(
            flag_key=key,
            enabled=enabled,
            variant=variant,
            value=self._values[variant],
            reason=reason,
            version=version,
            tracked=self._tracked,
            encoded=encoded,
            member=f'"{key}":{encoded}',
            openfeature=f'{{"key":"{key}","value":{value},"reason":"{OPENFEATURE[reason]}",'
            f'"variant":"{variant}","metadata":{{"reason":"{reason}","version":{version}}}}}',
        )
