"""What the command line has the running process do, by its token: corrections and a retag.

The embedded store admits one process, so that one does the work and tells how far it has come.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from dashboard.facts import PageParts
from dashboard.guard import TooLarge, has_token, read_body
from runtime.errors import ConfigError
from schemas.corrections import Correction
from storage.correcting import CorrectionRefused, CorrectionRequest, write_correction
from storage.retagging import RetagRequest

BODY_BYTES = 20_000
NO_TOKEN = "the token is missing or wrong; send `Authorization: Bearer …` from the run file\n"
NO_RETAG = "retag: this process does none; run `huisheng retag` where the settings are\n"

T = TypeVar("T")
# Runs what blocks on the store beside the page's own questions.
Call = Callable[[Callable[[], Correction]], Awaitable[Correction]]


class Orders:
    def __init__(self, parts: PageParts, call: Call) -> None:
        self.parts, self._call = parts, call

    def routes(self) -> list[Route]:
        return [
            Route("/correct", self.correct, methods=["POST"]),
            Route("/retag", self.start_retag, methods=["POST"]),
            Route("/retag", self.retag_report, methods=["GET"]),
        ]

    async def correct(self, request: Request) -> Response:
        if not has_token(request.headers, self.parts.token):
            return PlainTextResponse(NO_TOKEN, status_code=401)
        topics = [topic.key for topic in self.parts.config.topics]
        try:
            asked = await _body(request, CorrectionRequest)
            await self._call(
                lambda: write_correction(self.parts.store, asked, self.parts.clock, topics)
            )
        except (CorrectionRefused, TooLarge, msgspec.DecodeError) as error:
            return PlainTextResponse(f"correct: {error}\n", status_code=400)
        return PlainTextResponse("ok\n")

    async def start_retag(self, request: Request) -> Response:
        if not has_token(request.headers, self.parts.token):
            return PlainTextResponse(NO_TOKEN, status_code=401)
        if self.parts.retagging is None:
            return PlainTextResponse(NO_RETAG, status_code=404)
        try:
            self.parts.retagging.start(await _body(request, RetagRequest))
        except (ConfigError, TooLarge, msgspec.DecodeError) as error:
            return PlainTextResponse(f"retag: {error}\n", status_code=400)
        return PlainTextResponse("ok\n", status_code=202)

    async def retag_report(self, request: Request) -> Response:
        if not has_token(request.headers, self.parts.token):
            return PlainTextResponse(NO_TOKEN, status_code=401)
        found = self.parts.retagging.report() if self.parts.retagging else None
        if found is None:
            return PlainTextResponse("retag: none was run since the start\n", status_code=404)
        return Response(msgspec.json.encode(found), media_type="application/json")


async def _body(request: Request, kind: type[T]) -> T:
    return msgspec.json.decode(await read_body(request, BODY_BYTES), type=kind)
