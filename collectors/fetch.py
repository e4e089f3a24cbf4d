"""One polite, bounded, conditional GET. Used by the worker; the only file here to import httpx."""

import re
import socket
import ssl
import threading
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from collectors.addresses import Refused, public_addresses
from collectors.answers import Answer, Ask
from runtime.clock import Clock, stopwatch
from runtime.config import FetchSettings
from schemas.posts import PollOutcome

_REDIRECTS = 5
_TRIED_ADDRESSES = 2
_FEEDS = "application/rss+xml, application/atom+xml, application/feed+json"
_ACCEPT = f"{_FEEDS}, application/xml;q=0.9, */*;q=0.5"
_REMEDIES = {
    401: "the site wants a login; only public feeds are read: give a public one",
    403: "the site refuses us: see in a browser whether the feed is public, ask less often",
    404: "nothing is there: correct the address in sources.toml",
    410: "the feed was taken down: remove it from sources.toml",
    429: "we ask too often: raise interval_minutes of this source",
}


class HttpFetcher:
    """Shares one client between threads, without kept connections: feeds are minutes apart."""

    def __init__(self, settings: FetchSettings, clock: Clock) -> None:
        self.settings, self.clock = settings, clock
        self._client = httpx.Client(
            headers={
                "User-Agent": settings.user_agent,
                "Accept": _ACCEPT,
                "Accept-Encoding": "gzip",
            },
            timeout=settings.timeout_seconds,
            limits=httpx.Limits(max_keepalive_connections=0),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            # No proxy, netrc or certificate path comes in from the environment.
            trust_env=False,
        )

    def close(self) -> None:
        self._client.close()

    def fetch(self, ask: Ask) -> Answer:
        deadline = _Deadline(self.settings.timeout_seconds)
        try:
            return self._follow(ask, deadline)
        except Refused as error:
            return Answer(PollOutcome.REFUSED, ask.url, message=str(error))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, zlib.error) as error:
            return self._failed(ask, error, deadline)
        finally:
            deadline.cancel()

    def _failed(self, ask: Ask, error: Exception, deadline: "_Deadline") -> Answer:
        seconds = self.settings.timeout_seconds
        if deadline.passed or isinstance(error, (httpx.TimeoutException, TimeoutError)):
            found = f"no full answer within {seconds:g} s: the site is slow; we ask again later"
            return Answer(PollOutcome.TIMEOUT, ask.url, message=found)
        if isinstance(error, httpx.InvalidURL):
            found = f"not an address ({error}): correct the url in sources.toml"
            return Answer(PollOutcome.REFUSED, ask.url, message=found)
        remedy = "see whether the site opens in a browser; we ask again later"
        if isinstance(error, socket.gaierror):
            remedy = "the host name is unknown here: check its spelling and this machine's DNS"
        elif isinstance(error.__cause__, ssl.SSLError) or "SSL" in str(error):
            remedy = "its certificate or TLS is not valid: tell the site"
        found = f"can't be reached ({_brief(error)}): {remedy}"
        return Answer(PollOutcome.UNREACHABLE, ask.url, message=found)

    def _follow(self, ask: Ask, deadline: "_Deadline") -> Answer:
        url = httpx.URL(ask.url)
        for _ in range(_REDIRECTS + 1):
            answer = self._get(ask, url, deadline)
            if isinstance(answer, Answer):
                return answer
            url = answer
        found = f"more than {_REDIRECTS} redirects, last to {url.host}: give the final address"
        return Answer(PollOutcome.HTTP_ERROR, str(url), message=found)

    def _get(self, ask: Ask, url: httpx.URL, deadline: "_Deadline") -> Answer | httpx.URL:
        """The answer, or where a redirect leads. Each target is looked up and checked anew."""
        if url.scheme not in ("http", "https") or not url.host:
            reason = (
                f"an address of kind {url.scheme[:20] or 'none'!r}: only http and https are read"
            )
            raise Refused(reason)
        port = url.port or (443 if url.scheme == "https" else 80)
        found = public_addresses(url.host, port, self.settings.allow_private)[:_TRIED_ADDRESSES]
        for address in found[:-1]:
            try:
                return self._send(ask, url, address, deadline)
            except httpx.ConnectError:
                continue
        return self._send(ask, url, found[-1], deadline)

    def _send(
        self, ask: Ask, url: httpx.URL, address: str, deadline: "_Deadline"
    ) -> Answer | httpx.URL:
        headers = {"Host": url.netloc.decode("ascii")}
        if ask.etag:
            headers["If-None-Match"] = ask.etag
        if ask.last_modified:
            headers["If-Modified-Since"] = ask.last_modified
        # Sent to the checked address, with the name in Host and in the TLS handshake.
        extensions = {"sni_hostname": url.host, "trace": deadline.trace}
        target = url.copy_with(host=address, userinfo=b"", fragment=None)
        with self._client.stream(
            "GET", target, headers=headers, extensions=extensions, follow_redirects=False
        ) as response:
            if response.has_redirect_location:
                return url.join(response.headers["location"])
            return self._read(response, str(url), deadline)

    def _read(self, response: httpx.Response, url: str, deadline: "_Deadline") -> Answer:
        status, headers = response.status_code, response.headers
        wait = _wait_seconds(headers, self.clock.now())
        answer = Answer(
            PollOutcome.OK,
            url,
            status,
            charset=response.charset_encoding,
            etag=_sendable(headers, "etag"),
            last_modified=_sendable(headers, "last-modified"),
            wait_seconds=wait,
        )
        if status == 304:
            return replace(answer, outcome=PollOutcome.NOT_MODIFIED)
        if not response.is_success:
            message = f"HTTP {status}: {_remedy(status)}"
            return replace(answer, outcome=PollOutcome.HTTP_ERROR, message=message)
        limit = self.settings.max_bytes
        body = bytearray()
        for chunk in _unpacked(response, limit):
            body += chunk
            if len(body) > limit:
                found = f"more than {limit:,} bytes: give a shorter feed, or raise fetch.max_bytes"
                return replace(answer, outcome=PollOutcome.TOO_LARGE, message=found)
            deadline.check()
        # A connection that the deadline hung up ends like one whose body is complete.
        deadline.check()
        return replace(answer, body=bytes(body))


class _Deadline:
    """Ends one fetch after a total time, also while a site sends a byte now and then."""

    def __init__(self, seconds: float) -> None:
        self._until = stopwatch() + seconds
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._hang_up)
        self._timer.daemon = True
        self._timer.start()

    @property
    def passed(self) -> bool:
        return stopwatch() >= self._until

    def check(self) -> None:
        if self.passed:
            raise TimeoutError

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """httpx tells of each new stream here, before anything is read from it.

        Checked where a step begins: an error while one ends or is closed would reach nobody.
        """
        if event.endswith(".started") and "close" not in event:
            self.check()
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._socket = info["return_value"].get_extra_info("socket")

    def cancel(self) -> None:
        self._timer.cancel()

    def _hang_up(self) -> None:
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                return


def _unpacked(response: httpx.Response, limit: int) -> Iterator[bytes]:
    """The body in pieces of bounded size: a small packed one may unfold to gigabytes."""
    if response.headers.get("content-encoding", "").lower() not in ("gzip", "x-gzip", "deflate"):
        yield from response.iter_raw()
        return
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)
    for packed in response.iter_raw():
        yield unpack.decompress(packed, limit + 1)


def _sendable(headers: httpx.Headers, name: str) -> str:
    """A header that is sent back with the next request, where only ASCII may stand."""
    value = headers.get(name, "")
    return value if value.isascii() else ""


def _wait_seconds(headers: httpx.Headers, now: datetime) -> float:
    """The longer of Retry-After and the time for which the site says its answer stays fresh."""
    fresh = re.search(r"max-age=(\d{1,9})", headers.get("cache-control", ""))
    return max(_retry_after(headers.get("retry-after", ""), now), float(fresh[1]) if fresh else 0.0)


def _retry_after(value: str, now: datetime) -> float:
    if value.strip().isdigit():
        return float(value.strip()[:9])
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (TypeError, ValueError):
        # No header, or a date that nobody can read or that names no zone.
        return 0.0


def _remedy(status: int) -> str:
    if status in _REMEDIES:
        return _REMEDIES[status]
    if status >= 500:
        return "the site has a fault of its own: we ask again later"
    return "an answer that no feed gives: open the address in a browser"


def _brief(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:120]
