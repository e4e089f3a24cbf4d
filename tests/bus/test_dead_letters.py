"""A dead letter keeps what it can of any message, and fits into the log itself."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bus.dead_letters import (
    KEPT_BYTES,
    OpenLetters,
    Outcome,
    as_text,
    bury,
    closing_of,
    letter_of,
    read_dead_letter,
)
from bus.log import DEAD_LETTERS, MAX_VALUE_BYTES, Entry, Log, Record
from bus.memory_log import MemoryLog
from runtime.clock import ManualClock

AT = datetime(2026, 3, 1, tzinfo=UTC)


def record(value: bytes) -> Record:
    return Record("posts", 2, 41, "源", value)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_value_comes_back(value: bytes) -> None:
    letter = read_dead_letter(bury(record(value), "why", AT))
    assert (letter.data, letter.cut, letter.at) == (value, False, AT)


def test_text_stays_text_and_other_bytes_are_marked() -> None:
    assert read_dead_letter(bury(record("食堂".encode()), "why", AT)).value == "食堂"
    assert read_dead_letter(bury(record(b"\xff\x00"), "why", AT)).base64


def test_a_long_value_is_cut_between_characters() -> None:
    value = "校".encode() * KEPT_BYTES
    letter = read_dead_letter(bury(record(value), "why", AT))
    assert letter.cut
    assert not letter.base64
    assert set(letter.value) == {"校"}
    assert len(letter.data) == KEPT_BYTES // 3 * 3


def test_the_worst_value_fits_into_a_message() -> None:
    assert len(bury(record(b"\x01" * MAX_VALUE_BYTES), "why", AT)) < MAX_VALUE_BYTES
    assert len(bury(record(b"\xff" * MAX_VALUE_BYTES), "why", AT)) < MAX_VALUE_BYTES


def test_a_key_of_any_length_fits_too() -> None:
    worst = Record("posts", 2, 41, "源" * MAX_VALUE_BYTES, b"x")
    entry = letter_of(worst, "why" * MAX_VALUE_BYTES, AT)
    assert len(entry.key.encode()) + len(entry.value) < MAX_VALUE_BYTES
    assert read_dead_letter(entry.value).cut


def note(log: Log, offset: int, partition: int = 2) -> None:
    entry = letter_of(Record("posts", partition, offset, "源", b"x"), "why", AT)
    log.publish(DEAD_LETTERS, [entry])


def close(log: Log, found: OpenLetters, place: str) -> None:
    (letter,) = (each for each in found.letters() if as_text(each.origin) == place)
    log.publish(DEAD_LETTERS, [closing_of(letter, Outcome.DROPPED, AT)])


def test_a_letter_is_open_until_a_record_closes_it() -> None:
    log = MemoryLog(4, ManualClock(AT))
    found = OpenLetters(log)
    for offset in (7, 8, 8, 9):
        note(log, offset)
    note(log, 8, partition=3)
    found.refresh()
    assert sorted(found) == [("posts", 2, 7), ("posts", 2, 8), ("posts", 2, 9), ("posts", 3, 8)]
    assert found.near("posts", 2) == {7, 8, 9}
    assert len([*found.letters()]) == len(found) == 4
    close(log, found, "posts/2/8")
    found.refresh()
    assert sorted(map(as_text, found)) == ["posts/2/7", "posts/2/9", "posts/3/8"]
    afresh = OpenLetters(log)
    afresh.refresh()
    assert sorted(afresh) == sorted(found)


def test_what_is_set_aside_again_is_seen_again() -> None:
    """A stage killed before its commit tells it twice, and somebody may be quicker: not hidden."""
    log = MemoryLog(1, ManualClock(AT))
    found = OpenLetters(log)
    note(log, 7)
    found.refresh()
    close(log, found, "posts/2/7")
    note(log, 7)
    found.refresh()
    assert len(found) == 1


def test_what_is_no_letter_is_told_and_passed_over() -> None:
    log = MemoryLog(1, ManualClock(AT))
    values = (
        b"\xff",
        b"{}",
        b'{"stream":"posts","partition":1,"offset":2,"at":"2026-03-01T00:00Z"}',
    )
    log.publish(DEAD_LETTERS, [Entry("k", value) for value in values])
    note(log, 7)
    found = OpenLetters(log)
    with capture_logs() as lines:
        found.refresh()
    assert [as_text(letter.origin) for letter in found.letters()] == ["posts/2/7"]
    assert [line["place"] for line in lines] == [f"dead_letters/0/{n}" for n in range(3)]
