"""Ports of this machine, and the error of a local service that cannot start."""

import os
import secrets
import socket

HOST = "127.0.0.1"


class LocalError(RuntimeError):
    """A part of the local stack cannot start; the message is one line for the user."""


def read_port(variable: str, default: int) -> int:
    """The port in an environment variable; LocalError if it holds no port."""
    text = os.environ.get(variable, "") or str(default)
    if not (text.isascii() and text.isdecimal() and int(text) <= 65_535):
        raise LocalError(f"{variable} must be a port from 0 to 65535; it is {text!r}")
    return int(text)


def find_free_port(port: int = 0) -> int:
    """``port`` itself, or any free one for 0. LocalError if another process listens on ``port``."""
    if port:
        _try_bind(port)
        return port
    while True:
        # The system takes ports of outgoing connections from a higher range, so none of them takes this one
        # before the server does.
        candidate = 20_000 + secrets.randbelow(12_000)
        try:
            _try_bind(candidate)
        except LocalError:
            continue
        return candidate


def _try_bind(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # succeeds while old connections close
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise LocalError(
                f"port {port} is taken ({error.strerror}): stop the process that uses it, or choose another"
            ) from None
