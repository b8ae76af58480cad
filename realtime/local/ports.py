"""Ports of this machine, and the error of everything here that starts on one."""

import secrets
import socket

HOST = "127.0.0.1"


class LocalError(RuntimeError):
    """A part of the local stack cannot start; the message is one line for the user."""


def available(port: int = 0) -> int:
    """``port``, or a free one for 0; LocalError if somebody listens on it."""
    if port:
        _try_bind(port)
        return port
    while True:
        # Below the range from which the system draws the ports of outgoing connections, so that none
        # takes it before the server does.
        candidate = 20_000 + secrets.randbelow(12_000)
        try:
            _try_bind(candidate)
        except LocalError:
            continue
        return candidate


def _try_bind(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # not stopped by closing connections
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise LocalError(
                f"port {port} is taken ({error.strerror}): stop who uses it, or choose another"
            ) from None
