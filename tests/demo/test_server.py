"""The town's HTTP server over a hand-driven clock: growth, 304 and 404."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPConnection

import pytest

from demo.feeds import FEEDS
from demo.server import TownServer
from demo.town import load_town
from runtime.clock import SHANGHAI, ManualClock

START = datetime(2026, 11, 21, tzinfo=SHANGHAI)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    def __init__(self) -> None:
        self.clock = ManualClock(START + timedelta(hours=6))
        self.server = TownServer(load_town(), self.clock, START)

    def get(self, path: str, **headers: str) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request("GET", path, headers=named)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()


@pytest.fixture
def town() -> Iterator[Client]:
    client = Client()
    yield client
    client.server.close()


def test_every_source_answers_with_a_document(town: Client) -> None:
    town.clock.advance(timedelta(hours=6))
    for source in FEEDS:
        answer = town.get(f"/feeds/{source}")
        assert answer.status == 200
        assert len(answer.body) == int(answer.headers["Content-Length"]) > 200
        assert answer.headers["Content-Type"].startswith(("text/xml", "application/"))


def test_what_is_due_is_published(town: Client) -> None:
    before = town.get("/feeds/bbs-jiazhang").body.decode()
    town.clock.advance(timedelta(hours=6))
    after = town.get("/feeds/bbs-jiazhang").body.decode()
    assert "孩子肚子疼" not in before
    assert "有没有一小的家长，孩子肚子疼" in after
    assert after.count("<item>") > before.count("<item>")


def test_an_unchanged_feed_answers_304_to_its_tag_and_to_its_date(town: Client) -> None:
    first = town.get("/feeds/tv")
    town.clock.advance(timedelta(minutes=15))
    by_tag = town.get("/feeds/tv", If_None_Match=first.headers["ETag"])
    by_date = town.get("/feeds/tv", If_Modified_Since=first.headers["Last-Modified"])
    assert (by_tag.status, by_date.status) == (304, 304)
    assert by_tag.body == by_date.body == b""
    assert by_tag.headers["ETag"] == first.headers["ETag"]


def test_new_replies_or_posts_change_tag_and_date(town: Client) -> None:
    first = town.get("/feeds/qhmama")
    town.clock.advance(timedelta(hours=8))
    tag, date = first.headers["ETag"], first.headers["Last-Modified"]
    by_tag, by_date = (
        town.get("/feeds/qhmama", If_None_Match=tag),
        town.get("/feeds/qhmama", If_Modified_Since=date),
    )
    assert (by_tag.status, by_date.status) == (200, 200)
    assert by_tag.headers["ETag"] != tag


def test_a_date_that_cannot_be_read_gets_the_document(town: Client) -> None:
    assert town.get("/feeds/tv", If_Modified_Since="昨天".encode().hex()).status == 200


def test_elsewhere_is_404_and_says_what_there_is(town: Client) -> None:
    for path in ("/", "/robots.txt", "/feeds/nothing"):
        answer = town.get(path)
        assert answer.status == 404
        assert f"这里没有 {path}" in answer.body.decode()
        assert "/feeds/tv" in answer.body.decode()


def test_another_start_has_other_tags(town: Client) -> None:
    later = START + timedelta(days=1)
    other = TownServer(load_town(), ManualClock(later + timedelta(hours=6)), later)
    try:
        tag = town.get("/feeds/tv").headers["ETag"]
        connection = HTTPConnection("127.0.0.1", other.port, timeout=10)
        connection.request("GET", "/feeds/tv", headers={"If-None-Match": tag})
        assert connection.getresponse().status == 200
        connection.close()
    finally:
        other.close()
