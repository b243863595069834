"""Receivers of webhooks on real sockets, with or without TLS, whose responses a test determines."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "hooks.example.com"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A self-signed certificate of `HOST`, and the contexts of both sides."""

    file: Path

    @property
    def server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file)
        return context

    @property
    def client(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.file))


def certificate(folder: Path) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return Certificate(file)


type Behavior = Callable[[socket.socket], None]


@dataclass
class Listening:
    """A receiver. `connections` counts what was accepted, `requests` what was read."""

    port: int
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)


def answers(text: str) -> Behavior:
    """Answer the request with this text."""
    return lambda connection: connection.sendall(text.encode())


@contextmanager
def listening(behavior: Behavior | None, tls: ssl.SSLContext | None = None) -> Iterator[Listening]:
    """Listen on a loopback port. `behavior` gets the connection after the request has been read. If it is None, the
    connection is reset and nothing is read."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found = Listening(listener.getsockname()[1])
        if tls is not None:
            tls.sni_callback = lambda _socket, name, _context: found.names.append(name)
        threading.Thread(target=_serve, args=(listener, found, behavior, tls), daemon=True).start()
        yield found
        listener.shutdown(socket.SHUT_RDWR)


def _serve(listener: socket.socket, found: Listening, behavior: Behavior | None, tls: ssl.SSLContext | None) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        found.connections += 1
        threading.Thread(target=_answer, args=(connection, found, behavior, tls), daemon=True).start()


def _answer(connection: socket.socket, found: Listening, behavior: Behavior | None, tls: ssl.SSLContext | None) -> None:
    try:
        if behavior is None:
            # Close with a reset instead of an orderly end.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        else:
            connection = tls.wrap_socket(connection, server_side=True) if tls else connection
            found.requests.append(_read(connection))
            behavior(connection)
    except OSError:
        pass  # the sender gave up
    finally:
        connection.close()


def _read(connection: socket.socket) -> bytes:
    read = b""
    while b"\r\n\r\n" not in read:
        read += connection.recv(65536)
    head, _, body = read.partition(b"\r\n\r\n")
    [length] = [int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
