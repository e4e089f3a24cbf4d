"""The loop of a stage: nothing is committed before it is stored, whatever fails, whenever."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bus.consume import Consumer, Pace, Work, pause_seconds
from bus.dead_letters import (
    DeadLetterCap,
    DeadLetterFlood,
    OpenLetters,
    Outcome,
    closing_of,
    read_dead_letter,
)
from bus.log import DEAD_LETTERS, POSTS, Entry, Lag, Reader, Record
from bus.memory_log import MemoryLog
from runtime.clock import ManualClock
from runtime.errors import BadMessage, RetryLater

START = datetime(2026, 3, 1, tzinfo=UTC)
QUICK = Pace(batch_size=7, poll_seconds=0)
AWAY = RetryLater("store http://127.0.0.1:8123: no answer; check that it runs")


class Crash(Exception):
    """The process dies here."""


class Faults:
    """What goes wrong at each place that is passed, in turn; then nothing does."""

    def __init__(self, schedule: Iterable[type[Exception] | None]) -> None:
        self._schedule: Iterator[type[Exception] | None] = iter(schedule)

    def strike(self, where: str) -> None:
        fault = next(self._schedule, None)
        if fault is not None:
            raise fault(where)


class FaultyReader:
    def __init__(self, reader: Reader, faults: Faults) -> None:
        self._reader, self._faults = reader, faults

    def poll(self, max_records: int, timeout_seconds: float) -> Sequence[Record]:
        self._faults.strike("poll")
        return self._reader.poll(max_records, timeout_seconds)

    def commit(self, records: Iterable[Record]) -> None:
        self._faults.strike("before the commit")
        self._reader.commit(records)
        self._faults.strike("after the commit")

    def rewind(self) -> None:
        self._reader.rewind()

    def lag(self) -> Sequence[Lag]:
        return self._reader.lag()

    def close(self) -> None:
        self._reader.close()


class FaultyLog(MemoryLog):
    def __init__(self, faults: Faults) -> None:
        super().__init__(2, ManualClock(START))
        self._faults = faults

    def publish(self, stream: str, entries: Sequence[Entry]) -> None:
        if stream == DEAD_LETTERS:
            self._faults.strike("before the dead letters")
        super().publish(stream, entries)


class Shelf:
    """A store that may fail before and after it has stored."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self.stored: set[str] = set()
        self.batches: list[int] = []

    def read(self, record: Record) -> str:
        text = record.value.decode()
        if text.startswith("坏"):
            reason = f"unreadable: {text}"
            raise BadMessage(reason)
        return text

    def store(self, items: Sequence[str]) -> None:
        self._faults.strike("before the store")
        self.batches.append(len(items))
        refused = [item for item in items if item.startswith("拒")]
        if refused:
            reason = f"refused: {refused[0]}"
            raise BadMessage(reason)
        self.stored.update(items)
        self._faults.strike("after the store")

    @property
    def work(self) -> Work[str]:
        return Work("analyzers", (POSTS,), self.read, self.store)


def stage(log: MemoryLog, shelf: Shelf, clock: ManualClock, pace: Pace = QUICK) -> Consumer[str]:
    return Consumer(log, shelf.work, clock, pace)


def letters(log: MemoryLog) -> list[str]:
    return [letter.value for letter in open_letters(log).letters()]


def open_letters(log: MemoryLog) -> OpenLetters:
    found = OpenLetters(log)
    found.refresh()
    return found


def publish(log: MemoryLog, texts: Iterable[str]) -> None:
    log.publish(POSTS, [Entry(f"源{n % 3}", text.encode()) for n, text in enumerate(texts)])


def run_until_done(log: MemoryLog, shelf: Shelf, faults: Faults) -> None:
    """A new process after each crash, until the group has committed everything."""
    clock = ManualClock(START)
    while True:
        reader = FaultyReader(log.reader("analyzers", (POSTS,)), faults)
        consumer = stage(log, shelf, clock)
        try:
            for _ in range(100):
                consumer.step(reader)
                assert_nothing_unstored_is_committed(log, shelf)
                if not sum(part.messages for part in reader.lag()):
                    return
        except Crash:
            assert_nothing_unstored_is_committed(log, shelf)


def assert_nothing_unstored_is_committed(log: MemoryLog, shelf: Shelf) -> None:
    safe = shelf.stored | set(letters(log))
    committed = log.committed("analyzers")
    for record in log.records(POSTS):
        if record.offset < committed[record.stream, record.partition]:
            assert record.value.decode() in safe


@given(
    st.lists(st.sampled_from([None, None, None, RetryLater, Crash]), max_size=60),
    st.lists(st.sampled_from("好坏拒"), max_size=60),
)
def test_a_commit_never_passes_an_unstored_record(
    schedule: list[type[Exception] | None], kinds: list[str]
) -> None:
    faults = Faults(schedule)
    log, shelf = FaultyLog(faults), Shelf(faults)
    texts = [f"{kind}{n}" for n, kind in enumerate(kinds)]
    publish(log, texts)
    run_until_done(log, shelf, faults)
    assert shelf.stored == {text for text in texts if text.startswith("好")}
    assert set(letters(log)) == {text for text in texts if not text.startswith("好")}


def test_a_bad_message_goes_to_the_dead_letters_and_stops_no_other() -> None:
    faults = Faults([])
    clock = ManualClock(START)
    log, shelf = MemoryLog(1, clock), Shelf(faults)
    publish(log, ["好1", "坏2", "好3"])
    reader = log.reader("analyzers", (POSTS,))
    consumer = stage(log, shelf, clock)
    assert consumer.step(reader) == 0
    assert shelf.stored == {"好1", "好3"}
    (buried,) = log.records(DEAD_LETTERS)
    letter = read_dead_letter(buried.value)
    assert (letter.stream, letter.partition, letter.offset, letter.key) == (POSTS, 0, 1, "源1")
    assert (letter.reason, letter.at, letter.value) == ("unreadable: 坏2", START, "坏2")
    assert sum(part.messages for part in reader.lag()) == 0
    assert (consumer.health.handled, consumer.health.dead) == (2, 1)


def test_an_outage_is_waited_for_and_told_once() -> None:
    clock = ManualClock(START)
    tries = iter(range(100))

    class Slow(Shelf):
        def store(self, items: Sequence[str]) -> None:
            if next(tries) < 9:
                raise AWAY
            super().store(items)

    log, shelf = MemoryLog(1, clock), Slow(Faults([]))
    publish(log, ["好1", "坏2"])
    reader = log.reader("analyzers", (POSTS,))
    pauses = []
    with capture_logs() as lines:
        consumer = stage(log, shelf, clock)
        for _ in range(9):
            pauses.append(consumer.step(reader))
            assert consumer.health.last_error == str(AWAY)
            assert (consumer.health.lag, consumer.health.last_ok_at) == (2, None)
        assert consumer.step(reader) == 0
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert letters(log) == ["坏2"]
    assert consumer.health.last_error is None
    assert consumer.health.last_ok_at == START
    assert [line["event"] for line in lines] == [
        "waits",
        "message set aside",
        "batch",
        "goes on",
    ]
    assert lines[0]["problem"] == str(AWAY)
    assert consumer.health.last_dead == "posts/0/1: unreadable: 坏2"


def test_the_pause_is_bounded() -> None:
    assert pause_seconds(10_000) == 30


def test_a_flood_of_bad_messages_stops_the_stage_with_nothing_more_committed() -> None:
    clock = ManualClock(START)
    log, shelf = MemoryLog(1, clock), Shelf(Faults([]))
    publish(log, [*(f"坏{n}" for n in range(8)), "好"])
    consumer = stage(log, shelf, clock, Pace(3, 0, 5, DeadLetterCap(most=5, among=10)))
    reported = (
        "stream posts: 6 of the last 6 messages are bad, the cap is 5; the last one: "
        "unreadable: 坏5; nothing more was committed: mend the sender"
    )
    with pytest.raises(DeadLetterFlood) as caught:
        consumer.run(Event())
    assert str(caught.value).startswith(reported)
    assert letters(log) == ["坏0", "坏1", "坏2"]
    assert log.committed("analyzers") == {(POSTS, 0): 3}
    assert consumer.health.last_error == str(caught.value)


def test_bad_messages_that_are_retried_count_once() -> None:
    clock = ManualClock(START)
    log, shelf = MemoryLog(1, clock), Shelf(Faults([RetryLater] * 30))
    publish(log, ["坏1", "坏2", "好3"])
    reader = log.reader("analyzers", (POSTS,))
    consumer = stage(log, shelf, clock, Pace(3, 0, 5, DeadLetterCap(most=2, among=10)))
    while consumer.step(reader):
        pass
    assert letters(log) == ["坏1", "坏2"]


def test_only_what_the_store_refuses_is_set_aside() -> None:
    clock = ManualClock(START)
    log, shelf = MemoryLog(1, clock), Shelf(Faults([]))
    texts = [f"好{n}" for n in range(100)]
    texts[10], texts[11], texts[97], texts[50] = "拒10", "拒11", "拒97", "坏50"
    publish(log, texts)
    set_aside: list[int] = []
    work = replace(shelf.work, set_aside=lambda record: set_aside.append(record.offset))
    consumer = Consumer(log, work, clock, Pace(100, 0))
    assert consumer.step(log.reader("analyzers", (POSTS,))) == 0
    assert shelf.stored == {text for text in texts if text.startswith("好")}
    assert letters(log) == ["拒10", "拒11", "坏50", "拒97"]
    assert set_aside == [10, 11, 50, 97]
    assert read_dead_letter(log.records(DEAD_LETTERS)[3].value).reason == "refused: 拒97"
    # Halves of halves, not one by one.
    assert len(shelf.batches) < 40
    assert (consumer.health.handled, consumer.health.dead) == (96, 4)


def test_a_flood_that_only_the_store_sees_stops_the_stage_early() -> None:
    clock = ManualClock(START)
    log, shelf = MemoryLog(1, clock), Shelf(Faults([]))
    publish(log, [f"拒{n}" for n in range(1000)])
    consumer = stage(log, shelf, clock, Pace(1000, 0, 5, DeadLetterCap(most=5, among=10)))
    with pytest.raises(DeadLetterFlood, match="the last one: refused: 拒5; nothing more was"):
        consumer.run(Event())
    assert len(shelf.batches) < 30
    assert log.committed("analyzers") == {(POSTS, 0): 0}


def floods(log: MemoryLog, clock: ManualClock) -> int:
    """Starts a stage again and again until that sets nothing more aside; how often it took."""
    pace = Pace(3, 0, 5, DeadLetterCap(most=5, among=20))
    for start in range(10):
        before = len(letters(log))
        with pytest.raises(DeadLetterFlood):
            stage(log, Shelf(Faults([])), clock, pace).run(Event())
        if len(letters(log)) == before:
            return start
    pytest.fail("each start set more aside")


def test_a_stage_that_is_started_again_and_again_does_not_empty_the_stream() -> None:
    clock = ManualClock(START)
    log = MemoryLog(1, clock)
    publish(log, [*(f"好{n}" for n in range(30)), *(f"坏{n}" for n in range(100))])
    assert floods(log, clock) == 1
    assert len(letters(log)) == 3
    dropped = open_letters(log).letters()
    log.publish(DEAD_LETTERS, [closing_of(each, Outcome.DROPPED, START) for each in dropped])
    # What was dealt with makes room again.
    assert floods(log, clock) == 1
    assert letters(log) == ["坏3", "坏4", "坏5"]


def test_good_messages_make_room_for_bad_ones_after_a_restart() -> None:
    clock = ManualClock(START)
    log = MemoryLog(1, clock)
    pace = Pace(10, 0, 5, DeadLetterCap(most=2, among=20))
    for _ in range(5):
        publish(log, ["坏", "坏", *(f"好{n}" for n in range(18))])
        reader = log.reader("analyzers", (POSTS,))
        consumer = stage(log, Shelf(Faults([])), clock, pace)
        while consumer.step(reader) == 0 and consumer.health.handled < 18:
            pass
    assert len(letters(log)) == 10


def test_old_bad_messages_are_forgotten() -> None:
    clock = ManualClock(START)
    log, shelf = MemoryLog(1, clock), Shelf(Faults([]))
    reader = log.reader("analyzers", (POSTS,))
    consumer = stage(log, shelf, clock, Pace(10, 0, 5, DeadLetterCap(most=1, among=5)))
    for _ in range(4):
        publish(log, ["坏", "好1", "好2", "好3", "好4"])
        assert consumer.step(reader) == 0
    assert consumer.health.dead == 4


def test_a_defect_stops_the_stage_and_shows() -> None:
    clock = ManualClock(START)
    log, shelf = MemoryLog(1, clock), Shelf(Faults([None, ZeroDivisionError]))
    publish(log, ["好1"])
    consumer = stage(log, shelf, clock)
    with pytest.raises(ZeroDivisionError):
        consumer.run(Event())
    assert consumer.health.last_error == "after the store"
    assert log.committed("analyzers") == {(POSTS, 0): 0}


def test_run_ends_when_it_is_told_to() -> None:
    clock = ManualClock(START)
    stop = Event()

    class Last(Shelf):
        def store(self, items: Sequence[str]) -> None:
            super().store(items)
            stop.set()

    log, shelf = MemoryLog(1, clock), Last(Faults([]))
    publish(log, ["好1"])
    stage(log, shelf, clock).run(stop)
    assert log.committed("analyzers") == {(POSTS, 0): 1}


def test_lag_is_asked_for_now_and_then() -> None:
    clock = ManualClock(START)
    log, shelf = MemoryLog(1, clock), Shelf(Faults([]))
    publish(log, [f"好{n}" for n in range(20)])
    reader = log.reader("analyzers", (POSTS,))
    consumer = stage(log, shelf, clock)
    seen = []
    for _ in range(4):
        consumer.step(reader)
        seen.append(consumer.health.lag)
        clock.advance(timedelta(seconds=3))
    assert seen == [20, 20, 6, 6]


def test_lag_is_asked_for_after_the_clock_was_put_back() -> None:
    clock = ManualClock(START)
    log, shelf = MemoryLog(1, clock), Shelf(Faults([]))
    reader = log.reader("analyzers", (POSTS,))
    consumer = stage(log, shelf, clock)
    consumer.step(reader)
    publish(log, ["好1"])
    clock.advance(timedelta(hours=-1))
    consumer.step(reader)
    assert consumer.health.lags == (Lag(POSTS, 0, 1),)


def test_open_letters_are_counted_until_somebody_deals_with_them() -> None:
    clock = ManualClock(START)
    log, shelf = MemoryLog(1, clock), Shelf(Faults([]))
    publish(log, ["坏1", "坏2"])
    reader = log.reader("analyzers", (POSTS,))
    consumer = stage(log, shelf, clock, replace(QUICK, letters_seconds=0))
    consumer.step(reader)
    consumer.step(reader)
    assert consumer.health.open_letters == 2
    first = read_dead_letter(log.records(DEAD_LETTERS)[0].value)
    log.publish(DEAD_LETTERS, [closing_of(first, Outcome.REPLAYED, START)])
    consumer.step(reader)
    assert consumer.health.open_letters == 1
