"""The HTTP calls of a client, over connections that stay open."""

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
from urllib3 import PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError

CONNECT_SECONDS, READ_SECONDS = 2.0, 5.0
_log = logging.getLogger("realtime_client")


class Unreachable(Exception):
    """No answer, or one that a later call may not get. The message has no key."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Refused(Exception):
    """The service has refused the request itself; ``status`` is 400 to 499."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message

    @property
    def is_about_key(self) -> bool:
        return self.status in (401, 403)


class Answer(NamedTuple):
    """``body`` is unpacked. ``etag`` is empty where there is none."""

    status: int
    body: bytes
    etag: str

    def read(self) -> dict[str, Any]:
        """Raises Unreachable for what is no JSON object: then something else has answered."""
        try:
            answer = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict):
            raise Unreachable("the answer is not the service's: does the URL lead to it?")
        return answer


class Connection:
    """``url`` is that of the API, with the stage if it has one. Threads share a connection."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}", "Accept-Encoding": "gzip"}
        self.renew()

    def renew(self) -> None:
        """After a fork: two processes must not write to one connection."""
        self._pool = PoolManager(retries=Retry(total=0, redirect=0), maxsize=4)

    def get(self, path: str, headers: Mapping[str, str], seconds: float = READ_SECONDS) -> Answer:
        """Raises Unreachable or Refused."""
        return self._ask("GET", path, None, headers, seconds)

    def post(self, path: str, body: bytes, seconds: float = READ_SECONDS) -> Answer:
        """Raises Unreachable or Refused."""
        return self._ask("POST", path, body, {"Content-Type": "application/json"}, seconds)

    def _ask(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], seconds: float
    ) -> Answer:
        timeout = Timeout(total=seconds, connect=min(CONNECT_SECONDS, seconds))
        try:
            answered = self._pool.request(
                method, self._url + path, body=body, headers={**self._headers, **headers}, timeout=timeout
            )
        except HTTPError as error:
            raise Unreachable(type(error).__name__) from None
        answer = Answer(answered.status, answered.data, answered.headers.get("ETag", ""))
        if answer.status < 300 or answer.status == 304:
            return answer
        if answer.status == 429 or not 400 <= answer.status < 500:
            raise Unreachable(
                f"status {answer.status}", _read_seconds(answered.headers.get("Retry-After", ""))
            )
        raise _read_refusal(answer)


def _read_refusal(answer: Answer) -> Refused:
    """A gateway refuses in another form than the service."""
    said = answer.read().get("error")
    if not isinstance(said, dict):
        return Refused(answer.status, "refused", "by what is in front of the service")
    return Refused(answer.status, str(said.get("code")), str(said.get("message")))


def _read_seconds(text: str) -> float:
    return float(text) if text.isdecimal() else 0.0
