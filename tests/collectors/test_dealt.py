"""Collectors that share the sources: join, leave, die, wake up late, and publish in doubt."""

import threading
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

import pytest

from bus.log import SOURCES
from collectors.asking import AT_ONCE
from collectors.holdings import Dealt
from collectors.state import State
from runtime.clock import stopwatch
from runtime.errors import ConfigError, RetryLater
from tests.collectors.crew import Crew, FaultyShare, Member, listed
from tests.collectors.documents import NOW

NAMES = tuple(f"s{number}" for number in range(12))


@pytest.fixture
def crew() -> Crew:
    crew = Crew(*NAMES)
    for name in NAMES:
        crew.sites[name] = listed(1, 2)
    return crew


def asked_by(crew: Crew, member: Member) -> set[str]:
    return {name for who, name, _ in crew.asked if who is member}


def test_one_collector_holds_all_and_says_so(crew: Crew) -> None:
    member = crew.join()
    crew.round()
    assert len(crew.asked) == 12
    assert len(crew.posts()) == 24
    assert member.holdings.notice == "12 of 12 sources"


def test_a_second_one_takes_over_its_part_where_the_first_left_it(crew: Crew) -> None:
    first = crew.join()
    crew.round()
    before = crew.kept()
    crew.asked.clear()
    second = crew.join()
    crew.round(timedelta(0))
    assert crew.asked == [], "a source that is dealt anew is asked when it is due, not before"
    crew.round()
    assert asked_by(crew, first) | asked_by(crew, second) == set(NAMES)
    assert asked_by(crew, first) & asked_by(crew, second) == set()
    assert asked_by(crew, second) == set(second.names()) != set()
    assert {ask.etag for _, name, ask in crew.asked if name == "s1"} == {"e-s1"}
    assert len(crew.posts()) == 24, "what is known is not published again"
    assert sorted(first.state.sources()) == first.names(), "what is another's is not kept here"
    assert crew.kept().keys() == before.keys()
    shares = [len(each.names()) for each in (first, second)]
    assert [each.holdings.notice for each in (first, second)] == [
        f"{share} of 12 sources" for share in shares
    ]


@pytest.mark.parametrize("leave", [Member.stop, Member.die])
def test_what_a_member_held_goes_on_elsewhere(crew: Crew, leave: Callable[[Member], None]) -> None:
    crew.join()
    gone = crew.join()
    crew.round()
    leave(gone)
    crew.members.remove(gone)
    for name in NAMES:
        crew.sites[name] = [*listed(1), *listed(2, title="改过"), *listed(3)]
    crew.round()
    assert set(crew.times_published().values()) == {1, 2}
    assert {len(times) for times in crew.counted().values()} == {1}
    assert len(crew.counted()) == 36
    day_before_first_sight = NOW + timedelta(minutes=12, days=-1)
    old = {post.counted_at for post in crew.posts() if "thread-3-" not in post.url}
    assert old == {day_before_first_sight}, "undated posts keep the time of their first sight"


def test_a_member_that_was_paused_publishes_nothing_of_what_it_holds(crew: Crew) -> None:
    slow, other = crew.join(), crew.join()
    crew.round()
    mine = set(slow.names())

    def pause() -> None:
        """While its sites answer, it is declared dead and the other one polls the same."""
        crew.while_asked = lambda: None
        slow.share.inner.expire()
        for name in NAMES:
            crew.sites[name] = listed(1, 2, 4)
        other.collector.run_once()

    crew.clock.advance(timedelta(minutes=12))
    for name in NAMES:
        crew.sites[name] = listed(1, 2, 3)
    crew.while_asked = pause
    slow.collector.run_once()
    crew.while_asked = lambda: None
    assert {len(times) for times in crew.counted().values()} == {1}
    assert set(crew.times_published().values()) == {1}
    # Of its own sources only what the other one found got out, or what both of them listed.
    found = {post for name, post in crew.counted() if name in mine}
    assert len([key for key in crew.counted() if key[0] in mine]) <= len(mine) * 4
    assert found
    crew.round()
    assert set(crew.times_published().values()) == {1}


def test_once_it_is_found_out_no_more_sites_are_asked(crew: Crew) -> None:
    paused = crew.join()
    paused.collector.run_once()
    crew.clock.advance(timedelta(minutes=12))
    crew.asked.clear()
    crew.while_asked = paused.share.inner.expire
    paused.collector.run_once()
    assert len(asked_by(crew, paused)) <= AT_ONCE < len(NAMES)


def test_what_came_back_unnoticed_is_read_anew(crew: Crew) -> None:
    away = crew.join()
    crew.round()
    away.share.inner.expire()
    other = crew.join()
    for name in NAMES:
        crew.sites[name] = listed(1, 2, 3)
    crew.clock.advance(timedelta(minutes=12))
    other.collector.run_once()
    other.stop()
    crew.members.remove(other)
    assert len(crew.posts()) == 36
    crew.round()
    assert set(crew.times_published().values()) == {1}


@pytest.mark.parametrize("lasted", [True, False])
def test_a_batch_in_doubt_is_published_again_with_the_same_times(crew: Crew, lasted: bool) -> None:
    crew.join()
    crew.fate = lambda: lasted
    crew.clock.advance(timedelta(minutes=12))
    with pytest.raises(RetryLater):
        crew.members[0].collector.run_once()
    crew.fate = lambda: None
    crew.clock.advance(timedelta(minutes=5))
    crew.members[0].collector.run_once()
    assert {len(times) for times in crew.counted().values()} == {1}
    assert {min(times) for times in crew.counted().values()} == {
        NOW + timedelta(minutes=12, days=-1)
    }
    assert len(crew.asked) == 12


@pytest.mark.parametrize("lasted", [True, False])
@pytest.mark.parametrize("comes_back", [True, False])
def test_a_batch_in_doubt_whose_source_moves_is_told_by_one(
    crew: Crew, lasted: bool, comes_back: bool
) -> None:
    doubtful = crew.join()
    crew.fate = lambda: lasted
    crew.clock.advance(timedelta(minutes=12))
    with pytest.raises(RetryLater):
        doubtful.collector.run_once()
    crew.fate = lambda: None
    if comes_back:
        doubtful.share.inner.expire()
    else:
        doubtful.die()
        crew.members.remove(doubtful)
    other = crew.join()
    crew.clock.advance(timedelta(minutes=5))
    for _ in range(2):
        other.collector.run_once()
    if comes_back:
        other.stop()
        crew.members.remove(other)
    else:
        crew.members = [other]
    crew.round()
    assert {len(times) for times in crew.counted().values()} == {1}
    assert set(crew.times_published().values()) == {1}


@pytest.mark.parametrize("lasted", [True, False])
def test_what_was_fetched_before_a_source_moved_does_not_undo_a_later_edit(
    crew: Crew, lasted: bool
) -> None:
    other, doubtful = crew.join(), crew.join()
    crew.round()
    crew.fate = lambda: lasted
    crew.clock.advance(timedelta(minutes=12))
    with pytest.raises(RetryLater):
        doubtful.collector.run_once()
    crew.fate = lambda: None
    doubtful.share.inner.expire()
    crew.clock.advance(timedelta(minutes=12))
    for name in NAMES:
        crew.sites[name] = listed(1, 2, title="改过")
    other.collector.run_once()
    other.stop()
    crew.members = [doubtful]
    crew.round(timedelta(0))
    assert len(crew.posts()) == 48
    assert {post.title for post in crew.posts()[-1:]} == {"改过"}
    for name in NAMES:
        titles = [post.title for post in crew.posts() if post.source == name]
        assert titles == ["食堂饭菜涨价"] * 2 + ["改过"] * 2


def test_while_the_log_is_away_nothing_is_asked_and_trouble_is_told_once(
    crew: Crew, capsys: pytest.CaptureFixture[str]
) -> None:
    member = crew.join()
    crew.round()
    crew.asked.clear()
    member.share.away = True
    stop = threading.Event()
    waits = 0

    def look() -> None:
        nonlocal waits
        waits += 1
        if crew.asked:
            stop.set()
        elif member.share.away:
            assert "the log is away" in member.collector.stage_health().problem
            member.share.away = waits < 200

    crew.clock.each_wait = look
    member.collector.run(stop)
    assert waits > 200
    assert len(crew.asked) == 12
    assert member.collector.stage_health().problem == ""
    told = capsys.readouterr()
    assert (told.out + told.err).count("the log is away") == 1
    assert len(crew.posts()) == 24


def test_what_was_fetched_when_the_log_went_away_is_told_when_it_is_back(crew: Crew) -> None:
    member = crew.join()
    crew.clock.advance(timedelta(minutes=12))

    def cut() -> None:
        member.share.away = True

    crew.while_asked = cut
    with pytest.raises(RetryLater):
        member.collector.run_once()
    assert crew.posts() == []
    crew.clock.advance(timedelta(minutes=3))
    member.share.away = False
    member.collector.run_once()
    assert len(crew.asked) == 12
    assert len(crew.posts()) == 24
    assert {post.seen_at for post in crew.posts()} == {NOW + timedelta(minutes=12, days=-1)}


def test_one_too_many_stands_by_in_good_health() -> None:
    crew = Crew("only", partitions=1)
    first, second = crew.join(), crew.join()
    crew.round()
    stop = threading.Event()
    crew.clock.each_wait = stop.set
    second.collector.run(stop)
    health = second.collector.stage_health()
    assert (health.standing_by, health.problem, health.notice) == (True, "", "0 of 1 sources")
    first.stop()
    crew.members = [second]
    crew.sites["only"] = listed(1)
    crew.round()
    assert second.names() == ["only"]
    assert len(crew.posts()) == 1


def test_a_stop_lets_the_others_take_over_without_waiting_for_a_slow_site(crew: Crew) -> None:
    leaving, staying = crew.join(), crew.join()
    crew.round()
    crew.clock.advance(timedelta(minutes=12))
    stop, slow = threading.Event(), threading.Event()

    def hang() -> None:
        stop.set()
        slow.wait(30)

    crew.while_asked = hang
    began = stopwatch()
    leaving.collector.run(stop)
    leaving.stop()
    assert stopwatch() - began < 6
    crew.while_asked = lambda: None
    crew.members = [staying]
    for name in NAMES:
        crew.sites[name] = listed(1, 2, 3)
    crew.round()
    slow.set()
    assert set(staying.names()) == set(NAMES)
    assert set(crew.times_published().values()) == {1}


def test_while_sites_are_slow_the_share_is_asked_for(crew: Crew) -> None:
    """The renewal that is due comes before the rest of the sites, not after all of them."""
    member = crew.join()
    member.holdings.busy_seconds = -1
    left: list[int] = []
    mine = member.share.inner.mine

    def count(timeout_seconds: float = 0) -> frozenset[int]:
        left.append(12 - len(crew.asked))
        return mine(timeout_seconds)

    member.share.inner.mine = count  # type: ignore[method-assign]
    crew.clock.advance(timedelta(minutes=12))
    assert member.collector.run_once() == 12
    assert [each for each in left if 0 < each < 12], left


class Grown(FaultyShare):
    """It knew the number of partitions before one was added, which is dealt to it."""

    def mine(self, timeout_seconds: float = 0) -> frozenset[int]:
        return super().mine(timeout_seconds) | {self.partitions}


def test_partitions_that_are_added_are_refused_by_whoever_knew_the_old_number(crew: Crew) -> None:
    """Those who start now would ask sources that this one asks as well."""
    share = Grown(crew.log.share("collectors", SOURCES), lambda: None)
    holdings = Dealt(crew.sources, share, State(None))
    with closing(holdings), pytest.raises(ConfigError, match="4 was added: their number was"):
        holdings.renew(NOW)
