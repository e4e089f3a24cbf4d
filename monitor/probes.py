"""The port of a stage of server mode: its health and metrics over HTTP, from before it is ready.

A small server of its own: it must answer while the engines that the stage waits for are away.
"""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET6
from urllib.parse import urlsplit

from dashboard.guard import host_is_allowed
from runtime.config import HealthSettings
from runtime.errors import ConfigError
from runtime.probes import PATHS, Answer, Probes

_TEXT = "text/plain; charset=utf-8"
_NOT_HERE = Answer(404, _TEXT, f"ask {', '.join(PATHS)}\n".encode())
_FOREIGN = Answer(421, _TEXT, b"Host: not this machine's name; use 127.0.0.1, or set health.host\n")


class ProbeServer:
    def __init__(self, probes: Probes, settings: HealthSettings) -> None:
        """Takes the port at once; raises ConfigError when it can't be had."""
        try:
            self._server = _Server(probes, settings)
        except OSError as error:
            message = (
                f"health.port: {settings.host}:{settings.port} can't be listened on "
                f"({error.strerror}); set health.host to an address of this machine and "
                "health.port to a free port, or to 0"
            )
            raise ConfigError(message) from error
        self.port = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="probes", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        if self._thread.ident is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # One who asks and does not listen must not hold up the end of the process.
    block_on_close = False

    def __init__(self, probes: Probes, settings: HealthSettings) -> None:
        self.probes, self.host = probes, settings.host
        if ":" in settings.host:
            self.address_family = AF_INET6
        super().__init__((settings.host, settings.port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    timeout = 5
    server: _Server
    server_version = "huisheng"
    sys_version = ""

    def do_GET(self) -> None:
        answer = self._answer()
        self.send_response(answer.code)
        self.send_header("Content-Type", answer.media)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_HEAD = do_GET

    def _answer(self) -> Answer:
        if not host_is_allowed(self.headers.get("Host", ""), self.server.host):
            return _FOREIGN
        return self.server.probes.answer(urlsplit(self.path).path) or _NOT_HERE

    def log_message(self, format: str, *args: object) -> None:
        """A probe every few seconds is no unit of work."""
