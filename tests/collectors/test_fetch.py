"""The fetcher against a real server on the loopback address."""

import gzip
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from collectors.addresses import Refused, public_addresses
from collectors.answers import Answer, Ask
from collectors.fetch import HttpFetcher
from runtime.clock import ManualClock, stopwatch
from runtime.config import FetchSettings
from schemas.posts import PollOutcome
from tests.collectors.documents import NOW


@dataclass
class Page:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    drip_seconds: float = 0


class Site:
    """Pages by path; what was asked, with its headers, in `asked`."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.stop = threading.Event()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
                site.reply(self, site.pages.get(self.path, Page(404)))

            def log_message(self, format: str, *args: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def reply(self, handler: BaseHTTPRequestHandler, page: Page) -> None:
        if page.drip_seconds:
            self.drip(handler, page)
            return
        handler.send_response(page.status)
        for name, value in page.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(page.body)

    def drip(self, handler: BaseHTTPRequestHandler, page: Page) -> None:
        """One byte now and then, so that no single read ever waits for long."""
        try:
            for byte in page.body:
                handler.wfile.write(bytes([byte]))
                if self.stop.wait(page.drip_seconds):
                    return
        except OSError:
            return

    def close(self) -> None:
        self.stop.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


def fetch(ask: Ask | str, **settings: object) -> Answer:
    wanted = FetchSettings.model_validate({"allow_private": True, "max_bytes": 1000} | settings)
    fetcher = HttpFetcher(wanted, ManualClock(NOW))
    try:
        return fetcher.fetch(Ask(ask) if isinstance(ask, str) else ask)
    finally:
        fetcher.close()


def test_a_page_with_what_makes_the_next_request_conditional(site: Site) -> None:
    headers = {"ETag": '"1"', "Last-Modified": "Fri", "Content-Type": "text/xml; charset=gbk"}
    site.pages["/feed"] = Page(200, headers | {"Cache-Control": "public, max-age=900"}, b"hello")
    answer = fetch(f"{site.url}/feed")
    assert (answer.outcome, answer.status, answer.body) == (PollOutcome.OK, 200, b"hello")
    assert (answer.etag, answer.last_modified, answer.charset) == ('"1"', "Fri", "gbk")
    assert (answer.wait_seconds, answer.url) == (900, f"{site.url}/feed")
    (_, sent) = site.asked[0]
    assert sent["user-agent"].startswith("huisheng/")
    assert sent["host"] == site.url.removeprefix("http://")
    assert "if-none-match" not in sent


def test_a_conditional_request_and_its_304(site: Site) -> None:
    site.pages["/feed"] = Page(304, {"ETag": '"1"'})
    answer = fetch(Ask(f"{site.url}/feed", '"1"', "Fri"))
    assert (answer.outcome, answer.status, answer.message) == (PollOutcome.NOT_MODIFIED, 304, "")
    assert site.asked[0][1]["if-none-match"] == '"1"'
    assert site.asked[0][1]["if-modified-since"] == "Fri"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "login"),
        (403, "refuses us"),
        (404, "correct the address"),
        (410, "remove it"),
        (429, "raise interval_minutes"),
        (418, "no feed gives"),
        (503, "again later"),
    ],
)
def test_an_error_of_the_site(site: Site, status: int, words: str) -> None:
    site.pages["/feed"] = Page(status, {"Retry-After": "120"})
    answer = fetch(f"{site.url}/feed")
    assert (answer.outcome, answer.status) == (PollOutcome.HTTP_ERROR, status)
    assert answer.wait_seconds == 120
    assert f"HTTP {status}" in answer.message
    assert words in answer.message


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("Sat, 21 Nov 2026 04:10:00 GMT", 600), ("Sat, 21 Nov 2020 04:10:00 GMT", 0), ("soon", 0)],
)
def test_retry_after_as_a_date(site: Site, value: str, seconds: int) -> None:
    site.pages["/feed"] = Page(503, {"Retry-After": value})
    assert fetch(f"{site.url}/feed").wait_seconds == seconds


def test_redirects_are_followed_and_counted(site: Site) -> None:
    site.pages["/a"] = Page(301, {"Location": "/b"})
    site.pages["/b"] = Page(302, {"Location": f"{site.url}/c"})
    site.pages["/c"] = Page(200, {}, b"here")
    answer = fetch(f"{site.url}/a")
    assert (answer.body, answer.url) == (b"here", f"{site.url}/c")
    site.pages["/loop"] = Page(302, {"Location": "/loop"})
    answer = fetch(f"{site.url}/loop")
    assert answer.outcome is PollOutcome.HTTP_ERROR
    assert "more than 5 redirects" in answer.message
    assert sum(path == "/loop" for path, _ in site.asked) == 6


def test_a_redirect_to_another_kind_of_address_is_refused(site: Site) -> None:
    site.pages["/a"] = Page(302, {"Location": "file:///etc/passwd"})
    answer = fetch(f"{site.url}/a")
    assert answer.outcome is PollOutcome.REFUSED
    assert "only http and https" in answer.message


def test_more_than_the_limit_is_not_read(site: Site) -> None:
    site.pages["/plain"] = Page(200, {}, b"x" * 1001)
    bomb = gzip.compress(b"x" * 50_000_000)
    site.pages["/packed"] = Page(200, {"Content-Encoding": "gzip"}, bomb)
    for path in ("/plain", "/packed"):
        answer = fetch(f"{site.url}{path}")
        assert (answer.outcome, answer.body) == (PollOutcome.TOO_LARGE, b"")
        assert "fetch.max_bytes" in answer.message
    site.pages["/fits"] = Page(200, {"Content-Encoding": "gzip"}, gzip.compress(b"x" * 1000))
    assert fetch(f"{site.url}/fits").body == b"x" * 1000


def test_bytes_that_do_not_unpack_are_no_crash(site: Site) -> None:
    site.pages["/feed"] = Page(200, {"Content-Encoding": "gzip"}, b"no gzip")
    assert fetch(f"{site.url}/feed").outcome is PollOutcome.UNREACHABLE


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-Slow: "])
def test_the_time_limit_is_for_the_whole_answer(site: Site, start: bytes) -> None:
    site.pages["/slow"] = Page(200, {}, start + b"x" * 900, drip_seconds=0.02)
    begun = stopwatch()
    answer = fetch(f"{site.url}/slow", timeout_seconds=0.5)
    assert answer.outcome is PollOutcome.TIMEOUT
    assert "within 0.5 s" in answer.message
    assert stopwatch() - begun < 3


def test_nobody_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        answer = fetch(f"http://127.0.0.1:{port}/")
    assert answer.outcome is PollOutcome.UNREACHABLE
    assert "can't be reached" in answer.message
    answer = fetch("http://no-such-host.invalid/")
    assert answer.outcome is PollOutcome.UNREACHABLE
    assert "DNS" in answer.message


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "10.1.2.3",
        "192.168.0.1",
        "169.254.169.254",
        "[::1]",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
        "[fe80::1]",
        "100.64.0.1",
        "224.0.0.1",
        "2130706433",
    ],
)
def test_private_addresses_are_refused_with_the_remedy(host: str) -> None:
    answer = fetch(f"http://{host}/", allow_private=False)
    assert answer.outcome is PollOutcome.REFUSED
    assert "fetch.allow_private" in answer.message


def test_a_redirect_into_the_private_network_is_refused(site: Site) -> None:
    # Every target is checked by itself; the first here is only let through for the test.
    allowed = FetchSettings(allow_private=False)
    with pytest.raises(Refused, match="allow_private"):
        public_addresses("127.0.0.1", 80, allowed.allow_private)
    assert public_addresses("8.8.8.8", 80, allow_private=False) == ["8.8.8.8"]


@pytest.mark.parametrize(
    "url", ["ftp://x.example/", "http://", "http://[", "nonsense", "http://a..b/"]
)
def test_what_is_no_address_is_an_answer_too(url: str) -> None:
    answer = fetch(url)
    assert answer.outcome in (PollOutcome.REFUSED, PollOutcome.UNREACHABLE)
    assert answer.message


def test_cookies_are_not_kept(site: Site) -> None:
    site.pages["/a"] = Page(302, {"Set-Cookie": "sid=1", "Location": "/b"})
    site.pages["/b"] = Page(200, {}, b"x")
    fetch(f"{site.url}/a")
    assert "cookie" not in site.asked[1][1]
