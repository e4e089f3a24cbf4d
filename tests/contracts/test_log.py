"""What every Log promises, on memory, SQLite and a real Kafka."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from bus.consume import Consumer, Pace, Work
from bus.dead_letters import read_dead_letter
from bus.kafka_log import KafkaLog, KafkaSettings
from bus.log import MAX_VALUE_BYTES, Entry, Log, Reader, Record
from bus.memory_log import MemoryLog
from bus.sqlite_log import SqliteLog
from runtime.clock import ManualClock, SystemClock, stopwatch
from runtime.errors import BadMessage
from tests.engines.kafka_server import KafkaServer

PARTITIONS = 3
_numbers = count()


@pytest.fixture
def open_log(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> Iterator[Callable[[], Log]]:
    """Each call opens the same log anew, as another process would; in memory there is only one."""
    clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
    with ExitStack() as opened:
        memory = MemoryLog(PARTITIONS, clock)
        prefix = f"contract{next(_numbers)}."

        def open_one() -> Log:
            log: Log
            if kind == "memory":
                log = memory
            elif kind == "sqlite":
                log = SqliteLog(tmp_path / "log.sqlite", PARTITIONS, clock)
            else:
                server: KafkaServer = request.getfixturevalue("kafka_server")
                log = KafkaLog(KafkaSettings(server.brokers, prefix, PARTITIONS))
            opened.callback(log.close)
            return log

        yield open_one


@pytest.fixture
def log(open_log: Callable[[], Log]) -> Log:
    return open_log()


KAFKA = pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.xdist_group("kafka")])
on_every_log = pytest.mark.parametrize("kind", ["memory", "sqlite", KAFKA])
on_logs_of_one_reader = pytest.mark.parametrize("kind", ["memory", "sqlite"])
on_kafka = pytest.mark.parametrize("kind", [KAFKA])


def entries(*values: str, key: str = "源-1") -> list[Entry]:
    return [Entry(key, value.encode()) for value in values]


def take(reader: Reader, expected: int, seconds: float = 40) -> list[Record]:
    """Polls until `expected` records have come; an empty poll is not the end."""
    found: list[Record] = []
    deadline = stopwatch() + seconds
    while len(found) < expected and stopwatch() < deadline:
        found += reader.poll(expected - len(found), 0.2)
    return found


def commit(reader: Reader, records: Sequence[Record], left: int) -> None:
    """Until the group has it: a commit may be lost to the rebalance that a new group begins with.

    `left`: how many messages are then still to come.
    """
    deadline = stopwatch() + 40
    while stopwatch() < deadline:
        reader.commit(records)
        if sum(part.messages for part in reader.lag()) == left:
            return
    pytest.fail("the commit never took")


def texts(records: Sequence[Record]) -> list[str]:
    return [record.value.decode() for record in records]


@on_every_log
def test_a_new_group_starts_with_the_oldest_and_keeps_the_order_of_a_key(log: Log) -> None:
    keys = ("甲", "乙", "bbs.example/board-3", "")
    for n in range(10):
        log.publish("posts", [Entry(key, f"{key}:{n}".encode()) for key in keys])
    with closing(log.reader("g", ["posts"])) as reader:
        by_key = defaultdict(list)
        for record in take(reader, 40):
            by_key[record.key].append(record.value.decode())
    assert dict(by_key) == {key: [f"{key}:{n}" for n in range(10)] for key in keys}


@on_every_log
def test_a_partition_is_delivered_in_the_order_of_its_offsets(log: Log) -> None:
    log.publish("posts", [Entry(str(n), b"x") for n in range(50)])
    with closing(log.reader("g", ["posts"])) as reader:
        by_partition = defaultdict(list)
        for record in take(reader, 50):
            by_partition[record.partition].append(record.offset)
    assert len(by_partition) == PARTITIONS
    assert all(offsets == sorted(set(offsets)) for offsets in by_partition.values())


@on_every_log
def test_what_was_published_is_there_for_another_process(open_log: Callable[[], Log]) -> None:
    open_log().publish("posts", entries("一", "二"))
    with closing(open_log().reader("g", ["posts"])) as reader:
        assert texts(take(reader, 2)) == ["一", "二"]


@on_every_log
def test_another_reader_goes_on_after_what_was_committed(log: Log) -> None:
    log.publish("posts", entries("1", "2", "3", "4"))
    with closing(log.reader("g", ["posts"])) as reader:
        commit(reader, take(reader, 2), left=2)
    with closing(log.reader("g", ["posts"])) as reader:
        assert texts(take(reader, 2)) == ["3", "4"]


@on_every_log
def test_a_part_of_a_batch_can_be_committed(log: Log) -> None:
    log.publish("posts", entries("1", "2", "3"))
    with closing(log.reader("g", ["posts"])) as reader:
        commit(reader, take(reader, 3)[:1], left=2)
        reader.rewind()
        assert texts(take(reader, 2)) == ["2", "3"]


@on_every_log
def test_rewind_delivers_again_what_was_not_committed(log: Log) -> None:
    log.publish("posts", entries("1", "2", "3"))
    with closing(log.reader("g", ["posts"])) as reader:
        commit(reader, take(reader, 1), left=2)
        assert texts(take(reader, 2)) == ["2", "3"]
        reader.rewind()
        reader.rewind()
        assert texts(take(reader, 2)) == ["2", "3"]


@on_every_log
def test_what_was_not_committed_comes_again_after_a_close(log: Log) -> None:
    log.publish("posts", entries("1", "2"))
    with closing(log.reader("g", ["posts"])) as reader:
        assert texts(take(reader, 2)) == ["1", "2"]
    with closing(log.reader("g", ["posts"])) as reader:
        assert texts(take(reader, 2)) == ["1", "2"]


@on_every_log
def test_two_groups_read_independently(log: Log) -> None:
    log.publish("posts", entries("1", "2"))
    with closing(log.reader("a", ["posts"])) as a, closing(log.reader("b", ["posts"])) as b:
        a.commit(take(a, 2))
        assert texts(take(b, 2)) == ["1", "2"]


@on_every_log
def test_one_reader_of_several_streams(log: Log) -> None:
    log.publish("posts", entries("帖子"))
    log.publish("polls", entries("查询"))
    with closing(log.reader("g", ["posts", "polls"])) as reader:
        found = take(reader, 2)
    assert {(r.stream, r.value.decode()) for r in found} == {("posts", "帖子"), ("polls", "查询")}


@on_every_log
def test_lag_is_what_is_not_yet_committed(log: Log) -> None:
    log.publish("posts", entries("1", "2", "3"))
    with closing(log.reader("g", ["posts"])) as reader:
        batch = take(reader, 3)
        assert sum(part.messages for part in reader.lag()) == 3
        reader.commit(batch[:2])
        lag = reader.lag()
    assert sum(part.messages for part in lag) == 1
    assert sorted((part.stream, part.partition) for part in lag) == [
        ("posts", n) for n in range(PARTITIONS)
    ]


@on_every_log
def test_an_empty_poll_is_not_the_end(log: Log) -> None:
    with closing(log.reader("g", ["posts"])) as reader:
        assert list(reader.poll(10, 0.05)) == []
        log.publish("posts", entries("后来"))
        assert texts(take(reader, 1)) == ["后来"]


@on_every_log
def test_a_waiting_reader_is_woken(log: Log) -> None:
    with closing(log.reader("g", ["posts"])) as reader:
        reader.poll(1, 0.05)
        later = threading.Timer(0.2, log.publish, ("posts", entries("到了")))
        later.start()
        assert texts(take(reader, 1)) == ["到了"]
        later.join()


@on_every_log
def test_the_largest_value_comes_back_whole_and_a_larger_one_is_refused(log: Log) -> None:
    value = ("学校" * MAX_VALUE_BYTES).encode()[:MAX_VALUE_BYTES]
    with pytest.raises(BadMessage, match="stream posts: a message of 1000001 bytes from '源'"):
        log.publish("posts", [Entry("源", b"ok"), Entry("源", value + b"!")])
    log.publish("posts", [Entry("源", value)])
    with closing(log.reader("g", ["posts"])) as reader:
        assert [record.value for record in take(reader, 1)] == [value]


@on_every_log
def test_nothing_to_publish_and_nothing_to_commit(log: Log) -> None:
    log.publish("posts", [])
    with closing(log.reader("g", ["posts"])) as reader:
        assert list(reader.poll(1, 0.05)) == []
        reader.commit([])
        reader.rewind()


@on_every_log
def test_close_twice(log: Log) -> None:
    log.publish("posts", entries("1"))
    reader = log.reader("g", ["posts"])
    take(reader, 1)
    for closed in (reader, reader, log, log):
        closed.close()


@on_every_log
def test_several_threads_publish(log: Log) -> None:
    def publish(thread: int) -> None:
        for n in range(20):
            log.publish("posts", entries(f"{thread}:{n}", key=str(thread)))

    threads = [threading.Thread(target=publish, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with closing(log.reader("g", ["posts"])) as reader:
        found = texts(take(reader, 80))
    assert sorted(found) == sorted(f"{thread}:{n}" for thread in range(4) for n in range(20))


@on_every_log
def test_a_stage_stores_commits_and_buries_what_is_bad(log: Log) -> None:
    stop = threading.Event()
    stored: list[str] = []

    def read(record: Record) -> str:
        if record.value == b"\xff":
            reason = "not text"
            raise BadMessage(reason)
        return record.value.decode()

    def store(items: Sequence[str]) -> None:
        stored.extend(items)
        if "完" in stored:
            stop.set()

    log.publish("posts", [Entry("k", value) for value in ("一".encode(), b"\xff", "完".encode())])
    work = Work("stage", ("posts",), read, store)
    Consumer(log, work, SystemClock(), Pace(poll_seconds=0.1)).run(stop)
    assert stored == ["一", "完"]
    with closing(log.reader("check", ["dead_letters"])) as reader:
        (letter,) = (read_dead_letter(record.value) for record in take(reader, 1))
    assert (letter.data, letter.reason) == (b"\xff", "not text")
    with closing(log.reader("stage", ["posts"])) as reader:
        assert list(reader.poll(1, 1)) == []
        assert sum(part.messages for part in reader.lag()) == 0


@on_kafka
def test_two_readers_of_one_group_share_the_partitions_without_loss(log: Log) -> None:
    def publish(numbers: range) -> None:
        log.publish("posts", [Entry(str(n), str(n).encode()) for n in numbers])

    found: set[int] = set()

    def read(reader: Reader) -> None:
        batch = reader.poll(5, 0.05)
        found.update(int(record.value) for record in batch)
        reader.commit(batch)

    publish(range(30))
    with closing(log.reader("g", ["posts"])) as a, closing(log.reader("g", ["posts"])) as b:
        deadline = stopwatch() + 20
        while not found:
            read(a)
        while sorted(len(reader.lag()) for reader in (a, b)) != [1, 2] and stopwatch() < deadline:
            read(a)
            read(b)
        publish(range(30, 60))
        while len(found) < 60 and stopwatch() < deadline:
            read(a)
            read(b)
        shares = [{part.partition for part in reader.lag()} for reader in (a, b)]
    assert found == set(range(60))
    assert shares[0].isdisjoint(shares[1])


@on_every_log
def test_a_scan_gives_what_is_kept_up_to_now_and_commits_nothing(log: Log) -> None:
    assert list(log.scan("posts")) == []
    log.publish("posts", [Entry(str(n), str(n).encode()) for n in range(250)])
    found = list(log.scan("posts"))
    assert sorted(int(record.value) for record in found) == list(range(250))
    assert {record.partition for record in found} == set(range(PARTITIONS))
    after = {record.partition: record.offset + 1 for record in found}
    assert list(log.scan("posts", after)) == []
    log.publish("posts", entries("后来"))
    assert texts(list(log.scan("posts", after))) == ["后来"]
    with closing(log.reader("g", ["posts"])) as reader:
        assert len(take(reader, 251)) == 251


@on_logs_of_one_reader
def test_two_readers_of_one_group_each_read_all_where_partitions_are_not_shared(log: Log) -> None:
    """So one process runs one reader per group; a second one repeats work and loses nothing."""
    log.publish("posts", entries("1", "2"))
    with closing(log.reader("g", ["posts"])) as a, closing(log.reader("g", ["posts"])) as b:
        batch = take(a, 2)
        assert texts(take(b, 2)) == ["1", "2"]
        a.commit(batch)
        b.commit(batch[:1])
        assert sum(part.messages for part in b.lag()) == 0
