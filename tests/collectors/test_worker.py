"""The collector over scripted sites and the memory log: order, kills, edits, numbers, failures."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bus.log import ENGAGEMENT, POLLS, POSTS, Entry, Log
from bus.memory_log import MemoryLog
from collectors.answers import Answer, Ask, ScriptedFetcher
from collectors.holdings import AllMine
from collectors.state import State
from collectors.worker import Collector, Parts
from runtime.clock import ManualClock
from runtime.config import DataSettings, Settings, Source
from runtime.errors import RetryLater
from schemas.codec import decode
from schemas.posts import Engagement, Poll, PollOutcome, RawPost, SourceKind
from tests.collectors.documents import NOW, item, published, rss

URL = "https://bbs.example.cn/feed.xml"
YESTERDAY = published("Fri, 20 Nov 2026 08:00:00 +0800")


def source(name: str = "tieba", url: str = URL) -> Source:
    return Source(id=name, name=name, kind=SourceKind.FORUM, url=url)


def messages(log: Log, stream: str) -> list[RawPost | Engagement | Poll]:
    reader = log.reader(f"test-{stream}-{id(object())}", [stream])
    return [decode(record.value) for record in reader.poll(10_000, 0)]


def posts(log: Log) -> list[RawPost]:
    return [message for message in messages(log, POSTS) if isinstance(message, RawPost)]


def polls(log: Log) -> list[Poll]:
    return [message for message in messages(log, POLLS) if isinstance(message, Poll)]


def numbers(log: Log) -> list[tuple[int | None, int | None]]:
    found = messages(log, ENGAGEMENT)
    return [(each.replies, each.views) for each in found if isinstance(each, Engagement)]


class Town:
    """One collector over sites that a test sets by address."""

    def __init__(self, folder: Path, *sources: Source) -> None:
        self.folder = folder
        self.sources = sources or (source(),)
        self.clock = ManualClock(NOW)
        self.log: Log = MemoryLog(clock=self.clock)
        self.sites: dict[str, Answer | bytes] = {}
        self.fetcher = ScriptedFetcher(self._answer)
        self.settings = Settings(data=DataSettings(dir=folder, retention_days=90))
        self.start()

    def _answer(self, ask: Ask) -> Answer:
        site = self.sites.get(ask.url, b"")
        if isinstance(site, Answer):
            return replace(site, url=ask.url)
        return Answer(PollOutcome.OK, ask.url, 200, site, etag="e1", last_modified="m1")

    def start(self) -> None:
        self.state = State(self.folder / "collector.sqlite")
        holdings = AllMine(self.sources, self.log, self.state)
        parts = Parts(self.settings, holdings, self.clock, self.fetcher)
        self.collector = Collector(parts)

    def restart(self) -> None:
        self.state.close()
        self.start()

    def poll(self, *items: str, later: timedelta = timedelta(minutes=12)) -> None:
        self.sites[URL] = rss(*items)
        self.clock.advance(later)
        self.collector.run_once()


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def test_a_new_post_is_published_once(town: Town) -> None:
    town.poll(item(1, extra=YESTERDAY))
    town.poll(item(1, extra=YESTERDAY), item(2))
    first, second = posts(town.log)
    assert (first.title, first.source) == ("食堂饭菜涨价", "tieba")
    assert first.counted_at == first.published_at == NOW.replace(day=20, hour=0)
    assert first.seen_at == first.counted_at, "history is taken as seen when it was published"
    assert second.counted_at == second.seen_at == NOW + timedelta(minutes=24)
    assert [(poll.listed, poll.new, poll.outcome) for poll in polls(town.log)] == [
        (1, 1, PollOutcome.OK),
        (2, 1, PollOutcome.OK),
    ]


def test_undated_history_counts_a_day_back_and_future_dates_now(town: Town) -> None:
    town.poll(item(1), item(2, extra=published("2027-01-01 08:00")))
    undated, future = posts(town.log)
    assert undated.counted_at == undated.seen_at == NOW + timedelta(minutes=12, days=-1)
    assert future.counted_at == future.seen_at


def test_an_edit_is_published_again_under_the_same_time(town: Town) -> None:
    town.poll(item(1))
    town.poll(item(1, "改过的标题"))
    town.poll(item(1, "改过的标题"))
    first, second = posts(town.log)
    assert (first.id, first.counted_at, first.seen_at) == (
        second.id,
        second.counted_at,
        second.seen_at,
    )
    assert second.title == "改过的标题"


def test_numbers_are_published_at_first_sight_and_when_they_change(town: Town) -> None:
    for replies in (3, 3, 8):
        town.poll(item(1, extra=f"<slash:comments>{replies}</slash:comments>"))
    assert numbers(town.log) == [(3, None), (8, None)]
    assert [post.replies for post in posts(town.log)] == [3]


def test_posts_older_than_the_retention_are_not_published(town: Town) -> None:
    town.poll(item(1, extra=published("2026-01-01 08:00")), item(2))
    assert len(posts(town.log)) == 1
    assert polls(town.log)[0].listed == 2


def test_the_next_request_is_conditional_and_unchanged_is_covered(town: Town) -> None:
    town.poll(item(1))
    town.sites[URL] = Answer(PollOutcome.NOT_MODIFIED, URL, 304)
    town.clock.advance(timedelta(minutes=12))
    town.collector.run_once()
    assert town.fetcher.asked == [Ask(URL), Ask(URL, "e1", "m1")]
    assert polls(town.log)[-1].outcome is PollOutcome.NOT_MODIFIED
    assert town.collector.run_once() == 0


def test_what_is_still_listed_is_never_forgotten(town: Town) -> None:
    town.poll(item(1), item(2))
    town.sites[URL] = Answer(PollOutcome.NOT_MODIFIED, URL, 304)
    for _ in range(4):
        town.clock.advance(timedelta(days=30))
        town.collector.run_once()
    town.poll(item(1))
    town.poll(item(1), later=timedelta(days=91))
    assert len(posts(town.log)) == 2
    # The second was off the list for longer than the retention: known no more.
    assert len(town.state.sightings("tieba", [post.id for post in posts(town.log)])) == 1


@pytest.mark.parametrize(
    ("site", "outcome", "words"),
    [
        (b"<html><title>x</title></html>", PollOutcome.NOT_A_FEED, "HTML page"),
        (Answer(PollOutcome.TIMEOUT, "", message="slow: later"), PollOutcome.TIMEOUT, "slow"),
        (Answer(PollOutcome.HTTP_ERROR, "", 404, message="gone"), PollOutcome.HTTP_ERROR, "gone"),
    ],
)
def test_a_failing_source_says_so_and_does_not_stop_the_others(
    tmp_path: Path, site: bytes | Answer, outcome: PollOutcome, words: str
) -> None:
    town = Town(tmp_path, source("bad", "https://bad.example.cn/"), source())
    town.sites["https://bad.example.cn/"] = site
    town.poll(item(1))
    assert len(posts(town.log)) == 1
    record = next(poll for poll in polls(town.log) if poll.source == "bad")
    assert (record.outcome, record.listed, words in record.message) == (outcome, 0, True)
    bad, good = town.collector.health()
    assert bad.failures > 0
    assert bad.next_check
    assert good.next_check
    assert bad.next_check > good.next_check
    assert (good.outcome, words in bad.message) == (PollOutcome.OK, True)


class FailingLog:
    """The memory log, away for the publishes that a test names."""

    def __init__(self, inner: Log, fails: Callable[[str], bool]) -> None:
        self.inner, self.fails = inner, fails
        self.reader, self.scan, self.share = inner.reader, inner.scan, inner.share
        self.trim, self.close = inner.trim, inner.close

    def publish(self, stream: str, entries: Sequence[Entry]) -> None:
        if self.fails(stream):
            raise RetryLater
        self.inner.publish(stream, entries)


def test_while_the_bus_is_away_nothing_is_lost_and_no_site_is_asked_twice(tmp_path: Path) -> None:
    town = Town(tmp_path, source(), source("other", "https://other.example.cn/"))
    town.sites["https://other.example.cn/"] = rss(item(5))
    away = True
    town.log = FailingLog(town.log, lambda _: away)
    town.restart()
    with pytest.raises(RetryLater):
        town.poll(item(1))
    with pytest.raises(RetryLater):
        town.collector.run_once()
    away = False
    town.collector.run_once()
    assert len(posts(town.log)) == 2
    assert len(town.fetcher.asked) == 2


@pytest.mark.parametrize("stream", [POSTS, ENGAGEMENT, POLLS])
def test_a_kill_between_two_steps_loses_nothing_and_changes_no_time(
    tmp_path: Path, stream: str
) -> None:
    town = Town(tmp_path)
    kept = town.log
    town.log = FailingLog(kept, lambda name: name == stream)
    town.restart()
    entry = item(1, extra="<slash:comments>3</slash:comments>")
    with pytest.raises(RetryLater):
        town.poll(entry)
    town.log = kept
    town.restart()
    town.poll(entry)
    found = posts(kept)
    assert len(found) in (1, 2)
    assert len({(post.id, post.counted_at, post.seen_at) for post in found}) == 1
    assert found[0].seen_at == NOW + timedelta(minutes=12, days=-1)
    assert set(numbers(kept)) == {(3, None)}
    town.poll(entry)
    assert len(posts(kept)) == len(found)


def test_state_outlives_a_restart(town: Town) -> None:
    town.poll(item(1))
    town.restart()
    assert town.collector.run_once() == 0
    town.poll(item(1))
    assert len(posts(town.log)) == 1
    assert town.fetcher.asked[-1] == Ask(URL, "e1", "m1")


def test_a_post_without_an_address_belongs_to_its_sources_site(town: Town) -> None:
    town.poll("<item><title>甲</title></item>")
    assert posts(town.log)[0].url == "https://bbs.example.cn/"


def test_run_goes_on_until_it_is_stopped(town: Town) -> None:
    stop = threading.Event()

    def answer(ask: Ask) -> Answer:
        if len(town.fetcher.asked) == 3:
            stop.set()
        return Answer(PollOutcome.OK, ask.url, 200, rss(item(1)))

    town.fetcher.reply = answer
    town.collector.run(stop)
    assert len(town.fetcher.asked) == 3
    assert town.clock.now() >= NOW + timedelta(minutes=20)


def test_sources_of_one_host_are_asked_one_after_the_other(tmp_path: Path) -> None:
    town = Town(tmp_path, *[source(f"s{n}", f"https://bbs.example.cn/{n}") for n in range(4)])
    inside = threading.Semaphore(1)

    def answer(ask: Ask) -> Answer:
        assert inside.acquire(blocking=False)
        inside.release()
        return Answer(PollOutcome.OK, ask.url, 200, rss(item(1)))

    town.fetcher.reply = answer
    assert town.collector.run_once() == 4
    assert len(polls(town.log)) == 4


def test_in_a_long_round_each_source_that_was_told_says_that_it_goes_well(tmp_path: Path) -> None:
    town = Town(tmp_path, *[source(f"s{n}", f"https://bbs.example.cn/{n}") for n in range(3)])
    told = []

    def answer(ask: Ask) -> Answer:
        told.append(town.collector.stage_health().ok_at)
        town.clock.advance(timedelta(minutes=1))
        return Answer(PollOutcome.OK, ask.url, 200, rss(item(1)))

    town.fetcher.reply = answer
    town.collector.run_once()
    assert told == [None, NOW + timedelta(minutes=1), NOW + timedelta(minutes=2)]
