"""The loop of a stage: poll, read each message, store the batch, commit; nothing in another order.

Three failures, three outcomes: BadMessage is a dead letter, RetryLater waits, all else stops.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Event
from typing import Generic, TypeVar

from bus.dead_letters import DeadLetterCap, DeadLetterCount, bury
from bus.dead_letters import DeadLetterFlood as DeadLetterFlood
from bus.log import DEAD_LETTERS, Entry, Lag, Log, Reader, Record
from runtime.clock import Clock
from runtime.errors import BadMessage, RetryLater
from runtime.logs import logger

T = TypeVar("T")

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0


@dataclass(frozen=True)
class Work(Generic[T]):
    """What a stage does with its messages.

    `read` turns one record into an item, and raises BadMessage when that can never be done.
    `store` makes all items of a batch durable, and raises RetryLater while it can't. It is given
    the same items again after a failure or a crash; a batch without any item it never sees.
    """

    group: str
    streams: tuple[str, ...]
    read: Callable[[Record], T]
    store: Callable[[Sequence[T]], None]


@dataclass(frozen=True)
class Pace:
    batch_size: int = 500
    poll_seconds: float = 0.5
    lag_seconds: float = 5.0
    cap: DeadLetterCap = field(default_factory=DeadLetterCap)


@dataclass(frozen=True)
class ConsumerHealth:
    """`last_error`: what holds the stage up now; `last_dead`: which message was set aside, why."""

    last_ok_at: datetime | None = None
    handled: int = 0
    dead: int = 0
    last_error: str | None = None
    last_dead: str | None = None
    lags: tuple[Lag, ...] | None = None

    @property
    def lag(self) -> int | None:
        return None if self.lags is None else sum(part.messages for part in self.lags)


@dataclass(frozen=True)
class _Batch(Generic[T]):
    """`flags`: of each record, whether it is dead."""

    items: list[T] = field(default_factory=list)
    dead: list[tuple[Record, str]] = field(default_factory=list)
    flags: list[bool] = field(default_factory=list)


class Consumer(Generic[T]):
    """One thread runs it; `health` may be asked from any other."""

    def __init__(self, log: Log, work: Work[T], clock: Clock, pace: Pace | None = None) -> None:
        self._log, self._work, self._clock = log, work, clock
        self._lines = logger(work.group)
        self._pace = pace or Pace()
        self._recent = DeadLetterCount(self._pace.cap)
        self._health = ConsumerHealth()
        self._lag_at: datetime | None = None
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
            records = reader.poll(self._pace.batch_size, self._pace.poll_seconds)
            self._look_at_lag(reader)
            if records:
                self._handle(reader, records)
        except RetryLater as error:
            reader.rewind()
            return self._note_failure(error)
        self._note_success()
        return 0

    def _handle(self, reader: Reader, records: Sequence[Record]) -> None:
        batch = self._read_all(records)
        if batch.dead:
            last, reason = batch.dead[-1]
            self._recent.check(batch.flags, last.stream, reason)
        if batch.items:
            self._work.store(batch.items)
        # After the store: a store that is away for an hour must not repeat them at each try.
        if batch.dead:
            self._log.publish(DEAD_LETTERS, self._letters(batch.dead))
        reader.commit(records)
        self._recent.add(batch.flags)
        self._health = replace(
            self._health,
            handled=self._health.handled + len(batch.items),
            dead=self._health.dead + len(batch.dead),
            last_dead=self._tell_dead(batch.dead) or self._health.last_dead,
        )

    def _tell_dead(self, dead: Sequence[tuple[Record, str]]) -> str | None:
        told = None
        for record, reason in dead:
            told = f"{record.stream}/{record.partition}/{record.offset}: {reason}"
            self._lines.warning("message set aside", place_and_reason=told)
        return told

    def _read_all(self, records: Sequence[Record]) -> _Batch[T]:
        batch: _Batch[T] = _Batch()
        for record in records:
            try:
                batch.items.append(self._work.read(record))
                batch.flags.append(False)
            except BadMessage as error:
                batch.dead.append((record, str(error)))
                batch.flags.append(True)
        return batch

    def _letters(self, dead: Sequence[tuple[Record, str]]) -> list[Entry]:
        at = self._clock.now()
        return [Entry(record.key, bury(record, reason, at)) for record, reason in dead]

    def _look_at_lag(self, reader: Reader) -> None:
        now = self._clock.now()
        if self._lag_at and now - self._lag_at < timedelta(seconds=self._pace.lag_seconds):
            return
        lags = tuple(reader.lag())
        self._lag_at = now
        self._health = replace(self._health, lags=lags)

    def _note_failure(self, error: RetryLater) -> float:
        told = str(error)
        if told != self._health.last_error:
            self._lines.warning("holds, and tries again", problem=told)
        self._health = replace(self._health, last_error=told)
        self._failures += 1
        return pause_seconds(self._failures)

    def _note_success(self) -> None:
        if self._failures:
            self._lines.warning("goes on", tries=self._failures)
        self._failures = 0
        self._health = replace(self._health, last_ok_at=self._clock.now(), last_error=None)


def pause_seconds(failures: int) -> float:
    """Doubles with each failure in a row, from half a second to half a minute."""
    doublings = min(failures - 1, 10)
    return min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0**doublings)
