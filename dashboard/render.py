"""Views to HTML by the templates beside this file; everything printed is escaped."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from dashboard.pages import Page
from dashboard.post_page import PostPage
from dashboard.reading_page import ReadingPage
from dashboard.words import Words

REFRESH_SECONDS = 5
REFRESH_WITHOUT_SCRIPT_SECONDS = 30
ASSETS = ("page.css", "page.js", "echarts.common.min.js")


@dataclass(frozen=True)
class Notice:
    """What the page says above everything: that an action was recorded, or why not."""

    text: str
    refused: bool


class Templates:
    def __init__(self) -> None:
        self._environment = Environment(
            loader=PackageLoader("dashboard"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals["assets"] = dict(_versioned(ASSETS))

    def page(self, page: Page, words: Words, notice: Notice | None) -> str:
        return self._environment.get_template("page.html").render(
            page=page,
            w=words,
            notice=notice,
            refresh=REFRESH_SECONDS,
            refresh_without_script=REFRESH_WITHOUT_SCRIPT_SECONDS,
        )

    def fragment(self, page: Page, words: Words) -> str:
        return self._environment.get_template("live.html").render(page=page, w=words)

    def sheet(
        self, name: str, page: PostPage | ReadingPage, words: Words, notice: Notice | None
    ) -> str:
        """A page of its own, which does not renew itself: nothing typed there gets lost."""
        return self._environment.get_template(name).render(page=page, w=words, notice=notice)

    def problem(self, text: str, words: Words, *, lost: bool) -> str:
        """`lost`: an action was not recorded, so the page waits for the operator to go back."""
        template = self._environment.get_template("problem.html")
        return template.render(text=text, w=words, lost=lost)


def _versioned(names: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Addresses that change with the file, so that browsers may keep it for ever."""
    for name in names:
        data = files("dashboard").joinpath("static", name).read_bytes()
        yield name, f"/static/{name}?v={sha256(data).hexdigest()[:12]}"
