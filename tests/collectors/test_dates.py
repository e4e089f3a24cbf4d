"""The times that feeds write."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.dates import read_time

MORNING = "2026-11-21 00:30:00+00:00"


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T08:30:00+08:00",
        "2026-11-21T00:30:00Z",
        "2026-11-21T08:30+08",
        "2026-11-21 08:30",
        "2026-11-21 08:30:00 +0800 CST",
        "2026年11月21日 8:30",
        "2026年11月21日 星期六 上午8时30分",
        "2026/11/21 08:30:00",
        "2026.11.21 08:30",
        "Sat, 21 Nov 2026 08:30:00 +0800",
        "Sat, 21 Nov 2026 00:30:00 GMT",
        "Sat, 21 Nov 2026 08:30:00 GMT+8",
        "Sat, 21 Nov 2026 08:30:00 +0800 (CST)",
        "Sat,21Nov202608:30:00 +0800",
        "Saturday, 21-Nov-26 00:30:00 UTC",
        "Sat Nov 21 08:30:00 CST 2026",
        "Nov 21, 2026 8:30 AM",
        "1795221000",
        "1795221000000",
    ],
)
def test_forms_of_one_moment(text: str) -> None:
    assert str(read_time(text)) == MORNING


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2026/11/21", "2026-11-20 16:00:00+00:00"),
        ("20261121", "2026-11-20 16:00:00+00:00"),
        ("2026年11月21日 下午3:05", "2026-11-21 07:05:00+00:00"),
        ("2026-11-21T24:00:00Z", "2026-11-22 00:00:00+00:00"),
        ("2026-11-21T08:30:00.25Z", "2026-11-21 08:30:00.250000+00:00"),
        ("Sat, 21 Nov 2026 08:30:00 EST", "2026-11-21 13:30:00+00:00"),
    ],
)
def test_other_moments(text: str, read: str) -> None:
    assert str(read_time(text)) == read


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "昨天 12:00",
        "刚刚",
        "3小时前",
        "nonsense",
        "0000-00-00 00:00:00",
        "1970-01-01",
        "9999-12-31",
        "2026-13-45",
        "2026-11-21 25:00",
        "0000000000",
        "Fri, 21 Foo 2026 08:30:00",
        "2026-11-21T08:30:00+99:99",
    ],
)
def test_what_cannot_be_read_is_none(text: str | None) -> None:
    assert read_time(text) is None


@settings(deadline=None)
@given(st.text() | st.text(alphabet="0123456789-:/. TZ+年月日NovSatGMT,", max_size=30))
def test_any_text_is_an_aware_time_or_none(text: str) -> None:
    moment = read_time(text)
    assert moment is None or (moment.tzinfo is not None and 1990 <= moment.year < 2100)
