"""A broker that is killed while all go on: exact sets of messages at the end, on a real Kafka."""

import random
import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import closing

import pytest

from bus.kafka_log import KafkaLog, KafkaSettings
from bus.log import ENGAGEMENT, POLLS, POSTS, SOURCES, Entry, NotMine, Reader
from runtime.errors import RetryLater
from tests.engines.kafka_server import KafkaServer
from tests.engines.process import wait_until

pytestmark = pytest.mark.kafka
KILLS = 2
SEED = 20261121


class Crew:
    """Two members that share the sources, a publisher and a reader, each in its own thread."""

    def __init__(self, settings: KafkaSettings) -> None:
        self.settings = settings
        self.stop, self.stop_reading = threading.Event(), threading.Event()
        self.acknowledged: set[int] = set()
        self.shared: Counter[int] = Counter()
        self.read: list[tuple[str, str, str]] = []
        self._threads = [
            threading.Thread(target=work)
            for work in (self._share, self._share, self._publish, self._read)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self.stop.set()
        for thread in self._threads[:-1]:
            thread.join()
        self.stop_reading.set()
        self._threads[-1].join()

    def wait_for_more(self) -> None:
        shared, known = self.shared.total(), len(self.acknowledged)
        wait_until(
            lambda: self.shared.total() > shared + 20 and len(self.acknowledged) > known,
            "all goes on",
            60,
        )

    def _trying(self, stop: threading.Event, step: Callable[[], None]) -> None:
        while not stop.is_set():
            try:
                step()
            except RetryLater:
                stop.wait(0.2)

    def _share(self) -> None:
        known: dict[int, int] = {}
        with closing(KafkaLog(self.settings)) as log, closing(log.share("g", SOURCES)) as share:

            def publish_next(partition: int) -> None:
                if partition not in known:
                    past = [int(record.value) for record in share.read(partition)]
                    known[partition] = past[-1] if past else 0
                number = known[partition] + 1
                key, value = f"源-{partition}", str(number).encode()
                share.publish(
                    partition,
                    [Entry(key, value)],
                    {POSTS: [Entry(key, value)] * 2, POLLS: [Entry(key, value)]},
                )
                known[partition] = number
                self.shared[partition] = max(number, self.shared[partition])

            def step() -> None:
                mine = share.mine(0.5)
                for partition in set(known) - mine:
                    del known[partition]
                for partition in sorted(mine):
                    try:
                        publish_next(partition)
                    except NotMine:
                        known.pop(partition, None)

            self._trying(self.stop, step)

    def _publish(self) -> None:
        with closing(KafkaLog(self.settings)) as log:

            def step() -> None:
                number = len(self.acknowledged)
                log.publish(ENGAGEMENT, [Entry("帖", str(number).encode())])
                self.acknowledged.add(number)
                self.stop.wait(0.01)

            self._trying(self.stop, step)

    def _read(self) -> None:
        streams = (POSTS, POLLS, ENGAGEMENT)
        with (
            closing(KafkaLog(self.settings)) as log,
            closing(log.reader("stage", streams)) as reader,
        ):

            def step() -> None:
                try:
                    batch = reader.poll(50, 0.2)
                    self.read += [(r.stream, r.key, r.value.decode()) for r in batch]
                    reader.commit(batch)
                except RetryLater:
                    reader.rewind()
                    raise

            self._trying(self.stop_reading, step)


def test_a_broker_that_is_killed_in_mid_publish_loses_and_halves_nothing(
    kafka_server: KafkaServer,
) -> None:
    chance = random.Random(SEED)
    crew = Crew(KafkaSettings(kafka_server.brokers, "killed.", 2, timeout_seconds=3))
    crew.start()
    try:
        for _ in range(KILLS):
            crew.wait_for_more()
            kafka_server.kill()
            threading.Event().wait(chance.uniform(0, 4))
            kafka_server.restart()
        crew.wait_for_more()
        crew.stop.set()
        wanted = {(ENGAGEMENT, str(number)) for number in crew.acknowledged}
        wait_until(lambda: wanted <= {(r[0], r[2]) for r in crew.read}, "all is read", 60)
    finally:
        crew.end()
    check(crew)


def check(crew: Crew) -> None:
    with closing(KafkaLog(crew.settings)) as log:
        stored = defaultdict(list)
        for stream in (SOURCES, POSTS, POLLS, ENGAGEMENT):
            for record in log.scan(stream):
                stored[stream, record.key].append(int(record.value))
    for partition in range(2):
        key, last = f"源-{partition}", crew.shared[partition]
        numbers = stored[SOURCES, key]
        assert numbers == sorted(numbers)
        assert set(numbers) >= set(range(1, last + 1))
        # Whatever became of each batch, its parts agree.
        assert stored[POLLS, key] == numbers
        assert stored[POSTS, key] == [number for number in numbers for _ in range(2)]
        assert {int(v) for s, k, v in crew.read if (s, k) == (POSTS, key)} <= set(numbers)
    published = stored[ENGAGEMENT, "帖"]
    assert published == sorted(published)
    assert set(published) >= crew.acknowledged


def test_a_batch_whose_commit_was_lost_to_a_rebalance_is_read_by_the_next_owner(
    kafka_server: KafkaServer,
) -> None:
    settings = KafkaSettings(kafka_server.brokers, "rebalance.", 4, session_seconds=2)
    numbers = {str(number) for number in range(40)}
    with closing(KafkaLog(settings)) as log:
        log.publish(POSTS, [Entry(number, number.encode()) for number in sorted(numbers)])
        first, second = log.reader("g", (POSTS,)), log.reader("g", (POSTS,))
        with closing(first), closing(second):
            batch: list[str] = []

            def took_some() -> bool:
                batch.extend(_values(first))
                return bool(batch)

            wait_until(took_some, "a batch", 40)
            handled: set[str] = set()
            stop = threading.Event()
            other = threading.Thread(target=_handle_all, args=(second, handled, stop))
            other.start()
            try:
                # The first one never commits what it took: it leaves in the middle of its batch.
                wait_until(lambda: bool(handled) or not _values(first), "a rebalance", 40)
                first.close()
                wait_until(lambda: handled == numbers, "all is handled by the second", 40)
            finally:
                stop.set()
                other.join()
            assert set(batch) <= handled


def _values(reader: Reader) -> list[str]:
    return [record.value.decode() for record in reader.poll(10, 0.2)]


def _handle_all(reader: Reader, handled: set[str], stop: threading.Event) -> None:
    while not stop.is_set():
        batch = reader.poll(10, 0.2)
        reader.commit(batch)
        handled.update(record.value.decode() for record in batch)
