"""The loop of a stage: poll, read each message, store the batch, commit; nothing in another order.

Three failures, three outcomes: BadMessage is a dead letter, RetryLater waits, all else stops.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Event
from typing import Generic, TypeVar

from bus.dead_letters import (
    DeadLetterCap,
    DeadLetterCount,
    OpenLetters,
    Origin,
    as_text,
    flags,
    letter_of,
    origin_of,
)
from bus.dead_letters import DeadLetterFlood as DeadLetterFlood
from bus.log import DEAD_LETTERS, Lag, Log, Place, Reader, Record
from runtime.clock import Clock, stopwatch
from runtime.errors import BadMessage, RetryLater
from runtime.logs import Outage, logger

T = TypeVar("T")

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0


@dataclass(frozen=True)
class Work(Generic[T]):
    """What a stage does with its messages.

    `read` turns one record into an item, and raises BadMessage when that can never be done.
    `store` makes all items of a batch durable, and raises RetryLater while it can't; BadMessage
    when some can never be stored: it is given the halves then, down to the ones that are bad. It is
    given the same items again after a failure or a crash; a batch without any item it never sees.
    `set_aside` is told of each dead letter once it is kept; `measured` is given the seconds that
    each batch took, from read to committed. `between` is called before each poll, also while
    nothing comes; it may raise RetryLater.
    """

    group: str
    streams: tuple[str, ...]
    read: Callable[[Record], T]
    store: Callable[[Sequence[T]], None]
    set_aside: Callable[[Record], None] = lambda _: None
    measured: Callable[[float], None] = lambda _: None
    between: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Pace:
    """`letters_seconds`: how often it is looked what became of the dead letters."""

    batch_size: int = 500
    poll_seconds: float = 0.5
    lag_seconds: float = 5.0
    cap: DeadLetterCap = field(default_factory=DeadLetterCap)
    letters_seconds: float = 60.0


@dataclass(frozen=True)
class ConsumerHealth:
    """`last_error`: what holds the stage up now; `last_dead`: which message was set aside, why.

    `beat_at`: when its loop last went round, well or not; `open_letters`: of all streams, those
    that nobody has dealt with.
    """

    last_ok_at: datetime | None = None
    beat_at: datetime | None = None
    handled: int = 0
    dead: int = 0
    open_letters: int = 0
    last_error: str | None = None
    last_dead: str | None = None
    lags: tuple[Lag, ...] | None = None

    @property
    def lag(self) -> int | None:
        return None if self.lags is None else sum(part.messages for part in self.lags)


@dataclass(frozen=True)
class _Batch(Generic[T]):
    """`dead`: of each bad record, why."""

    records: Sequence[Record]
    read: list[tuple[Record, T]] = field(default_factory=list)
    dead: dict[Origin, str] = field(default_factory=dict)


class Consumer(Generic[T]):
    """One thread runs it; `health` may be asked from any other."""

    def __init__(self, log: Log, work: Work[T], clock: Clock, pace: Pace | None = None) -> None:
        self._log, self._work, self._clock = log, work, clock
        self._lines = logger(work.group)
        self._outage = Outage(self._lines)
        self._pace = pace or Pace()
        self._recent = DeadLetterCount(self._pace.cap)
        self._letters = OpenLetters(log)
        self._health = ConsumerHealth()
        self._lag_at: datetime | None = None
        self._letters_at: float | None = None
        self._failures = 0

    @property
    def health(self) -> ConsumerHealth:
        return self._health

    def run(self, stop: Event) -> None:
        """Until `stop` is set; raises DeadLetterFlood, and whatever is a defect of this stage."""
        reader = self._log.reader(self._work.group, self._work.streams)
        try:
            while not stop.is_set():
                pause = self.step(reader)
                if pause:
                    self._clock.wait(stop, pause)
        except Exception as error:
            self._health = replace(self._health, last_error=str(error))
            raise
        finally:
            reader.close()

    def step(self, reader: Reader) -> float:
        """One batch; returns for how many seconds to pause after it, 0 when all went well."""
        try:
            self._work.between()
            records = reader.poll(self._pace.batch_size, self._pace.poll_seconds)
            self._look_at_lag(reader)
            self._look_at_letters()
            if records:
                self._handle(reader, records)
        except RetryLater as error:
            reader.rewind()
            return self._note_failure(error)
        self._note_success()
        return 0

    def _handle(self, reader: Reader, records: Sequence[Record]) -> None:
        begun = stopwatch()
        batch = self._read_all(records)
        if batch.dead:
            self._letters.refresh()
            self._check_cap(batch)
        if batch.read:
            self._store(batch, batch.read)
        dead = [record for record in records if origin_of(record) in batch.dead]
        # After the store: a store that is away for an hour must not repeat them at each try.
        if dead:
            self._bury(batch, dead)
        reader.commit(records)
        self._recent.add(flags(records, batch.dead))
        self._health = replace(
            self._health,
            handled=self._health.handled + len(records) - len(dead),
            dead=self._health.dead + len(dead),
        )
        seconds = stopwatch() - begun
        self._work.measured(seconds)
        self._lines.info("batch", ranges=ranges(records), dead=len(dead), seconds=round(seconds, 3))

    def _read_all(self, records: Sequence[Record]) -> _Batch[T]:
        batch: _Batch[T] = _Batch(records)
        for record in records:
            try:
                batch.read.append((record, self._work.read(record)))
            except BadMessage as error:
                batch.dead[origin_of(record)] = str(error)
        return batch

    def _store(self, batch: _Batch[T], part: Sequence[tuple[Record, T]]) -> None:
        """What the store refuses for good is found by halving, so that all else is stored."""
        try:
            self._work.store([item for _, item in part])
            return
        except BadMessage as error:
            reason = str(error)
        if len(part) == 1:
            if not batch.dead:
                self._letters.refresh()
            batch.dead[origin_of(part[0][0])] = reason
            self._check_cap(batch)
            return
        middle = len(part) // 2
        self._store(batch, part[:middle])
        self._store(batch, part[middle:])

    def _check_cap(self, batch: _Batch[T]) -> None:
        self._recent.check(batch.records, batch.dead, self._letters)

    def _bury(self, batch: _Batch[T], dead: Sequence[Record]) -> None:
        at = self._clock.now()
        reasons = [batch.dead[origin_of(record)] for record in dead]
        letters = [letter_of(*each, at) for each in zip(dead, reasons, strict=True)]
        self._log.publish(DEAD_LETTERS, letters)
        self._letters_at = None
        for record, reason in zip(dead, reasons, strict=True):
            place_and_reason = f"{as_text(origin_of(record))}: {reason}"
            self._lines.warning("message set aside", place_and_reason=place_and_reason)
            self._health = replace(self._health, last_dead=place_and_reason)
            self._work.set_aside(record)

    def _look_at_lag(self, reader: Reader) -> None:
        now = self._clock.now()
        # Either way: a clock that was put back must not stop the looking. Before the first share of
        # the partitions is dealt there is no lag to be seen: look again soon.
        since = abs(now - self._lag_at).total_seconds() if self._lag_at else None
        if self._health.lags and since is not None and since < self._pace.lag_seconds:
            return
        lags = tuple(reader.lag())
        self._lag_at = now
        self._health = replace(self._health, lags=lags)

    def _look_at_letters(self) -> None:
        now = stopwatch()
        if self._letters_at is None or now - self._letters_at >= self._pace.letters_seconds:
            self._letters.refresh()
            self._letters_at = now
            self._health = replace(self._health, open_letters=len(self._letters))

    def _note_failure(self, error: RetryLater) -> float:
        problem = str(error)
        self._outage.away(problem)
        self._health = replace(self._health, beat_at=self._clock.now(), last_error=problem)
        self._failures += 1
        return pause_seconds(self._failures)

    def _note_success(self) -> None:
        self._outage.back()
        self._failures = 0
        now = self._clock.now()
        self._health = replace(self._health, last_ok_at=now, beat_at=now, last_error=None)


def ranges(records: Sequence[Record]) -> list[str]:
    """`posts/0:120-168`: what of each partition is in a batch, for its line in the log."""
    offsets: dict[Place, list[int]] = {}
    for record in records:
        offsets.setdefault((record.stream, record.partition), []).append(record.offset)
    return [f"{stream}/{part}:{min(of)}-{max(of)}" for (stream, part), of in offsets.items()]


def pause_seconds(failures: int) -> float:
    """Doubles with each failure in a row, from half a second to half a minute."""
    doublings = min(failures - 1, 10)
    return min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0**doublings)
