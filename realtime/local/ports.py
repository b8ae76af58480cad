"""Ports of this machine, and the error of everything here that starts on one."""

import os
import secrets
import socket

HOST = "127.0.0.1"


class LocalError(RuntimeError):
    """A part of the local stack cannot start; the message is one line for the user."""


def named(variable: str, default: int) -> int:
    """The port that an environment variable names; LocalError if it is none."""
    text = os.environ.get(variable, "") or str(default)
    if not (text.isascii() and text.isdecimal() and int(text) <= 65_535):
        raise LocalError(f"{variable} must be a port from 0 to 65535; it is {text!r}")
    return int(text)


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
