"""The routes on which posts are judged: one post with its form, and how well posts are read."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from dashboard.actions import ActionRefused, Refusal
from dashboard.asked import form_of, words_of
from dashboard.facts import PageParts
from dashboard.post_page import PostAsked, PostPage, look_at
from dashboard.reading_page import READING, look_back
from dashboard.render import Notice, Templates
from dashboard.tagging import LOOK_BACK, of_district
from dashboard.words import Words
from runtime.metrics import QueryKind
from schemas.corrections import Correction
from storage.correcting import CorrectionRefused, CorrectionRequest, write_correction

TOPIC_FIELDS = ("topic", "topic2", "topic3")

T = TypeVar("T")


class Call(Protocol):
    """Runs what blocks on the store beside the page's other questions."""

    def __call__(self, work: Callable[[], T], kind: QueryKind = "page") -> Awaitable[T]: ...


class Judging:
    def __init__(self, parts: PageParts, templates: Templates, call: Call) -> None:
        self.parts, self.templates, self._call = parts, templates, call

    def routes(self) -> list[Route]:
        return [
            Route("/post", self.post),
            Route("/post", self.judge, methods=["POST"]),
            Route(READING, self.reading),
        ]

    async def post(self, request: Request) -> Response:
        return await self._page(asked_of(dict(request.query_params)), words_of(request))

    async def judge(self, request: Request) -> Response:
        words = words_of(request)
        try:
            form = await form_of(request)
        except ActionRefused as refused:
            html = self.templates.problem(refused.say(words), words, lost=True)
            return HTMLResponse(html, 403 if refused.refusal is Refusal.ORIGIN else 400)
        asked = asked_of(form)
        said = request_of(form, district=of_district(self.parts.config))
        try:
            await self._call(lambda: self._written(said), "action")
        except CorrectionRefused as refused:
            found = words(f"wrong_{refused.problem.value}", found=refused.found)
            notice = Notice(f"{words('refused_title')}：{found}", refused=True)
            return await self._page(asked, words, notice, said)
        return RedirectResponse(_place(asked.back, words), status_code=303)

    async def reading(self, request: Request) -> Response:
        words = words_of(request)
        done = request.query_params.get("done") == "judged"
        notice = Notice(words("done_judged"), refused=False) if done else None
        html = await self._call(
            lambda: self.templates.sheet(
                "reading.html", look_back(self.parts, words), words, notice
            )
        )
        return HTMLResponse(html)

    async def _page(
        self,
        asked: PostAsked,
        words: Words,
        notice: Notice | None = None,
        said: CorrectionRequest | None = None,
    ) -> Response:
        def shown() -> str | None:
            page: PostPage | None = look_at(self.parts, asked, words, said)
            return self.templates.sheet("post.html", page, words, notice) if page else None

        html = await self._call(shown)
        if html is None:
            text = words("post_gone")
            return HTMLResponse(self.templates.problem(text, words, lost=False), 404)
        return HTMLResponse(html, 400 if notice else 200)

    def _written(self, said: CorrectionRequest) -> Correction:
        topics = [topic.key for topic in self.parts.config.topics]
        return write_correction(self.parts.store, said, self.parts.clock, topics)


def asked_of(form: dict[str, str]) -> PostAsked:
    at = form.get("at", "")
    return PostAsked(
        source=form.get("source", ""),
        id=form.get("id", ""),
        at=int(at) if at.isdecimal() and len(at) < 15 else 0,
        back=form.get("back", "")[:200],
    )


def request_of(form: dict[str, str], *, district: bool) -> CorrectionRequest:
    """All of the labels, as they stood in the form when it was sent."""
    topics = [form.get(name, "") for name in TOPIC_FIELDS]
    return CorrectionRequest(
        source=form.get("source", ""),
        post_id=form.get("id", ""),
        operator=form.get("operator", ""),
        # Without a first topic the others have no order.
        topics=tuple(filter(None, topics)) if topics[0] else (),
        owed=form.get("owed", ""),
        danger="danger" in form,
        department=form.get("department", "") if district else None,
        note=form.get("note", ""),
    )


def _place(back: str, words: Words) -> str:
    query = urlencode({"lang": words.language, "done": "judged"})
    return f"{READING}?{query}" if back == LOOK_BACK else f"/?{query}#{quote(back)}"
