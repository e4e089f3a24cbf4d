"""Asks a broker that lets nobody in for its reason, which the client library swallows.

kafka_client calls it after a failed connection; out comes what the user has to change, or nothing.
"""

import socket
import ssl
import struct
from dataclasses import dataclass
from typing import Protocol

from runtime.config import BusSecurity
from runtime.errors import ConfigError

_WAIT_SECONDS = 3.0
# Kafka's numbers of the two requests, and of the oldest version of each that serves.
_HANDSHAKE = (17, 1)
_AUTHENTICATE = (36, 0)
_KNOWN = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


class Mechanism(Protocol):
    """The talk by which a password is shown; the client library has one for each mechanism."""

    def auth_bytes(self) -> bytes: ...

    def receive(self, auth_bytes: bytes) -> None: ...

    def is_done(self) -> bool: ...


@dataclass(frozen=True)
class Door:
    """A broker's address, and how the settings say that it is entered."""

    broker: str
    security: BusSecurity
    tls: ssl.SSLContext | None
    mechanism: Mechanism | None

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.broker.rpartition(":")
        return host.strip("[]") or "localhost", int(port) if port.isdigit() else 9092


def tls_context(security: BusSecurity) -> ssl.SSLContext | None:
    """Raises ConfigError for a certificate that can't be used."""
    if "SSL" not in security.protocol:
        return None
    try:
        context = ssl.create_default_context(cafile=security.ca_file)
    except (OSError, ssl.SSLError) as error:
        message = f"bus.security.ca_file: {security.ca_file}: {error}; name a PEM file of a CA"
        raise ConfigError(message) from error
    if security.cert_file:
        try:
            context.load_cert_chain(security.cert_file, security.key_file)
        except (OSError, ssl.SSLError) as error:
            found = f"{security.cert_file}, key {security.key_file}: {error}"
            message = f"bus.security.cert_file: {found}; name PEM files that belong together"
            raise ConfigError(message) from error
    return context


def why_refused(door: Door) -> str | None:
    """One finding and its remedy; None where the broker is away or would let us in."""
    if door.security.protocol == "PLAINTEXT":
        return None
    try:
        with socket.create_connection(door.address, timeout=_WAIT_SECONDS) as plain:
            if door.tls is None:
                return _login_problem(plain, door)
            with door.tls.wrap_socket(plain, server_hostname=door.address[0]) as connection:
                return _login_problem(connection, door)
    except ssl.SSLCertVerificationError as error:
        return (
            f"its certificate is not trusted ({error.verify_message}); name the CA's file in "
            "bus.security.ca_file, and the broker as its certificate does"
        )
    except OSError as error:
        # An end without a word is also the answer of a broker that is going down.
        if not isinstance(error, ssl.SSLError) or isinstance(error, ssl.SSLEOFError):
            return None
        return f"TLS fails ({error.reason}); check bus.security.protocol, cert_file and key_file"


def _login_problem(connection: socket.socket, door: Door) -> str | None:
    if door.mechanism is None:
        return None
    wanted = door.security.mechanism
    offered = _offered(connection, wanted)
    if wanted not in offered:
        known = ", ".join(name for name in offered if name in _KNOWN) or "none that we know"
        return f"it does not take {wanted}; set bus.security.mechanism to one of: {known}"
    while not door.mechanism.is_done():
        token = door.mechanism.auth_bytes()
        answer = _ask(connection, _AUTHENTICATE, struct.pack(">i", len(token)) + token)
        if struct.unpack_from(">h", answer)[0]:
            user = door.security.user
            return f"its answer to {wanted} is no; check bus.security: user {user!r}, its password"
        start = 4 + max(struct.unpack_from(">h", answer, 2)[0], 0)
        door.mechanism.receive(answer[start + 4 :])
    return None


def _offered(connection: socket.socket, mechanism: str) -> list[str]:
    name = mechanism.encode()
    answer = _ask(connection, _HANDSHAKE, struct.pack(">h", len(name)) + name)
    at, names = 6, []
    for _ in range(struct.unpack_from(">i", answer, 2)[0]):
        (length,) = struct.unpack_from(">h", answer, at)
        names.append(answer[at + 2 : at + 2 + length].decode("ascii", "replace"))
        at += 2 + length
    return names


def _ask(connection: socket.socket, question: tuple[int, int], body: bytes) -> bytes:
    """One request without a client id; the answer without its number."""
    request = struct.pack(">hhih", *question, 0, -1) + body
    connection.sendall(struct.pack(">i", len(request)) + request)
    (size,) = struct.unpack(">i", _read(connection, 4))
    return _read(connection, size)[4:]


def _read(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = connection.recv(size - len(found))
        if not part:
            raise ConnectionResetError
        found += part
    return found
