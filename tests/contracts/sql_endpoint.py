"""The SQL endpoint over a store with a few posts, and what those rows are to the store itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dashboard.clickhouse_http import create_sql_app, sql_parts
from dashboard.server import PageServer
from schemas.posts import Owed
from storage.counts import recount
from storage.posts import insert_posts
from storage.store import Store
from tests.made import START, minutes, raw_post, tagged
from tests.stores import TABLES

TOKEN = "a-token-for-clients"
POSTS = 50


@dataclass(frozen=True)
class Endpoint:
    port: int
    store: Store

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


@contextmanager
def sql_endpoint(store: Store) -> Iterator[Endpoint]:
    for table in TABLES:
        store.command(f"TRUNCATE TABLE {table}")
    fill(store)
    server = PageServer(create_sql_app(sql_parts(store, TOKEN, "127.0.0.1")), "127.0.0.1", 0)
    server.start()
    try:
        yield Endpoint(server.port, store)
    finally:
        server.close()


def fill(store: Store) -> None:
    posts = [
        tagged(
            raw_post(
                f"帖{n}", START + minutes(n), updated_at=START + minutes(n + 1) if n % 2 else None
            ),
            topics=("fees", "exams") if n % 3 else (),
            units=("第一小学",) if n % 2 else (),
            owed=Owed.COMPLAINT if n % 2 else Owed.MENTION,
        )
        for n in range(POSTS)
    ]
    insert_posts(store, posts)
    recount(store)
