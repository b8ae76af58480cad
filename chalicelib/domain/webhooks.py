"""Webhooks: whom they tell what, which addresses they may have, and how a message is signed. Pure."""

import hashlib
import hmac
import ipaddress
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from chalicelib.domain.errors import InvalidInput, Problem

EVENTS = ("publication", "kill", "split_alarm", "proposal")
"""What a webhook can ask for. ``test`` comes when somebody asks for it."""
TEST = "test"
PREFIX = "wh_"
ID_BITS = 40
MAX_URL = 2_000
SHOWN_LETTERS = 4
SIGNATURE_HEADER = "Realtime-Signature"
DELIVERY_HEADER = "Realtime-Delivery"


class Delivery(NamedTuple):
    """The last attempt. ``status`` is None without an answer; ``error`` is empty if the message was taken."""

    at: str
    status: int | None
    error: str


@dataclass(frozen=True, slots=True)
class Webhook:
    """``id`` is random, so that a message for one that was removed never reaches another."""

    number: int
    url: str
    events: tuple[str, ...]
    secret: str
    created: str
    last_delivery: Delivery | None = None

    @property
    def id(self) -> str:
        return f"{PREFIX}{self.number:010x}"

    @property
    def shown_url(self) -> str:
        """Without most of path and query: in the URLs of Slack and others they are the password."""
        address = urlsplit(self.url)
        origin = f"{address.scheme}://{address.netloc}"
        rest = self.url.removeprefix(origin)
        return self.url if len(rest) <= 2 * SHOWN_LETTERS else f"{origin}/…{rest[-SHOWN_LETTERS:]}"


def describe_webhook(webhook: Webhook) -> dict[str, Any]:
    """As the API and `--json` show it: without its secret, and without what may be one in its URL."""
    last = webhook.last_delivery
    return {
        "id": webhook.id,
        "url": webhook.shown_url,
        "events": list(webhook.events),
        "created": webhook.created,
        "last_delivery": last._asdict() if last else None,
    }


class Webhooks(Protocol):
    """The store of webhooks. Each method raises StorageUnavailable or Throttled."""

    def add(self, webhook: Webhook) -> None: ...
    def get(self, number: int) -> Webhook | None: ...
    def get_all(self) -> Sequence[Webhook]:
        """Oldest first."""

    def remove(self, number: int) -> bool:
        """Whether it was there."""

    def set_last_delivery(self, number: int, delivery: Delivery) -> None:
        """Nothing happens if the webhook is gone."""


class Queue(Protocol):
    def send(self, bodies: Sequence[str]) -> list[bool]:
        """For each of at most ten, whether it is in the queue. Raises StorageUnavailable or Throttled."""


class Unreachable(Exception):
    """A receiver gave no answer. The message names no address."""


class Sender(Protocol):
    """Both raise Unreachable."""

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        """The status of the answer."""

    def resolve(self, url: str) -> object:
        """The address of its host, which may be used."""


def parse_id(text: str) -> int | None:
    """None for what is no id."""
    digits = text.removeprefix(PREFIX)
    if digits == text or len(digits) != ID_BITS // 4 or not set(digits) <= set("0123456789abcdef"):
        return None
    return int(digits, 16)


def check_events(events: Collection[str]) -> tuple[str, ...]:
    """In the order of `EVENTS`, each once. Raises InvalidInput."""
    unknown = [event for event in events if event not in EVENTS]
    if unknown or not events:
        message = f"must be some of {', '.join(EVENTS)}"
        raise InvalidInput("invalid_request", f"events: {message}.", (Problem("events", message),))
    return tuple(event for event in EVENTS if event in events)


def check_url(url: str, *, is_local: bool) -> str:
    """Raises InvalidInput. What its name resolves to is checked where a connection is made."""
    problem = _find_url_problem(url, is_local)
    if problem:
        raise InvalidInput("invalid_request", f"url: {problem}.", (Problem("url", problem),))
    return url


def _find_url_problem(url: str, is_local: bool) -> str:
    if not url.isascii() or not url.isprintable() or " " in url:
        return "must be ASCII without blanks; write other signs as %XX"
    if len(url) > MAX_URL:
        return f"has {len(url)} characters, at most {MAX_URL} are kept"
    try:
        address = urlsplit(url)
        port = address.port
    except ValueError:
        return "is no URL"
    if address.scheme != "https" and not (is_local and address.scheme == "http"):
        return "must begin with https://"
    if not address.hostname or port == 0:
        return "names no host"
    if "@" in address.netloc:
        return "must have no user and no password; each message is signed"
    if address.fragment:
        return "must have no fragment (#)"
    return ""


def is_public(address: str) -> bool:
    """Whether an IP address is of the Internet: not of this machine, this network or the cloud's metadata."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is not None:
            return ip.ipv4_mapped is not None and is_public(str(inner))
        if any(ip in network for network in _TRANSLATED):
            return False
    is_special = ip.is_private or ip.is_loopback or ip.is_link_local or ip.is_reserved or ip.is_unspecified
    return ip.is_global and not ip.is_multicast and not is_special


_TRANSLATED = [ipaddress.ip_network(network) for network in ("64:ff9b::/96", "64:ff9b:1::/48", "::/96")]
"""IPv6 addresses that stand for an IPv4 address."""


def is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def sign(secret: str, body: bytes, now: float) -> str:
    """The header `Realtime-Signature`. ``now`` (epoch seconds) is signed too: nobody sends it again later."""
    time = str(int(now))
    digest = hmac.new(secret.encode(), f"{time}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={time},v1={digest}"
