"""Messages that can never be handled: kept in stream `dead_letters` with their reason, capped.

A letter that was dealt with is followed, in its partition, by a record that says so.
"""

from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec

from bus.log import DEAD_LETTERS, Entry, Log, Record
from runtime.clock import stopwatch
from runtime.logs import logger

# Escaped as JSON it may grow sixfold, and must still fit into one message of the log.
KEPT_BYTES = 100_000
_KEPT_CHARACTERS = 1_000
_LOOK_AGAIN_SECONDS = 3600.0

# Where a message stood: stream, partition, offset.
Origin = tuple[str, int, int]


class Outcome(StrEnum):
    """What became of a letter that is no longer open."""

    REPLAYED = "replayed"
    DROPPED = "dropped"


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the message stood, why it is bad, and its value: text, or base64 where it is no UTF-8.

    `cut`: the key or value was longer, and only its beginning is kept.
    """

    stream: str
    partition: int
    offset: int
    key: str
    reason: str
    at: datetime
    value: str
    base64: bool = False
    cut: bool = False

    @property
    def data(self) -> bytes:
        return b64decode(self.value) if self.base64 else self.value.encode()

    @property
    def origin(self) -> Origin:
        return self.stream, self.partition, self.offset


class _Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What letters and the records that follow them have in common; a letter has no outcome."""

    stream: str
    partition: int
    offset: int
    at: datetime
    outcome: Outcome | None = None


lines = logger("dead_letters")
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(DeadLetter)
_marks = msgspec.json.Decoder(_Mark)


def bury(record: Record, reason: str, at: datetime) -> bytes:
    """The dead letter of `record`, as JSON."""
    kept = record.value[:KEPT_BYTES]
    key = record.key[:_KEPT_CHARACTERS]
    is_base64 = not _is_text(record.value)
    # A cut may fall inside a character, of which nothing is kept then.
    value = b64encode(kept).decode() if is_base64 else kept.decode("utf-8", "ignore")
    letter = DeadLetter(
        stream=record.stream,
        partition=record.partition,
        offset=record.offset,
        key=key,
        reason=reason[:_KEPT_CHARACTERS],
        at=at,
        value=value,
        base64=is_base64,
        cut=len(kept) < len(record.value) or len(key) < len(record.key),
    )
    return _encoder.encode(letter)


def letter_of(record: Record, reason: str, at: datetime) -> Entry:
    return Entry(record.key[:_KEPT_CHARACTERS], bury(record, reason, at))


def closing_of(letter: DeadLetter, outcome: Outcome, at: datetime) -> Entry:
    """The record that closes `letter`: of its key, so that it comes after it."""
    stream, partition, offset = letter.origin
    mark = _Mark(stream=stream, partition=partition, offset=offset, at=at, outcome=outcome)
    return Entry(letter.key, _encoder.encode(mark))


def origin_of(record: Record) -> Origin:
    return record.stream, record.partition, record.offset


def as_text(origin: Origin) -> str:
    """As people read and type it: posts/2/41."""
    return "/".join(str(part) for part in origin)


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def read_dead_letter(data: bytes) -> DeadLetter:
    letter: DeadLetter = _decoder.decode(data)
    return letter


class OpenLetters:
    """The letters that nobody has dealt with; each `refresh` reads on from where it was.

    Of one thread. Holds where they stand and no text.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._begin()

    def _begin(self) -> None:
        self._began = stopwatch()
        self._next: dict[int, int] = {}
        self._open: dict[Origin, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Origin]:
        return iter(self._open)

    def refresh(self) -> None:
        """Raises RetryLater while the log can't be reached."""
        if stopwatch() - self._began > _LOOK_AGAIN_SECONDS:
            # Old letters go with the retention, and nothing tells of it.
            self._begin()
        for record in self._log.scan(DEAD_LETTERS, self._next):
            self._note(record)
            self._next[record.partition] = record.offset + 1

    def letters(self) -> Iterator[DeadLetter]:
        """Those that were open at the last `refresh`, a partition after another."""
        standing = set(self._open.values())
        for record in self._log.scan(DEAD_LETTERS):
            if (record.partition, record.offset) in standing:
                yield read_dead_letter(record.value)

    def near(self, stream: str, partition: int) -> set[int]:
        """Where open letters of this partition stood in it."""
        return {offset for at, number, offset in self._open if (at, number) == (stream, partition)}

    def _note(self, record: Record) -> None:
        try:
            mark = _marks.decode(record.value)
            if mark.outcome is None:
                letter = read_dead_letter(record.value)
                self._open[letter.origin] = (record.partition, record.offset)
            else:
                self._open.pop((mark.stream, mark.partition, mark.offset), None)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            lines.warning("not a dead letter", place=as_text(origin_of(record)), problem=str(error))


class DeadLetterFlood(RuntimeError):
    """So many messages are bad that the fault is elsewhere: the stage stops, nothing is lost."""


@dataclass(frozen=True)
class DeadLetterCap:
    """At most `most` dead letters among the last `among` messages: of this run, and of a partition.

    What a partition had before this run is known from the letters that are still open. So a stage
    that is started again and again does not empty a stream by `most` each time.
    """

    most: int = 100
    among: int = 1000


class DeadLetterCount:
    """The last handled messages of a stage; a batch counts once it is handled, not when retried."""

    def __init__(self, cap: DeadLetterCap) -> None:
        self._cap = cap
        self._recent: deque[bool] = deque(maxlen=cap.among)

    def check(
        self, records: Sequence[Record], dead: Mapping[Origin, str], kept: OpenLetters
    ) -> None:
        """Raises DeadLetterFlood when this batch would pass the cap; `dead`: its bad ones, why."""
        recent = [*self._recent, *flags(records, dead)][-self._cap.among :]
        (stream, _, _), reason = list(dead.items())[-1]
        if sum(recent) > self._cap.most:
            found = f"{sum(recent)} of the last {len(recent)} messages"
            raise self._flood(found, stream, reason)
        for stream, partition in {(stream, number) for stream, number, _ in dead}:
            self._check_place(stream, partition, dead, kept)

    def add(self, flags: Sequence[bool]) -> None:
        self._recent.extend(flags)

    def _check_place(
        self, stream: str, partition: int, dead: Mapping[Origin, str], kept: OpenLetters
    ) -> None:
        bad = {at for name, number, at in dead if (name, number) == (stream, partition)}
        last = max(bad)
        first = last - self._cap.among
        near = [at for at in bad | kept.near(stream, partition) if first < at <= last]
        if len(near) > self._cap.most:
            found = f"{len(near)} of the last {self._cap.among} messages of partition {partition}"
            raise self._flood(found, stream, dead[stream, partition, last])

    def _flood(self, found: str, stream: str, reason: str) -> DeadLetterFlood:
        message = (
            f"stream {stream}: {found} are bad, the cap is {self._cap.most}; the last one: "
            f"{reason}; nothing more was committed: mend the sender or install the version that "
            "reads these messages, then start again; if they may be left out, look at `huisheng "
            "dead-letters list`, then `drop` or `replay` those first"
        )
        return DeadLetterFlood(message)


def flags(records: Sequence[Record], dead: Mapping[Origin, str]) -> list[bool]:
    """Of each record, whether it is dead."""
    return [origin_of(record) in dead for record in records]
