"""A real Apache Kafka 4.1 broker (KRaft, one node) on free loopback ports, in a given folder.

It listens twice: without security, and with TLS and passwords (PLAIN and SCRAM-SHA-512).
"""

import shutil
import signal
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.engines.downloads import downloaded, find_program, run_download
from tests.engines.process import ServerProcess, free_port

_HERE = Path(__file__).parent / "kafka"
_CLUSTER_ID = "aHVpc2hlbmctdGVzdHMhIQ"
_START_SECONDS = 60
_MEMORY = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
USER, PASSWORD = "huisheng", "made for this test"
_QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
# ApiVersions v0 without a client id: the smallest question that a broker answers.
_QUESTION = struct.pack(">ihhih", 10, 18, 0, 1, -1)


class KafkaServer:
    """One broker; `brokers` stays the same over kill() and restart(), and so do its data."""

    def __init__(self, libs: Path, folder: Path) -> None:
        self._port = free_port()
        self.brokers = (f"127.0.0.1:{self._port}",)
        secure_port = free_port()
        self.secure_brokers = (f"127.0.0.1:{secure_port}",)
        self.certificate = folder / "broker.crt"
        java = find_program("java", "install a JRE, 17 or newer")
        self._java = [java, *_MEMORY, _QUIET, "-cp", f"{libs}/*"]
        self._properties = folder / "server.properties"
        self._properties.write_text(
            (_HERE / "server.properties")
            .read_text()
            .format(
                port=self._port,
                secure_port=secure_port,
                controller_port=free_port(),
                folder=folder,
                user=USER,
                password=PASSWORD,
            )
        )
        command = [*self._java, "kafka.Kafka", str(self._properties)]
        self._process = ServerProcess(command, folder / "broker.log")

    def format(self) -> None:
        tool = ["kafka.tools.StorageTool", "format", "--standalone", "-t", _CLUSTER_ID]
        user = f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]"
        make_certificate(self.certificate.parent, "broker")
        command = [*self._java, *tool, "-c", str(self._properties), "--add-scram", user]
        subprocess.run(command, check=True, capture_output=True, timeout=_START_SECONDS)

    def start(self) -> None:
        self._process.start(self.answers, _START_SECONDS)

    def kill(self) -> None:
        self._process.kill()

    def send(self, number: signal.Signals) -> None:
        self._process.send(number)

    def restart(self) -> None:
        self.kill()
        self.start()

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=1) as connection:
                connection.sendall(_QUESTION)
                return len(connection.recv(4)) == 4
        except OSError:
            return False


def make_certificate(folder: Path, name: str) -> None:
    """<name>.crt, which signs itself, and <name>.pem with the key and it."""
    openssl = find_program("openssl", "install openssl")
    key, certificate = folder / f"{name}.key", folder / f"{name}.crt"
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    command = [openssl, "req", "-x509", *kind, *names, *files]
    subprocess.run(command, check=True, capture_output=True, timeout=_START_SECONDS)
    (folder / f"{name}.pem").write_text(key.read_text() + certificate.read_text())


def _fill(folder: Path) -> None:
    maven = find_program("mvn", "install Maven, which fetches the broker's jars once")
    shutil.copy(_HERE / "pom.xml", folder)
    run_download([maven, "-q", "-B", "package"], folder)


def kafka_libs() -> Path:
    """The folder of the broker's jars."""
    return downloaded("kafka-4.1.1", _fill) / "target" / "libs"


@contextmanager
def running_kafka(folder: Path) -> Iterator[KafkaServer]:
    """Raises EngineMissing when this machine can't have it."""
    find_program("java", "install a JRE, 17 or newer")
    server = KafkaServer(kafka_libs(), folder)
    server.format()
    try:
        server.start()
        yield server
    finally:
        server.kill()
