"""Several collectors on one memory log, and sites that note who asked them."""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from bus.log import POLLS, POSTS, SOURCES, Entry, Record, partition_of
from bus.memory_log import MemoryLog, MemoryShare
from collectors.answers import Answer, Ask
from collectors.holdings import Dealt
from collectors.state import State
from collectors.worker import Collector, Parts
from runtime.clock import ManualClock
from runtime.config import DataSettings, Settings, Source
from runtime.errors import RetryLater
from schemas.codec import decode
from schemas.posts import PollOutcome, RawPost, SourceKind
from tests.collectors.documents import NOW, item, rss

RETENTION_DAYS = 90
LATER = timedelta(minutes=12)


def source(name: str) -> Source:
    return Source(id=name, name=name, kind=SourceKind.FORUM, url=f"https://{name}.example.cn/rss")


class FaultyShare:
    """A share whose publish is uncertain as `fate` says: None is certain, else whether it lasted.

    `away`: the log can't be reached.
    """

    def __init__(self, inner: MemoryShare, fate: Callable[[], bool | None]) -> None:
        self.inner, self.fate = inner, fate
        self.away = False

    @property
    def partitions(self) -> int:
        return self.inner.partitions

    def mine(self, timeout_seconds: float = 0) -> frozenset[int]:
        if self.away:
            message = "the log is away"
            raise RetryLater(message)
        return self.inner.mine(0 * timeout_seconds)

    def read(self, partition: int) -> Iterator[Record]:
        return self.inner.read(partition)

    def publish(
        self, partition: int, kept: Sequence[Entry], sent: Mapping[str, Sequence[Entry]]
    ) -> None:
        lasted = False if self.away else self.fate()
        if lasted is not False:
            self.inner.publish(partition, kept, sent)
        if lasted is not None:
            message = "uncertain"
            raise RetryLater(message)

    def close(self) -> None:
        self.inner.close()


class WatchedClock(ManualClock):
    """Calls `each_wait` when somebody waits."""

    each_wait: Callable[[], None] = staticmethod(lambda: None)

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        self.each_wait()
        return super().wait(stop, seconds)


class Fetcher:
    """Answers for one member, and tells the crew who asks."""

    def __init__(self, crew: "Crew", member: "Member") -> None:
        self.crew, self.member = crew, member

    def fetch(self, ask: Ask) -> Answer:
        return self.crew.answer(self.member, ask)


class Member:
    def __init__(self, crew: "Crew", sources: Sequence[Source]) -> None:
        inner = crew.log.share("collectors", SOURCES)
        self.share = FaultyShare(inner, lambda: crew.fate())
        self.state = State(None)
        holdings = Dealt(sources, self.share, self.state)
        parts = Parts(crew.settings, holdings, crew.clock, Fetcher(crew, self))
        self.collector = Collector(parts)
        self.holdings = holdings

    def stop(self) -> None:
        self.holdings.close()

    def die(self) -> None:
        """By kill -9: the group notices when the session is over."""
        self.share.inner.expire()
        self.state.close()

    def names(self) -> list[str]:
        return sorted(each.id for each in self.holdings.mine)


class Crew:
    """Any number of members. `sites`: the items that each source lists now."""

    def __init__(self, *names: str, partitions: int = 4) -> None:
        self.clock = WatchedClock(NOW)
        self.log = MemoryLog(partitions, self.clock)
        self.sources = tuple(source(name) for name in names)
        self.settings = Settings(data=DataSettings(retention_days=RETENTION_DAYS))
        self.sites: dict[str, list[str]] = {name: [] for name in names}
        self.unchanged = self.fails = False
        self.asked: list[tuple[Member, str, Ask]] = []
        self.fate: Callable[[], bool | None] = lambda: None
        self.while_asked: Callable[[], None] = lambda: None
        self.members: list[Member] = []

    def join(self, *names: str) -> Member:
        """With the sources that are named instead of all."""
        sources = tuple(source(name) for name in names) or self.sources
        self.members.append(Member(self, sources))
        return self.members[-1]

    def answer(self, member: Member, ask: Ask) -> Answer:
        name = ask.url.removeprefix("https://").partition(".")[0]
        self.asked.append((member, name, ask))
        self.while_asked()
        if self.fails:
            return Answer(PollOutcome.HTTP_ERROR, ask.url, 500, message="broken")
        if self.unchanged and ask.etag:
            return Answer(PollOutcome.NOT_MODIFIED, ask.url, 304)
        body = rss(*self.sites[name])
        return Answer(PollOutcome.OK, ask.url, 200, body, etag=f"e-{name}")

    def round(self, later: timedelta = LATER) -> None:
        """All members see the deal, then all look for what is due."""
        self.clock.advance(later)
        for _ in range(2):
            for member in self.members:
                member.collector.run_once()

    def posts(self) -> list[RawPost]:
        found = [decode(record.value) for record in self.log.records(POSTS)]
        return [each for each in found if isinstance(each, RawPost)]

    def counted(self) -> dict[tuple[str, str], set[datetime]]:
        times: dict[tuple[str, str], set[datetime]] = defaultdict(set)
        for post in self.posts():
            times[post.source, post.id].add(post.counted_at)
        return times

    def times_published(self) -> Counter[tuple[str, str]]:
        return Counter((post.source, post.id) for post in self.posts())

    def polls(self) -> int:
        return len(self.log.records(POLLS))

    def kept(self) -> dict[str, bytes]:
        """The last value of each key of the changelog, as compaction leaves it."""
        found: dict[str, bytes] = {}
        for record in self.log.records(SOURCES):
            assert partition_of(record.key.partition("/")[0], 4) == record.partition
            found[record.key] = record.value
        return {key: value for key, value in found.items() if value}


def listed(*numbers: int, title: str = "食堂饭菜涨价") -> list[str]:
    return [item(number, title) for number in numbers]
