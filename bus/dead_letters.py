"""Messages that can never be handled: kept in stream `dead_letters` with their reason, capped."""

from base64 import b64decode, b64encode
from collections import deque
from dataclasses import dataclass
from datetime import datetime

import msgspec

from bus.log import Record

# Escaped as JSON it may grow sixfold, and must still fit into one message of the log.
KEPT_BYTES = 100_000


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the message stood, why it is bad, and its value: text, or base64 where it is no UTF-8.

    `cut`: the value was longer, and only its beginning is kept.
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


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(DeadLetter)


def bury(record: Record, reason: str, at: datetime) -> bytes:
    """The dead letter of `record`, as JSON."""
    kept = record.value[:KEPT_BYTES]
    is_base64 = not _is_text(record.value)
    # A cut may fall inside a character, of which nothing is kept then.
    value = b64encode(kept).decode() if is_base64 else kept.decode("utf-8", "ignore")
    letter = DeadLetter(
        stream=record.stream,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        reason=reason,
        at=at,
        value=value,
        base64=is_base64,
        cut=len(kept) < len(record.value),
    )
    return _encoder.encode(letter)


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def read_dead_letter(data: bytes) -> DeadLetter:
    letter: DeadLetter = _decoder.decode(data)
    return letter


class DeadLetterFlood(RuntimeError):
    """So many messages are bad that the fault is elsewhere: the stage stops, nothing is lost."""


@dataclass(frozen=True)
class DeadLetterCap:
    """At most `most` dead letters among the last `among` messages."""

    most: int = 100
    among: int = 1000


class DeadLetterCount:
    """The last handled messages of a stage; a batch counts once it is handled, not when retried."""

    def __init__(self, cap: DeadLetterCap) -> None:
        self._cap = cap
        self._recent: deque[bool] = deque(maxlen=cap.among)

    def check(self, flags: list[bool], stream: str, last_reason: str) -> None:
        """Raises DeadLetterFlood when a batch with these flags (True: dead) would pass the cap."""
        recent = [*self._recent, *flags][-self._cap.among :]
        if sum(recent) > self._cap.most:
            message = (
                f"stream {stream}: {sum(recent)} of the last {len(recent)} messages are bad, "
                f"the cap is {self._cap.most}; the last one: {last_reason}; "
                "nothing more was committed: mend the sender or install the version that reads "
                "these messages, then start again"
            )
            raise DeadLetterFlood(message)

    def add(self, flags: list[bool]) -> None:
        self._recent.extend(flags)
