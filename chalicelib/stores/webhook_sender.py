"""Posts to receivers of webhooks: to the address that was checked, without redirects, in bounded time.

Not urllib3 or a proxy: the connection goes to the very address that the check has seen, so that a name which
resolves to another one a moment later leads nowhere.
"""

import http.client
import socket
import ssl
import threading
from contextlib import suppress
from functools import cached_property
from urllib.parse import SplitResult, urlsplit

from chalicelib.domain.webhooks import Unreachable, is_loopback, is_public

CONNECT_SECONDS = 3.0
TOTAL_SECONDS = 8.0
"""For the whole exchange: a receiver that sends a byte a second must not hold up the others."""
PORTS = {"https": 443, "http": 80}


class WebhookSender:
    """``is_local``: addresses of this machine and its network may be used, and http on this machine.

    ``certificates``: a file of those that are trusted, in place of those that calls to AWS trust. ``seconds``
    bound an exchange.
    """

    def __init__(
        self, *, is_local: bool, certificates: str | None = None, seconds: float = TOTAL_SECONDS
    ) -> None:
        self._is_local = is_local
        self._seconds = seconds
        self._certificates = certificates

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        """The status of the answer, whose body is not read. Raises Unreachable."""
        parts = urlsplit(url)
        address = self.resolve(url)
        try:
            return self._exchange(parts, address, body, headers)
        except TimeoutError:
            raise Unreachable("timed out") from None
        except ssl.SSLCertVerificationError as error:
            raise Unreachable(f"certificate: {error.verify_message}") from None
        except ssl.SSLError:
            raise Unreachable("TLS failed") from None
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"no answer ({type(error).__name__})") from None

    def resolve(self, url: str) -> tuple[str, int]:
        """IP address and port. Raises Unreachable, also if one of the host's addresses is not allowed."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise Unreachable("the host's name cannot be resolved") from None
        addresses = [str(entry[4][0]) for entry in found]
        if not all(self._is_allowed(address, parts.scheme) for address in addresses):
            only = (
                "http is for this machine only"
                if self._is_local
                else "the host's address is not on the Internet"
            )
            raise Unreachable(only)
        return addresses[0], port

    def _is_allowed(self, address: str, scheme: str) -> bool:
        if self._is_local:
            return scheme == "https" or is_loopback(address)
        return is_public(address)

    def _exchange(
        self, parts: SplitResult, address: tuple[str, int], body: bytes, headers: dict[str, str]
    ) -> int:
        connection = http.client.HTTPConnection(*address)
        connection.sock = socket.create_connection(address, timeout=CONNECT_SECONDS)
        has_expired = threading.Event()
        timer = threading.Timer(self._seconds, _shut_down, [connection, has_expired])
        timer.daemon = True
        timer.start()
        try:
            status = self._post(connection, parts, body, headers)
        except OSError:
            if has_expired.is_set():
                raise TimeoutError from None
            raise
        else:
            if has_expired.is_set():  # cut off within its headers, which is taken for their end
                raise TimeoutError
            return status
        finally:
            timer.cancel()
            connection.close()

    def _post(
        self,
        connection: http.client.HTTPConnection,
        parts: SplitResult,
        body: bytes,
        headers: dict[str, str],
    ) -> int:
        connection.sock.settimeout(self._seconds)
        if parts.scheme == "https":
            secured = self._context.wrap_socket(
                connection.sock, server_hostname=parts.hostname, do_handshake_on_connect=False
            )
            connection.sock = secured  # before the handshake, so that the timer ends that too
            secured.do_handshake()
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, {"Host": parts.netloc, "Connection": "close", **headers})
        return connection.getresponse().status

    @cached_property
    def _context(self) -> ssl.SSLContext:
        from botocore.httpsession import get_cert_path

        return ssl.create_default_context(cafile=self._certificates or get_cert_path(True))


def _shut_down(connection: http.client.HTTPConnection, has_expired: threading.Event) -> None:
    has_expired.set()  # first: the exchange fails in the moment of the shutdown
    with suppress(OSError):
        connection.sock.shutdown(socket.SHUT_RDWR)
