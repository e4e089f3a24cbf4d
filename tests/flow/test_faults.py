"""Faults of the disk and the clock under the embedded mode: what happens is stated and seen."""

import random
import shutil
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from analyzers.worker import Analyzer, AnalyzerParts
from bus.consume import Consumer, Pace, Work
from bus.log import POSTS, Entry, Log, Record, partition_of
from bus.memory_log import MemoryLog
from bus.sqlite_log import SqliteLog
from collectors.state import Sighting, State
from monitor.wiring import House, keep_house_stage
from runtime.clock import Clock, ManualClock, SystemClock
from runtime.errors import ConfigError, RetryLater
from runtime.health import HealthBoard
from runtime.metrics import Metrics
from runtime.settings import SHIPPED, load_config
from schemas.codec import encode
from schemas.posts import RawPost, SourceKind
from tests.engines.small_disk import SmallDisk, small_disk
from tests.stores import chdb_store

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SEED = 20260301
PARTITIONS = 2
CUTS = 150


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 4) as mounted:
        yield mounted


def publish(log: Log, number: int, size: int = 10) -> None:
    log.publish(POSTS, [Entry("k", b"%06d" % number + b"x" * size)])


def publish_until_full(log: Log, first: int, size: int) -> int:
    """The number that was refused."""
    for number in range(first, 100_000):
        try:
            publish(log, number, size)
        except RetryLater as error:
            if not str(error).endswith("database or disk is full; free some disk space"):
                raise
            return number
    pytest.fail("the disk took everything")


def numbers(records: Sequence[Record]) -> list[int]:
    return [int(record.value[:6]) for record in records]


class Shelf:
    def __init__(self) -> None:
        self.stored: list[int] = []

    def read(self, record: Record) -> int:
        return int(record.value[:6])

    def store(self, items: Sequence[int]) -> None:
        self.stored.extend(items)

    def stage(self, log: Log, clock: Clock | None = None) -> Consumer[int]:
        work = Work("analyzers", (POSTS,), self.read, self.store)
        return Consumer(log, work, clock or SystemClock(), Pace(poll_seconds=0))


def test_a_full_disk_holds_the_log_up_and_loses_nothing_acknowledged(disk: SmallDisk) -> None:
    path, shelf = disk.folder / "log.sqlite", Shelf()
    with closing(SqliteLog(path, PARTITIONS)) as log:
        publish(log, 0)
        consumer, reader = shelf.stage(log), log.reader("analyzers", [POSTS])
        with closing(reader):
            assert consumer.step(reader) == 0
            disk.fill(left=500_000)
            refused = publish_until_full(log, 1, 5_000)
            publish_until_full(log, 50_000, 0)
            # Whether the last bytes suffice to note what was handled or not: it goes on.
            while consumer.step(reader) > 0 and disk.is_full:
                assert "free some disk space" in str(consumer.health.last_error)
                disk.make_room()
            disk.make_room()
            publish(log, 99_999)
            while numbers([*log.scan(POSTS)])[-1] not in shelf.stored:
                consumer.step(reader)
    with closing(SqliteLog(path)) as again, closing(again.reader("check", [POSTS])) as check:
        kept = numbers(check.poll(100_000, 0))
    assert set(range(refused)) <= set(kept)
    assert len(kept) == len(set(kept)), "a refused message is in the log"
    assert set(shelf.stored) == set(kept)


def post(number: int, text: str) -> RawPost:
    return RawPost(
        id=str(number),
        source="bbs",
        source_kind=SourceKind.FORUM,
        url="http://bbs.example/1",
        title="食堂",
        body=text,
        published_at=START,
        seen_at=START,
        counted_at=START,
    )


def test_a_full_disk_under_the_store_is_waited_for(tmp_path: Path) -> None:
    chance, clock = random.Random(SEED), ManualClock(START)
    config = load_config(SHIPPED)
    with (
        small_disk(tmp_path / "disk", 150) as disk,
        closing(SqliteLog(tmp_path / "log.sqlite", 1, clock)) as log,
        chdb_store(disk.folder) as store,
    ):
        parts = AnalyzerParts(config, log, store, clock, HealthBoard(), Metrics())
        consumer = Analyzer(parts).consumer
        disk.fill(left=2_500_000)
        for n in range(15):
            texts = (chance.randbytes(10_000).hex() for _ in range(20))
            several = [post(n * 20 + m, text) for m, text in enumerate(texts)]
            log.publish(POSTS, [Entry("bbs", encode(each)) for each in several])
        with closing(log.reader("analyzers", [POSTS])) as reader:
            assert any(consumer.step(reader) > 0 for _ in range(20))
            told = str(consumer.health.last_error)
            assert "NOT_ENOUGH_SPACE" in told
            assert told.endswith("; free some disk space")
            assert consumer.step(reader) > 0
            disk.make_room()
            while consumer.step(reader) > 0 or consumer.health.handled < 300:
                clock.advance(timedelta(seconds=1))
        assert store.rows("SELECT count(), uniqExact(id) FROM posts FINAL") == [(300, 300)]
        assert consumer.health.dead == 0


def test_a_read_only_disk_is_told(disk: SmallDisk) -> None:
    SqliteLog(disk.folder / "log.sqlite").close()
    State(disk.folder / "collector.sqlite").close()
    disk.forbid_writing()
    with pytest.raises(
        RetryLater, match=r"log\.sqlite: .*; check that the folder is there and may"
    ):
        SqliteLog(disk.folder / "log.sqlite")
    with pytest.raises(ConfigError, match=r"collector\.sqlite: .*; see whether the folder can be"):
        State(disk.folder / "collector.sqlite")


def test_a_log_that_is_deleted_or_replaced_under_the_process_is_told(tmp_path: Path) -> None:
    path, away = tmp_path / "data" / "log.sqlite", tmp_path / "away"
    with closing(SqliteLog(path, PARTITIONS)) as log:
        publish(log, 1)
        path.parent.rename(away)
        for _ in range(2):
            with pytest.raises(RetryLater, match="was moved, replaced or deleted while it is in"):
                publish(log, 2)
            path.parent.mkdir(exist_ok=True)
            path.touch()
        shutil.rmtree(path.parent)
        away.rename(path.parent)
        publish(log, 3)
        with closing(log.reader("g", [POSTS])) as reader:
            assert numbers(reader.poll(10, 0)) == [1, 3]


class LiveFiles:
    """What lies on the disk of a log that is being written: the file, and the journal beside it."""

    def __init__(self, folder: Path) -> None:
        chance = random.Random(SEED)
        self.acknowledged: dict[int, list[bytes]] = defaultdict(list)
        path = folder / "log.sqlite"
        with closing(SqliteLog(path, PARTITIONS)) as log:
            for batch in range(60):
                values = [
                    f"{batch}:{n}:".encode() + bytes([65 + n]) * chance.choice([9, 900, 9000])
                    for n in range(5)
                ]
                log.publish(POSTS, [Entry(str(n), value) for n, value in enumerate(values)])
                for n, value in enumerate(values):
                    self.acknowledged[partition_of(str(n), PARTITIONS)].append(value)
                if batch == 30:
                    log.trim(START - 1000 * DAY)  # empties the journal into the file
                with closing(log.reader("analyzers", [POSTS])) as reader:
                    reader.commit(reader.poll(1000, 0))
            self.files = {name: (folder / name).read_bytes() for name in ("log.sqlite", JOURNAL)}

    def cuts(self, name: str) -> list[int]:
        """Every page's end if there are few, and places from the seed between them."""
        chance, size = random.Random(SEED), len(self.files[name])
        places = [*range(0, size, 4096), *(chance.randrange(size) for _ in range(CUTS))]
        return [0, 1, 31, 99, *chance.sample(places, min(len(places), CUTS))]

    def cut(self, folder: Path, name: str, length: int) -> Path:
        folder.mkdir(exist_ok=True)
        for each, data in self.files.items():
            (folder / each).write_bytes(data[:length] if each == name else data)
        (folder / "log.sqlite-shm").unlink(missing_ok=True)
        return folder / "log.sqlite"


JOURNAL = "log.sqlite-wal"


def what_is_left(path: Path) -> dict[int, list[bytes]]:
    found: dict[int, list[bytes]] = defaultdict(list)
    with closing(SqliteLog(path)) as log:
        for record in log.scan(POSTS):
            found[record.partition].append(record.value)
        # What comes now is neither taken for handled nor given a place that a reader is past.
        log.publish(POSTS, [Entry(str(n), b"new") for n in range(5)])
        with closing(log.reader("analyzers", [POSTS])) as reader:
            assert [record.value for record in reader.poll(1000, 0)].count(b"new") == 5
    return found


def test_a_log_cut_short_is_a_whole_beginning_or_refused(tmp_path: Path) -> None:
    live = LiveFiles(tmp_path)
    outcomes: dict[str, list[int]] = defaultdict(list)
    told: set[str] = set()
    for name in live.files:
        for length in live.cuts(name):
            path = live.cut(tmp_path / "cut", name, length)
            try:
                left = what_is_left(path)
            except ConfigError as error:
                told.add(str(error)[-14:])
                outcomes[f"{name} refused"].append(length)
                continue
            for partition, values in left.items():
                assert values == live.acknowledged[partition][: len(values)]
            total = sum(len(values) for values in left.values())
            assert total % 5 == 0, "half a batch"
            outcomes[f"{name} opened"].append(total)
    assert told == {" from a backup"}
    # Of the journal every beginning opens; the file itself is whole or refused.
    assert len(outcomes[f"{JOURNAL} opened"]) == len(live.cuts(JOURNAL))
    assert max(outcomes[f"{JOURNAL} opened"]) > min(outcomes[f"{JOURNAL} opened"]) > 0
    assert set(outcomes["log.sqlite opened"]) <= {300}
    assert len(outcomes["log.sqlite refused"]) >= len(live.cuts("log.sqlite")) - 1


def test_a_log_that_was_being_tidied_up_at_the_power_cut_is_whole(tmp_path: Path) -> None:
    """The journal goes into the file page by page, the first page with the new length first."""
    live = LiveFiles(tmp_path / "live")
    log = tmp_path / "live" / "log.sqlite"
    for name, data in live.files.items():
        (tmp_path / "live" / name).write_bytes(data)
    SqliteLog(log).close()
    after, before = log.read_bytes(), len(live.files["log.sqlite"])
    assert len(after) > before
    live.files["log.sqlite"] = after
    for length in (before, before + 4096, len(after) - 4096, len(after)):
        left = what_is_left(live.cut(tmp_path / "cut", "log.sqlite", length))
        assert left == live.acknowledged


def test_a_collector_s_memory_cut_short_is_a_beginning_or_refused(tmp_path: Path) -> None:
    live, chance = tmp_path / "collector.sqlite", random.Random(SEED)
    with closing(State(live)) as state:
        state.remember("bbs", [Sighting(f"{n:05}", START, START) for n in range(1000)])
    # Now in the file; the others stay in its journal.
    with closing(State(live)) as state:
        for n in range(1000, 1200):
            state.remember("bbs", [Sighting(f"{n:05}", START, START)])
        names = ("collector.sqlite", "collector.sqlite-wal")
        files = {name: (tmp_path / name).read_bytes() for name in names}
    outcomes: dict[str, set[int]] = defaultdict(set)
    for name in names:
        for _ in range(60):
            length = chance.randrange(len(files[name]))
            path = tmp_path / "cut" / "collector.sqlite"
            path.parent.mkdir(exist_ok=True)
            for each, data in files.items():
                (path.parent / each).write_bytes(data[:length] if each == name else data)
            try:
                with closing(State(path)) as state:
                    known = state.sightings("bbs", [f"{n:05}" for n in range(1200)])
            except ConfigError:
                outcomes[f"{name} refused"].add(length)
            else:
                assert list(known) == [f"{n:05}" for n in range(len(known))]
                outcomes[f"{name} opened"].add(len(known))
    assert len(outcomes["collector.sqlite-wal opened"]) > 20
    assert min(outcomes["collector.sqlite-wal opened"]) >= 1000
    assert not outcomes["collector.sqlite-wal refused"]
    assert outcomes["collector.sqlite opened"] <= {1200}
    assert len(outcomes["collector.sqlite refused"]) > 20


class TrimmedLog(MemoryLog):
    """Moves the clock as a test says after each trim, and ends the stage after the last."""

    def __init__(self, clock: ManualClock, jumps: Sequence[timedelta]) -> None:
        super().__init__(1, clock)
        self.stop, self.at = threading.Event(), list[datetime]()
        self._moved, self._jumps = clock, list(jumps)

    def trim(self, before: datetime) -> int:
        self.at.append(self._moved.now())
        if not self._jumps:
            self.stop.set()
            return 0
        self._moved.advance(self._jumps.pop(0))
        return super().trim(before)


@pytest.mark.parametrize("jump", [DAY, -HOUR, -30 * DAY, timedelta(0)])
def test_the_house_is_kept_through_a_jump_of_the_clock(jump: timedelta) -> None:
    clock = ManualClock(START)
    log = TrimmedLog(clock, [jump, timedelta(0)])
    house = House(load_config(SHIPPED), clock, HealthBoard(), Metrics(), log.stop)
    keep_house_stage(house, log).run(log.stop)
    first, second, third = log.at
    pause = timedelta(seconds=15)
    assert second - (first + jump) <= (HOUR + pause if jump == timedelta(0) else pause)
    assert HOUR <= third - second <= HOUR + pause


def test_the_log_through_jumps_of_the_clock(tmp_path: Path) -> None:
    """Order and place don't hang on the clock; what was written under another one goes by it."""
    clock = ManualClock(START)
    with (
        closing(SqliteLog(tmp_path / "log.sqlite", 1, clock)) as log,
        closing(log.reader("g", [POSTS])) as reader,
    ):
        for number, jump in enumerate((DAY, -DAY - HOUR, timedelta(0))):
            publish(log, number)
            clock.advance(jump)
        batch = reader.poll(10, 0)
        assert numbers(batch) == [0, 1, 2]
        assert log.trim(START + 30 * DAY) == 0, "not yet handled"
        reader.commit(batch)
        # Written at START, START + 1 day, START - 1 hour: each goes by its own time.
        assert log.trim(START) == 1
        assert log.trim(START + HOUR) == 1
        assert numbers(list(log.scan(POSTS))) == [1]


def test_a_stage_goes_on_through_jumps_of_the_clock() -> None:
    clock, shelf = ManualClock(START), Shelf()
    log = MemoryLog(1, clock)
    with closing(log.reader("analyzers", [POSTS])) as reader:
        consumer = shelf.stage(log, clock)
        for number, jump in enumerate((DAY, -HOUR, -30 * DAY)):
            publish(log, number)
            assert consumer.step(reader) == 0
            clock.advance(jump)
            consumer.step(reader)
            assert (consumer.health.lag, consumer.health.last_ok_at) == (0, clock.now())
    assert shelf.stored == [0, 1, 2]
