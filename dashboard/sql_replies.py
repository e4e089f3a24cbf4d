"""What the SQL endpoint answers with, in the words and codes that ClickHouse's clients know."""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from string import ascii_lowercase

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

READ_SECONDS = 20
TEXT = "text/plain; charset=UTF-8"
_TYPES = (
    (re.compile(r"JSON(EachRow|Lines|CompactEachRow)\w*|NDJSON"), "application/x-ndjson"),
    (re.compile(r"JSON\w*"), "application/json; charset=UTF-8"),
    (re.compile(r"CSVWithNames\w*"), "text/csv; charset=UTF-8; header=present"),
    (re.compile(r"CSV"), "text/csv; charset=UTF-8; header=absent"),
    (re.compile(r"(TSV|TabSeparated)\w*"), "text/tab-separated-values; charset=UTF-8"),
    (re.compile(r"(Pretty|Vertical|Values|Markdown|SQLInsert)\w*"), TEXT),
    (re.compile(r"XML"), "application/xml; charset=UTF-8"),
)
READONLY, TOO_MANY, DENIED, AUTH = 164, 202, 497, 516
# As a server answers; all other codes are 500.
STATUS = {
    **dict.fromkeys(
        (6, 26, 27, 36, 38, 41, 42, 43, 50, 53, 62, 63, 69, 70, 72, 153, 456, 457), 400
    ),
    **dict.fromkeys((46, 47, 60, 73, 81, 115), 404),
    **dict.fromkeys((497,), 403),
    159: 408,
    202: 503,
    516: 401,
}


@dataclass(frozen=True)
class Failure(Exception):
    """An answer that is an error; `name` is ClickHouse's for the code."""

    code: int
    name: str
    text: str

    @property
    def words(self) -> str:
        if self.text.startswith("Code: "):
            return self.text
        return f"Code: {self.code}. DB::Exception: {self.text}. ({self.name})"

    def reply(self, headers: dict[str, str]) -> Response:
        status = STATUS.get(self.code, 500)
        more = {"X-ClickHouse-Exception-Code": str(self.code)}
        # No WWW-Authenticate: browsers would keep the password and send it for any site.
        if status == 503:
            more["Retry-After"] = "1"
        body = f"{self.words}\n"
        return Response(body, status, headers={**headers, **more}, media_type=TEXT)


def media_type(form: str) -> str:
    return next(
        (kind for pattern, kind in _TYPES if pattern.fullmatch(form)), "application/octet-stream"
    )


def late_failure(failure: Failure, tag: str) -> bytes:
    """The end of an answer whose head is sent already, as clients look for it."""
    words = f"{failure.words}\n"
    length = len(words.encode())
    return f"\r\n__exception__\r\n{tag}\r\n{words}{length} {tag}\r\n__exception__\r\n".encode()


class Pieces(Response):
    """An answer that is passed on as it comes; `held` is let go when it ends, however it does.

    A failure after the head is told as the last piece, and the connection is cut.
    """

    def __init__(
        self,
        first: bytes,
        following: Callable[[], Awaitable[bytes | None]],
        headers: dict[str, str],
        kind: str,
    ) -> None:
        self._tag = "".join(secrets.choice(ascii_lowercase) for _ in range(16))
        super().__init__(
            headers={**headers, "X-ClickHouse-Exception-Tag": self._tag}, media_type=kind
        )
        del self.headers["content-length"]
        self.first, self.following = first, following
        self.held = ExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        with self.held:
            await send(start)
            with suppress(TimeoutError):
                await self._send_all(Request(scope, receive), send)

    async def _send_all(self, request: Request, send: Send) -> None:
        piece: bytes | None = self.first
        while piece is not None and not await request.is_disconnected():
            await _sent(piece, send)
            try:
                piece = await self.following()
            except Failure as failure:
                await _sent(late_failure(failure, self._tag), send)
                return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _sent(piece: bytes, send: Send) -> None:
    """Raises TimeoutError when the client stops reading: it holds a place that others wait for."""
    async with asyncio.timeout(READ_SECONDS):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
