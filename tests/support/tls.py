"""TLS before a PostgreSQL whose build has none: answers the client's request for it, decrypts, passes on."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from realtime.local.ports import HOST

SSL_REQUEST = bytes.fromhex("00000008 04d2162f")


@contextmanager
def tls_before(port: int, folder: Path) -> Iterator[tuple[int, str]]:
    """The port to connect to, and the PEM text of the certificate, for `localhost`, that it shows."""
    certificate = make_certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    with socket.create_server((HOST, 0)) as listening:
        threading.Thread(target=_serve, args=(listening, context, port), daemon=True).start()
        yield listening.getsockname()[1], certificate
        listening.shutdown(socket.SHUT_RDWR)


def _serve(listening: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with suppress(OSError):
        while True:
            client, _ = listening.accept()
            threading.Thread(target=_connected, args=(client, context, port), daemon=True).start()


def _connected(plain: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with suppress(OSError), plain, socket.create_connection((HOST, port)) as server:
        assert plain.recv(8) == SSL_REQUEST
        plain.sendall(b"S")
        with context.wrap_socket(plain, server_side=True) as client:
            threading.Thread(target=_pass, args=(server, client), daemon=True).start()
            _pass(client, server)


def _pass(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_RDWR)


def make_certificate(folder: Path) -> str:
    """Writes ``cert.pem`` and ``key.pem``, for `localhost`; the value is the first one."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, unencrypted = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, unencrypted))
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    return made.public_bytes(pem).decode()
