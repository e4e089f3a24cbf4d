"""The routes of the page: requests in, HTML, JSON or text out. server.py serves what is made here.

Store calls run on a few threads of the app's own, since each thread keeps a handle of the store.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from urllib.parse import urlencode

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from dashboard.actions import ActionRefused, ActionRequest, Refusal, record
from dashboard.asked import FORM_BYTES, form_of, words_of
from dashboard.facts import PageParts as PageParts
from dashboard.facts import gather
from dashboard.guard import Guard, TooLarge, has_token, read_body
from dashboard.judging import Judging
from dashboard.orders import Orders
from dashboard.pages import build
from dashboard.render import Notice, Templates
from dashboard.sql import answer
from dashboard.status import status
from runtime.errors import RetryLater
from runtime.metrics import QueryKind
from runtime.probes import PATHS
from schemas.matters import Action, ActionKind
from storage.store import StoreError

STORE_THREADS = 4
SQL_BYTES = 1_000_000
# What was recorded, as the address says it after a form.
DONE = (*ActionKind, "judged")
NO_TOKEN = "the token is missing or wrong; send `Authorization: Bearer …` from the run file\n"

T = TypeVar("T")


class Desk:
    """What the routes share."""

    def __init__(self, parts: PageParts) -> None:
        self.parts = parts
        self.templates = Templates()
        self._pool = ThreadPoolExecutor(STORE_THREADS, thread_name_prefix="page")

    async def call(self, work: Callable[[], T], kind: QueryKind = "page") -> T:
        with self.parts.metrics.query_seconds.labels(kind).time():
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def page(self, request: Request) -> Response:
        done = request.query_params.get("done")
        if done in DONE:
            notice = Notice(words_of(request)(f"done_{done}"), refused=False)
            return await self._whole(request, notice)
        if "fragment" not in request.query_params:
            return await self._whole(request, None)
        words = words_of(request)
        return HTMLResponse(
            await self.call(
                lambda: self.templates.fragment(build(gather(self.parts), words), words)
            )
        )

    async def _whole(self, request: Request, notice: Notice | None, code: int = 200) -> Response:
        words = words_of(request)
        html = await self.call(
            lambda: self.templates.page(build(gather(self.parts), words), words, notice)
        )
        return HTMLResponse(html, status_code=code)

    async def act(self, request: Request) -> Response:
        words = words_of(request)
        try:
            asked = await _asked(request)
            action = await self.call(self._recorder(asked), "action")
        except ActionRefused as refused:
            notice = Notice(f"{words('refused_title')}：{refused.say(words)}", refused=True)
            code = 403 if refused.refusal is Refusal.ORIGIN else 400
            return await self._whole(request, notice, code)
        query = urlencode({"lang": words.language, "done": action.kind.value})
        return RedirectResponse(f"/?{query}#{action.matter_id}", status_code=303)

    def _recorder(self, asked: ActionRequest) -> Callable[[], Action]:
        return lambda: record(self.parts.store, self.parts.clock, asked)

    async def act_by_token(self, request: Request) -> Response:
        """The same action from the command line, which holds the process's token."""
        if not has_token(request.headers, self.parts.token):
            return PlainTextResponse(NO_TOKEN, status_code=401)
        try:
            asked = msgspec.json.decode(await read_body(request, FORM_BYTES), type=ActionRequest)
            await self.call(self._recorder(asked), "action")
        except (ActionRefused, TooLarge, msgspec.DecodeError) as error:
            return PlainTextResponse(f"act: {error}\n", status_code=400)
        return PlainTextResponse("ok\n")

    async def sql(self, request: Request) -> Response:
        if not has_token(request.headers, self.parts.token):
            return PlainTextResponse(NO_TOKEN, status_code=401)
        try:
            body = await read_body(request, SQL_BYTES)
        except TooLarge:
            text = f"the request is larger than {SQL_BYTES} bytes; shorten the statement\n"
            return PlainTextResponse(text, status_code=413)
        with self.parts.metrics.query_seconds.labels("sql").time():
            return await asyncio.to_thread(answer, self.parts.store, body)

    async def status(self, request: Request) -> Response:
        if not has_token(request.headers, self.parts.token):
            return PlainTextResponse(NO_TOKEN, status_code=401)
        found = await self.call(lambda: status(self.parts))
        return Response(msgspec.json.encode(found), media_type="application/json")

    async def probe(self, request: Request) -> Response:
        found = self.parts.probes.answer(request.url.path)
        assert found is not None
        return Response(found.body, found.code, media_type=found.media)

    async def store_away(self, request: Request, error: Exception) -> Response:
        text = words_of(request)("store_away", found=error)
        return self._problem(request, text, 503)

    async def store_failed(self, request: Request, error: Exception) -> Response:
        text = words_of(request)("store_failed", found=error)
        return self._problem(request, text, 500)

    def _problem(self, request: Request, text: str, code: int) -> Response:
        if request.url.path == "/status.json":
            return PlainTextResponse(f"{text}\n", status_code=code)
        lost = request.method == "POST"
        html = self.templates.problem(text, words_of(request), lost=lost)
        return HTMLResponse(html, status_code=code)


class KeptFiles(StaticFiles):
    """Files whose address changes with their content."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def create_app(parts: PageParts) -> Starlette:
    desk = Desk(parts)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await desk.close()

    return Starlette(
        routes=[
            Route("/", desk.page),
            Route("/matters/{matter_id}/actions", desk.act, methods=["POST"]),
            Route("/act", desk.act_by_token, methods=["POST"]),
            *Orders(parts, desk.call).routes(),
            *Judging(parts, desk.templates, desk.call).routes(),
            Route("/sql", desk.sql, methods=["POST"]),
            Route("/status.json", desk.status),
            *(Route(path, desk.probe) for path in PATHS),
            Route("/favicon.ico", no_icon),
            Mount("/static", KeptFiles(packages=[("dashboard", "static")])),
        ],
        middleware=[Middleware(Guard, bound=parts.config.settings.page.host)],
        exception_handlers={RetryLater: desk.store_away, StoreError: desk.store_failed},
        lifespan=lifespan,
    )


async def no_icon(_request: Request) -> Response:
    """Browsers ask on their own; 204 keeps a 404 out of their consoles."""
    return Response(status_code=204)


async def _asked(request: Request) -> ActionRequest:
    form = await form_of(request)
    return ActionRequest(
        matter_id=request.path_params["matter_id"],
        kind=form.get("kind", ""),
        operator=form.get("operator", ""),
        note=form.get("note", ""),
    )
