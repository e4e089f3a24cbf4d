"""ClickHouse's HTTP interface over the embedded store, read-only: its own clients connect to it.

Requests in, rows in any of ClickHouse's formats out. server.py serves it on a port of its own.
"""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from dashboard.guard import host_is_allowed
from dashboard.sql_replies import (
    AUTH,
    DENIED,
    READONLY,
    TOO_MANY,
    Failure,
    Pieces,
    media_type,
)
from dashboard.sql_request import Asked, ask_of, has_password
from dashboard.sql_settings import SettingRefused, settings_of
from runtime.clock import stopwatch
from storage.asking import AskFailed, Question, answer, end_all
from storage.readonly import SqlRefused, Statement, read_statement
from storage.store import Store

AT_ONCE = 4
WAIT_SECONDS = 5
FORMS = "SELECT name FROM system.formats WHERE is_output"
DEFAULT_FORM = "TabSeparated"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-ClickHouse-Server-Display-Name": "huisheng",
}


@dataclass(frozen=True)
class SqlParts:
    """`end_all` ends what runs. `host` is listened on. `forms`: the engine's, by lower case."""

    ask: Callable[[Question], Iterator[bytes]]
    end_all: Callable[[], None]
    token: str
    host: str
    timezone: str
    forms: Mapping[str, str]


def sql_parts(store: Store, token: str, host: str) -> SqlParts:
    ((timezone,),) = store.rows("SELECT timezone()")
    names = [str(name) for (name,) in store.rows(FORMS)]
    return SqlParts(
        ask=lambda question: answer(store.place, question),
        end_all=lambda: end_all(store.place),
        token=token,
        host=host,
        timezone=str(timezone),
        forms={name.lower(): name for name in names},
    )


class Endpoint:
    def __init__(self, parts: SqlParts) -> None:
        self.parts = parts
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="sql")
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def close(self) -> None:
        await asyncio.to_thread(self.parts.end_all)
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def ping(self, _request: Request) -> Response:
        return PlainTextResponse("Ok.\n")

    async def ask(self, request: Request) -> Response:
        headers = {
            **HEADERS,
            "X-ClickHouse-Query-Id": _query_id(request),
            "X-ClickHouse-Timezone": self.parts.timezone,
        }
        found = request.headers.get("host", "")
        if not host_is_allowed(found, self.parts.host):
            text = (
                f"Host: {found[:80]!r} is not this endpoint's name; use localhost, or set sql.host"
            )
            return PlainTextResponse(f"{text}\n", status_code=421)
        if request.method == "GET" and not request.query_params:
            return PlainTextResponse("Ok.\n", headers=headers)
        try:
            return await self._answered(request, headers)
        except Failure as failure:
            return failure.reply(headers)

    async def _answered(self, request: Request, headers: dict[str, str]) -> Response:
        if not has_password(request, self.parts.token):
            text = "Authentication failed: the password is the token of the SQL endpoint"
            raise Failure(AUTH, "AUTHENTICATION_FAILED", text)
        asked = await ask_of(request)
        question = self._question(asked)
        headers["X-ClickHouse-Format"] = question.form
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._slots.acquire()
        except TimeoutError as error:
            text = f"{AT_ONCE} other questions are being answered; ask again in a moment"
            raise Failure(TOO_MANY, "TOO_MANY_SIMULTANEOUS_QUERIES", text) from error
        with contextlib.ExitStack() as stack:
            stack.callback(self._slots.release)
            pieces = self.parts.ask(question)
            stack.callback(_closed, pieces)
            response = await self._first(question, pieces, headers)
            if isinstance(response, Pieces):
                response.held = stack.pop_all()
            return response

    async def _first(
        self, question: Question, pieces: Iterator[bytes], headers: dict[str, str]
    ) -> Response:
        """The whole answer, or its head with the pieces to come: most errors show before it."""
        began = stopwatch()
        first = await self._next(pieces)
        kind = media_type(question.form)
        if question.streamed and first is not None:
            return Pieces(first, lambda: self._next(pieces), headers, kind)
        body = first or b""
        summary = {
            "result_bytes": str(len(body)),
            "elapsed_ns": str(int((stopwatch() - began) * 1e9)),
        }
        headers["X-ClickHouse-Summary"] = msgspec.json.encode(summary).decode()
        return Response(body, headers=headers, media_type=kind)

    async def _next(self, pieces: Iterator[bytes]) -> bytes | None:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._pool, next, pieces, None)
        except AskFailed as error:
            raise Failure(error.code, "", str(error)) from error

    def _question(self, asked: Asked) -> Question:
        statement = _read(asked)
        wanted = statement.form or asked.form or DEFAULT_FORM
        form = self.parts.forms.get(wanted.lower())
        if form is None:
            raise Failure(73, "UNKNOWN_FORMAT", f"Unknown format {wanted[:60]}")
        first = statement.text.lstrip("( \t\r\n")[:6].lower()
        bare = Question(
            statement.text,
            form,
            params=asked.params,
            in_pieces=first.startswith(("select", "with", "from")),
            may_list_settings=statement.lists_settings,
        )
        try:
            settings = settings_of(asked.settings, bare.limits)
        except SettingRefused as error:
            raise Failure(READONLY, "READONLY", str(error)) from error
        return Question(
            bare.sql, form, asked.params, settings, bare.in_pieces, bare.may_list_settings
        )


def _closed(pieces: Iterator[bytes]) -> None:
    """Lets the engine's handle go; one that is still at work goes when that is done."""
    if isinstance(pieces, Generator):
        with contextlib.suppress(ValueError):
            pieces.close()


def _read(asked: Asked) -> Statement:
    try:
        return read_statement(asked.sql, asked.params)
    except SqlRefused as error:
        raise Failure(DENIED, "ACCESS_DENIED", str(error)) from error


def _query_id(request: Request) -> str:
    given = request.query_params.get("query_id", "")
    return given if given.isascii() and given.isprintable() and given else str(uuid.uuid4())


def create_sql_app(parts: SqlParts) -> Starlette:
    endpoint = Endpoint(parts)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await endpoint.close()

    return Starlette(
        routes=[
            Route("/ping", endpoint.ping),
            Route("/", endpoint.ask, methods=["GET", "POST"]),
        ],
        lifespan=lifespan,
    )
