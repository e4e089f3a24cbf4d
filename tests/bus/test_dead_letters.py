"""A dead letter keeps what it can of any message, and fits into the log itself."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from bus.dead_letters import KEPT_BYTES, bury, read_dead_letter
from bus.log import MAX_VALUE_BYTES, Record

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
