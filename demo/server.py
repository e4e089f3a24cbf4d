"""The town's sites as one local HTTP server: the feeds stand at /feeds/<source>.

What is due by the clock is published; an unchanged feed answers 304. Started by monitor/wiring.
"""

import socket
import sys
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from demo.feeds import FEEDS, edition, render
from demo.town import Town, minute_of
from runtime.clock import Clock

_Request = socket.socket | tuple[bytes, socket.socket]


class TownServer:
    """Listens on `port` of 127.0.0.1, or on a free one if that is taken, until `close`."""

    def __init__(self, town: Town, clock: Clock, start: datetime, port: int = 0) -> None:
        self.town, self.clock, self.start = town, clock, start
        try:
            self._http = _Listener(self, port)
        except OSError:
            self._http = _Listener(self, 0)
        self.port: int = self._http.server_address[1]
        self._thread = threading.Thread(target=self._serve, name="town", daemon=True)
        self._thread.start()

    def minute(self) -> int:
        return minute_of(self.clock.now(), self.start)

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def _serve(self) -> None:
        self._http.serve_forever(poll_interval=0.05)


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, town_server: TownServer, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.town_server = town_server

    def handle_error(self, request: _Request, client_address: object) -> None:
        """A client that went away is no error of the town's."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Listener

    def do_GET(self) -> None:
        source = self.path.partition("?")[0].removeprefix("/feeds/")
        if source not in FEEDS:
            self._not_found()
            return
        served = self.server.town_server
        minute = served.minute()
        since = edition(served.town, source, minute)
        changed = (served.start + timedelta(minutes=since)).astimezone(UTC)
        etag = f'"{source}-{served.start:%Y%m%d}-{since}"'
        headers = {"ETag": etag, "Last-Modified": format_datetime(changed, usegmt=True)}
        if self._has(etag, changed):
            self._answer(HTTPStatus.NOT_MODIFIED, headers, b"")
            return
        document = render(served.town, source, served.start, minute)
        headers["Content-Type"] = document.content_type
        self._answer(HTTPStatus.OK, headers, document.data)

    def log_message(self, format: str, *args: object) -> None:
        """Silent: the log belongs to the program that the town is shown with."""

    def _has(self, etag: str, changed: datetime) -> bool:
        """Whether the client's copy is the present one; the tag outranks the date."""
        if tags := self.headers["If-None-Match"]:
            return etag in tags
        since = self.headers["If-Modified-Since"]
        try:
            return bool(since) and parsedate_to_datetime(since) >= changed
        except (ValueError, TypeError):
            return False

    def _not_found(self) -> None:
        text = f"这里没有 {self.path}。示例小镇的信息源：\n"
        text += "".join(f"/feeds/{source}  {feed.title}\n" for source, feed in FEEDS.items())
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        self._answer(HTTPStatus.NOT_FOUND, headers, text.encode())

    def _answer(self, status: HTTPStatus, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status is not HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
