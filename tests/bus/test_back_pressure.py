"""A store that is slow or stands still slows the reading; nothing piles up, nothing is lost."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from bus.consume import Consumer, Pace, Work
from bus.kafka_log import KafkaLog, KafkaSettings
from bus.log import POSTS, Entry, Log, Record
from bus.sqlite_log import SqliteLog
from runtime.clock import SystemClock
from runtime.errors import RetryLater
from tests.engines.kafka_server import KafkaServer
from tests.engines.process import wait_until

BATCH = 50
MESSAGES = 3_000
VALUE = b"x" * 10_000
# What a consumer may hold beside its batch: the client's own prefetch, 1 MiB a partition, and room
# for what Python and the client take for themselves.
PARTITIONS = 4
MOST_BYTES = BATCH * len(VALUE) + PARTITIONS * 2**20 + 20 * 2**20

KAFKA = pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.xdist_group("kafka")])


@pytest.fixture(params=["sqlite", KAFKA])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    made: Log
    if request.param == "sqlite":
        made = SqliteLog(tmp_path / "log.sqlite", PARTITIONS)
    else:
        server: KafkaServer = request.getfixturevalue("kafka_server")
        made = KafkaLog(KafkaSettings(server.brokers, "pressure.", PARTITIONS))
    with closing(made):
        yield made


def resident() -> int:
    pages = Path("/proc/self/statm").read_text("ascii").split()[1]
    return int(pages) * 4096


class SlowStore:
    """Stands still until `go` is set; then `away` tries fail before all goes through."""

    def __init__(self, away: int = 0) -> None:
        self.go, self.stop, self.entered = threading.Event(), threading.Event(), threading.Event()
        self.away = away
        self.held: list[int] = []
        self.stored: set[int] = set()

    def read(self, record: Record) -> int:
        return int(record.value[:6])

    def store(self, items: Sequence[int]) -> None:
        self.held.append(len(items))
        self.entered.set()
        self.go.wait()
        if self.away:
            self.away -= 1
            message = "store: no answer; check that it runs"
            raise RetryLater(message)
        self.stored.update(items)
        if len(self.stored) == MESSAGES:
            self.stop.set()

    @contextmanager
    def working(self, log: Log) -> Iterator[Consumer[int]]:
        work = Work("analyzers", (POSTS,), self.read, self.store)
        consumer = Consumer(log, work, SystemClock(), Pace(BATCH, 0.1, 0.2))
        thread = threading.Thread(target=consumer.run, args=(self.stop,))
        thread.start()
        with ExitStack() as undo:
            for call in (thread.join, self.stop.set, self.go.set):
                undo.callback(call)
            yield consumer


def fill(log: Log) -> None:
    for start in range(0, MESSAGES, 500):
        numbers = range(start, start + 500)
        log.publish(POSTS, [Entry(str(n % 50), b"%06d" % n + VALUE) for n in numbers])


def steady(measure: Callable[[], int], seconds: float) -> int:
    """The highest of what is measured for so long."""
    pause, highest = threading.Event(), 0
    for _ in range(int(seconds / 0.1)):
        highest = max(highest, measure())
        pause.wait(0.1)
    return highest


@pytest.mark.timeout(120)
def test_a_store_that_stands_still_stops_the_reading(log: Log) -> None:
    store = SlowStore(away=3)
    fill(log)
    before = resident()
    with store.working(log) as consumer:
        assert store.entered.wait(30)
        grown = steady(resident, 3) - before
        # 30 MB wait in the log: one batch is held, and what the client has fetched ahead.
        assert store.held == [BATCH]
        assert grown < MOST_BYTES
        assert consumer.health.lag == MESSAGES
        assert consumer.health.handled == 0
        store.go.set()
        wait_until(store.stop.is_set, "all stored", 60)
    assert store.stored == set(range(MESSAGES))
    assert max(store.held) <= BATCH


@pytest.mark.kafka
@pytest.mark.timeout(120)
def test_a_member_that_its_group_gave_up_comes_back_and_loses_nothing(
    kafka_server: KafkaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that takes longer than Kafka waits for the next poll: 10 s here, else minutes."""
    monkeypatch.setattr("bus.kafka_client._ASKED_MS", 10_000)
    store = SlowStore()
    settings = KafkaSettings(kafka_server.brokers, "thrown.", PARTITIONS)
    with ExitStack() as stack:
        log = stack.enter_context(closing(KafkaLog(settings)))
        fill(log)
        stack.enter_context(store.working(log))
        assert store.entered.wait(60)
        with closing(log.reader("analyzers", [POSTS])) as other:

            def took_over() -> bool:
                other.poll(1, 0.2)
                return len(other.lag()) == PARTITIONS

            wait_until(took_over, "the group dealt the partitions to the other member", 60)
        store.go.set()
        wait_until(store.stop.is_set, "all stored", 60)
    assert store.stored == set(range(MESSAGES))
