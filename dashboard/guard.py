"""Who may ask: Host, origin, token and size of a request; and the headers of every answer.

The page has no login: on a loopback address, browsers on this machine are the way in for others.
"""

import hmac
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL_NAMES = ("127.0.0.1", "localhost", "::1")
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; object-src 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: with that, browsers send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class TooLarge(Exception):
    """The request's body is larger than it may be."""


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def host_is_allowed(header: str, bound: str) -> bool:
    """On a loopback address only local names, against DNS rebinding; elsewhere any name."""
    if not is_loopback(bound):
        return True
    try:
        name = urlsplit(f"//{header}").hostname
    except ValueError:
        return False
    return name in (*LOCAL_NAMES, bound)


def is_same_origin(headers: Headers) -> bool:
    """Whether our own page sent the form. Browsers tell by Sec-Fetch-Site, or at least Origin."""
    site = headers.get("sec-fetch-site")
    if site:
        return site == "same-origin"
    origin = headers.get("origin", "")
    return bool(origin) and urlsplit(origin).netloc == headers.get("host")


def has_token(headers: Headers, token: str) -> bool:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    return (
        bool(token)
        and scheme.lower() == "bearer"
        and hmac.compare_digest(given.strip().encode(), token.encode())
    )


async def read_body(request: Request, limit: int) -> bytes:
    """Raises TooLarge as soon as more than `limit` bytes have come."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise TooLarge
    return bytes(body)


class Guard:
    """Around the whole app: refuses foreign hosts, puts the security headers on every answer."""

    def __init__(self, app: ASGIApp, bound: str) -> None:
        self.app, self.bound = app, bound

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        found = Headers(scope=scope).get("host", "")
        allowed = host_is_allowed(found, self.bound)
        app = self.app if allowed else _refusal(found, self.bound)
        await app(scope, receive, send_guarded)


def _refusal(found: str, bound: str) -> ASGIApp:
    text = (
        f"Host: {found[:80]!r} is not this page's name; open it as http://{bound} or localhost, "
        "or set page.host to the address that others are to use\n"
    )
    return PlainTextResponse(text, status_code=421)
