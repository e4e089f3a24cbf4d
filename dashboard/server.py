"""The page's HTTP server: an app, a host and a port in; uvicorn on a thread of its own."""

import errno
import socket
import threading

import uvicorn
from starlette.types import ASGIApp

from runtime.errors import ConfigError

GRACE_SECONDS = 3
CLOSE_SECONDS = 6


class PageServer:
    """Takes the port when made, so that a port in use is told before anything else starts."""

    def __init__(self, app: ASGIApp, host: str, port: int, table: str = "page") -> None:
        """Raises ConfigError when the address can't be had. Port 0 takes a free one.

        `table`: of the settings, where host and port stand.
        """
        self._socket = _bound(host, port, table)
        self.host = host
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=GRACE_SECONDS,
            server_header=False,
        )
        self._server = uvicorn.Server(config)
        # Off the main thread uvicorn sets no signal handlers: those are monitor's.
        self._thread = threading.Thread(target=self._run, name=f"{table}-server", daemon=True)

    def start(self) -> None:
        """Requests are answered from now on: the socket listens already."""
        self._thread.start()

    def close(self) -> None:
        """Lets running requests end for a few seconds."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(CLOSE_SECONDS)
        self._socket.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])


def _bound(host: str, port: int, table: str) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.create_server((str(address[0]), port), family=family, backlog=128)
    except OSError as error:
        message = f"{table}.{_finding(host, port, error)}"
        raise ConfigError(message) from error
    return listening


def _finding(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port: {host}:{port} is in use by another program; "
            "set another port, or stop the other program"
        )
    if error.errno == errno.EACCES:
        return f"port: {port} is not allowed for this user; set a port of 1024 or more"
    return (
        f"host: {host} can't be listened on ({error.strerror}); "
        "set an address of this machine, such as 127.0.0.1 or 0.0.0.0"
    )
