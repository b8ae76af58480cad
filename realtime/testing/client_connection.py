"""A client's connection without a network: it answers with the definitions that it was given."""

import json
from collections.abc import Mapping
from typing import Any

from chalicelib.domain.definitions.client_document import encode_definitions, encode_document
from chalicelib.domain.definitions.model import DefinitionRow
from realtime.client.connection import Answer, Connection, Unreachable


def encode_flags(flags: Mapping[str, Mapping[str, Any]], version: int = 1, window: float = 600.0) -> str:
    """The answer of `GET /definitions` for ``flags`` by key."""
    rows = [DefinitionRow("flag", key, json.dumps(flag), "active", version) for key, flag in flags.items()]
    return encode_document(version, window, encode_definitions(rows, {}))


class MemoryConnection(Connection):
    """``text`` and ``etag`` are what is served; ``received`` are paths and bodies that were sent."""

    def __init__(self, text: str) -> None:
        super().__init__("http://127.0.0.1", "rt_none")
        self.text, self.etag, self.is_away = text, "1", False
        self.asked = 0
        self.received: list[tuple[str, Any]] = []

    def get(self, path: str, headers: Mapping[str, str], seconds: float = 0.0) -> Answer:
        del path, seconds
        self.asked += 1
        if self.is_away:
            raise Unreachable("away")
        if headers.get("If-None-Match") == self.etag:
            return Answer(304, b"", self.etag)
        return Answer(200, self.text.encode(), self.etag)

    def post(self, path: str, body: bytes, seconds: float = 0.0) -> Answer:
        del seconds
        if self.is_away:
            raise Unreachable("away")
        self.received.append((path, json.loads(body)))
        return Answer(202, b'{"accepted":1,"rejected":[]}', "")
