"""Old records go, but never one that a known group has yet to handle, and no offset comes twice."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bus.log import Entry, Log, Record
from bus.memory_log import MemoryLog
from bus.sqlite_log import SqliteLog
from runtime.clock import Clock, ManualClock

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture(params=["memory", "sqlite"])
def log(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Iterator[Log]:
    make: dict[str, Callable[[Clock], MemoryLog | SqliteLog]] = {
        "memory": lambda clock: MemoryLog(1, clock),
        "sqlite": lambda clock: SqliteLog(tmp_path / "log.sqlite", 1, clock),
    }
    with closing(make[request.param](clock)) as opened:
        yield opened


def publish(log: Log, *texts: str) -> None:
    log.publish("posts", [Entry("k", text.encode()) for text in texts])


def read(log: Log, group: str, limit: int = 100) -> Sequence[Record]:
    """Reads up to `limit` records and commits them."""
    with closing(log.reader(group, ["posts"])) as reader:
        batch = reader.poll(limit, 0)
        reader.commit(batch)
        return batch


def remaining(log: Log) -> list[str]:
    with closing(log.reader("onlooker", ["posts"])) as reader:
        return [record.value.decode() for record in reader.poll(100, 0)]


def test_only_old_records_go(log: Log, clock: ManualClock) -> None:
    publish(log, "1", "2")
    clock.advance(DAY)
    publish(log, "3")
    read(log, "g")
    assert log.trim(START + DAY) == 2
    assert remaining(log) == ["3"]


def test_what_a_group_has_not_committed_stays(log: Log, clock: ManualClock) -> None:
    publish(log, "1", "2", "3")
    read(log, "quick")
    read(log, "slow", limit=1)
    assert log.trim(START + DAY) == 1
    assert remaining(log) == ["2", "3"]


def test_what_no_group_ever_read_goes_when_it_is_old(log: Log) -> None:
    publish(log, "1", "2")
    assert log.trim(START + DAY) == 2
    assert remaining(log) == []


def test_a_group_that_read_nothing_yet_keeps_all(log: Log) -> None:
    publish(log, "1")
    with closing(log.reader("g", ["posts"])) as reader:
        reader.poll(1, 0)
        assert log.trim(START + DAY) == 0
        reader.rewind()
        assert len(reader.poll(1, 0)) == 1


def test_an_offset_never_comes_twice(log: Log) -> None:
    publish(log, "1", "2")
    used = {record.offset for record in read(log, "g")}
    assert log.trim(START + DAY) == 2
    publish(log, "3")
    (after,) = read(log, "g")
    assert after.offset > max(used)


def test_a_reader_goes_on_over_what_was_trimmed(log: Log) -> None:
    publish(log, "1", "2")
    with closing(log.reader("g", ["posts"])) as late:
        late.poll(1, 0)
        read(log, "g")
        log.trim(START + DAY)
        publish(log, "3")
        assert [record.value for record in late.poll(10, 0)] == [b"3"]
        assert sum(part.messages for part in late.lag()) == 1


def test_more_than_one_step_is_trimmed(log: Log) -> None:
    log.publish("posts", [Entry("k", b"x")] * 25_000)
    assert log.trim(START + DAY) == 25_000


def test_a_trimmed_text_is_no_longer_in_the_file(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "log.sqlite"
    secret = "某校食堂的一条旧帖".encode()
    with closing(SqliteLog(path, 1, clock)) as log:
        log.publish("posts", [Entry("k", secret * 500)])
        assert log.trim(START + DAY) == 1
        kept = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert secret not in kept
