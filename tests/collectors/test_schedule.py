"""When sources are asked next."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.schedule import failure_weight, next_check, one_per_host
from runtime.config import Source
from schemas.posts import PollOutcome, SourceKind
from tests.collectors.documents import NOW


def source(name: str = "s", url: str = "https://a.example/f", minutes: float = 10) -> Source:
    return Source(id=name, name=name, kind=SourceKind.FORUM, url=url, interval_minutes=minutes)


def minutes_until(failures: float = 0, wait_seconds: float = 0, interval: float = 10) -> float:
    due = next_check(source(minutes=interval), NOW, failures, wait_seconds)
    return (due - NOW) / timedelta(minutes=1)


def test_interval_with_a_little_of_each_sources_own() -> None:
    assert 10 <= minutes_until() <= 11
    assert minutes_until() == minutes_until()
    due = {next_check(source(f"s{n}"), NOW, 0, 0) for n in range(50)}
    assert len(due) == 50


def test_failures_lengthen_the_pause_linearly_up_to_a_cap() -> None:
    assert 20 <= minutes_until(failures=1) <= 22
    assert 15 <= minutes_until(failures=0.5) <= 16.5
    assert 300 <= minutes_until(failures=1000) <= 330
    assert 1440 <= minutes_until(failures=1000, interval=60) <= 1584
    assert 1440 <= minutes_until(failures=5, interval=1440) <= 1584


def test_what_the_site_asks_for_counts_when_longer() -> None:
    assert minutes_until(wait_seconds=60) == minutes_until()
    assert minutes_until(wait_seconds=7200) == 120
    assert minutes_until(wait_seconds=1e9) == 1440


@settings(deadline=None)
@given(st.floats(0, 1e6), st.floats(0, 1e9), st.floats(1, 1440))
def test_never_before_the_interval_nor_past_a_day_and_its_jitter(
    failures: float, wait_seconds: float, interval: float
) -> None:
    assert interval <= minutes_until(failures, wait_seconds, interval) + 1e-6 <= 1440 * 1.1 + 1


@pytest.mark.parametrize(
    ("outcome", "status", "weight"),
    [
        (PollOutcome.OK, 200, 0),
        (PollOutcome.NOT_MODIFIED, 304, 0),
        (PollOutcome.HTTP_ERROR, 404, 0.5),
        (PollOutcome.HTTP_ERROR, 429, 0.5),
        (PollOutcome.HTTP_ERROR, 503, 0.5),
        (PollOutcome.TIMEOUT, None, 0.5),
        (PollOutcome.HTTP_ERROR, 403, 1),
        (PollOutcome.UNREACHABLE, None, 1),
        (PollOutcome.NOT_A_FEED, 200, 1),
    ],
)
def test_weights(outcome: PollOutcome, status: int | None, weight: float) -> None:
    assert failure_weight(outcome, status) == weight


def test_one_per_host() -> None:
    first, second = source("1", "https://a.example/1"), source("2", "https://A.example/2")
    third = source("3", "https://b.example/1")
    assert one_per_host([first, second, third]) == ([first, third], [second])
    assert one_per_host([]) == ([], [])
