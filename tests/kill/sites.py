"""The feeds of an invented stream and a receiver of warnings, on one loopback port."""

import json
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from runtime.clock import stopwatch
from tests.kill.posts import MadePost, Stream


class Sites:
    """`received`: how often each event id was posted to /hook.

    `slow_seconds`: how long each feed takes to answer, so that collectors are killed at work.
    """

    def __init__(self, stream: Stream, slow_seconds: float = 0) -> None:
        self.stream, self.slow_seconds = stream, slow_seconds
        self.received: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.started = stopwatch()
        self._http = _Listener(self)
        self.port: int = self._http.server_address[1]
        self._thread = threading.Thread(target=self._serve, name="sites", daemon=True)
        self._thread.start()

    @property
    def hook(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def start_now(self) -> None:
        """From here the seconds count at which posts come out."""
        self.started = stopwatch()

    def shown(self, source: str) -> list[MadePost]:
        return self.stream.shown(source, stopwatch() - self.started)

    def receive(self, body: bytes) -> None:
        with self.lock:
            self.received[json.loads(body)["event_id"]] += 1

    def event_ids(self) -> set[str]:
        with self.lock:
            return set(self.received)

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def _serve(self) -> None:
        self._http.serve_forever(poll_interval=0.05)


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, sites: Sites) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.sites = sites

    def handle_error(self, request: object, client_address: object) -> None:
        """Who asks is killed now and then; that is no error of the site's."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    server: _Listener

    def do_GET(self) -> None:
        source = self.path.removeprefix("/feed/")
        sites = self.server.sites
        if source not in sites.stream.by_source:
            self._answer(404, b"")
            return
        threading.Event().wait(sites.slow_seconds)
        posts = sites.shown(source)
        tag = f'"{source}-{len(posts)}"'
        if self.headers["If-None-Match"] == tag:
            self._answer(304, b"", tag)
        else:
            self._answer(200, feed(posts), tag)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        # Noted before it is answered: a sender that is killed meanwhile must send it again.
        self.server.sites.receive(body)
        self._answer(200, b'{"errcode":0}')

    def log_message(self, format: str, *args: object) -> None:
        """Silent: what went wrong stands in the log of who asked."""

    def _answer(self, status: int, body: bytes, tag: str = "") -> None:
        self.send_response(status)
        if tag:
            self.send_header("ETag", tag)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def feed(posts: list[MadePost]) -> bytes:
    """A JSON Feed, the newest first."""
    items = [_item(post) for post in sorted(posts, key=lambda post: -post.released)]
    version = "https://jsonfeed.org/version/1.1"
    return json.dumps({"version": version, "title": "发声", "items": items}).encode()


def _item(post: MadePost) -> dict[str, str]:
    item = {"id": post.id, "url": post.url, "title": post.title, "content_text": post.body}
    if post.published:
        item["date_published"] = post.published.isoformat()
    return item
