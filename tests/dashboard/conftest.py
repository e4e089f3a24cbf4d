"""An empty store, a filled one, and the page served over either."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from dashboard.app import PageParts, create_app
from dashboard.server import PageServer
from runtime.clock import ManualClock
from runtime.metrics import Metrics
from storage.migrate import migrate
from storage.store import Store
from tests.dashboard import town
from tests.stores import TABLES

TOKEN = "a-token-for-tests"


@dataclass(frozen=True)
class Served:
    """`get` and `post` as a browser on this machine; `parts` is what the page is made of."""

    http: httpx.Client
    parts: PageParts
    clock: ManualClock
    port: int

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def html(self, path: str = "/?lang=zh") -> str:
        answer = self.http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def judge(self, address: str, **form: str) -> httpx.Response:
        """The form of the page at `address`, sent by the page itself."""
        fields = {key: values[0] for key, values in parse_qs(urlsplit(address).query).items()}
        sent = {name: fields.get(name, "") for name in ("source", "id", "at", "back")}
        language = fields.get("lang", "zh")
        return self.http.post(
            f"/post?lang={language}", data={**sent, **form}, headers={"Origin": self.origin}
        )

    def act(self, matter_id: str, **form: str) -> httpx.Response:
        """A form sent by the page itself."""
        path = f"/matters/{matter_id}/actions"
        return self.http.post(path, data=form, headers={"Origin": self.origin})


@pytest.fixture(scope="package")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One for all tests here: opening chDB takes longer than most of them."""
    opened = Store(f"chdb://{tmp_path_factory.mktemp('page')}/store")
    migrate(opened)
    yield opened
    opened.close()


@pytest.fixture
def store(engine: Store) -> Store:
    for table in TABLES:
        engine.command("TRUNCATE TABLE {table:Identifier}", {"table": table})
    return engine


@pytest.fixture
def served(store: Store) -> Iterator[Served]:
    """The page over a store that has its tables and nothing in them."""
    clock = town.clock()
    parts = PageParts(
        store=store,
        config=town.town_config(),
        clock=clock,
        board=town.board(),
        metrics=Metrics(),
        token=TOKEN,
        demo=True,
    )
    server = PageServer(create_app(parts), "127.0.0.1", 0)
    server.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", trust_env=False) as http:
        yield Served(http, parts, clock, server.port)
    server.close()


@pytest.fixture
def morning(served: Served) -> Served:
    """The page on a busy morning of the town."""
    town.fill_posts(served.parts.store)
    town.fill_polls(served.parts.store)
    town.fill_matters(served.parts.store)
    return served
