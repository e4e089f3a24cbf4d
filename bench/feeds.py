"""Many feeds on loopback that grow while they are read, for measuring a whole process."""

import threading
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from email.utils import format_datetime
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from demo.town import load_town

SHOWN = 50
ITEM = (
    "<item><title>{title}</title><link>http://{host}/{source}/{number}</link>"
    "<guid isPermaLink='false'>{source}-{number}</guid><pubDate>{date}</pubDate>"
    "<description>{body}</description></item>"
)
DOCUMENT = (
    '<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>{source}</title>'
    "<link>http://{host}/</link>{items}</channel></rss>"
)


class GrowingFeeds:
    """`sources` feeds with one new post each `every_seconds` in turn; `now` tells the time."""

    def __init__(self, sources: int, every_seconds: float, now: Callable[[], datetime]) -> None:
        self.sources, self.every_seconds, self.now = sources, every_seconds, now
        self.start = now()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.host = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with closing(self._server.socket):
            self._server.shutdown()
            self._thread.join()

    def config(self) -> str:
        """sources.toml with all of them."""
        return "\n".join(
            f'[[source]]\nid = "s{n}"\nname = "论坛{n}"\nkind = "forum"\n'
            f'url = "http://{self.host}/s{n}"\ninterval_minutes = 5\n'
            for n in range(self.sources)
        )

    def published(self) -> int:
        return int((self.now() - self.start).total_seconds() / self.every_seconds)

    def document(self, source: str) -> bytes:
        """The newest posts of one source; post n is of source n modulo their number."""
        place, texts = int(source[1:]), load_town().posts
        mine = [n for n in range(place, self.published(), self.sources)][-SHOWN:]
        items = []
        for n in reversed(mine):
            text, other = texts[n % len(texts)], texts[n * 7 % len(texts)]
            at = datetime.fromtimestamp(
                self.start.timestamp() + n * self.every_seconds, self.start.tzinfo
            )
            items.append(
                ITEM.format(
                    title=escape(text.title or text.body[:30]),
                    body=escape(f"{text.body} {other.body} {n}"),
                    host=self.host,
                    source=source,
                    number=n,
                    date=format_datetime(at),
                )
            )
        return DOCUMENT.format(source=source, host=self.host, items="".join(items)).encode()


def _handler(feeds: GrowingFeeds) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.startswith("/s"):
                self.send_error(404)
                return
            body = feeds.document(self.path[1:])
            self.send_response(200)
            self.send_header("Content-Type", "application/rss+xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return Handler
