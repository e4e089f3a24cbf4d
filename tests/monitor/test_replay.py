"""Replay: the whole way from post objects to events, without a clock, a disk or a network."""

import random
from dataclasses import replace
from datetime import datetime
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.pipeline import follow
from alerting.tiers import Levels, Moment
from alerting.windows import MemoryWindows
from monitor.replay import Sighting, arrivals, replay, sighting, tick_of
from runtime.config import Config, Period
from runtime.settings import SHIPPED, load_config
from schemas.matters import Event, EventKind, Matter, MatterKey, NotifyReason, Tier
from schemas.posts import Owed, Post, RawPost, SourceKind, TaggedPost
from schemas.windows import EMPTY, WindowRules
from tests.made import START, minutes, tagged

CONFIG = load_config(SHIPPED)
HOUR = 60


def label(post: RawPost) -> TaggedPost:
    """Tags from the title, so that a test says what a post is: 'fees complaint danger'."""
    topic, owed, *danger = post.title.split()
    return tagged(post, topics=(topic,), owed=Owed(owed), danger=bool(danger))


def sight(name: str, at: float, title: str = "fees complaint", **fields: object) -> Sighting:
    given_fields: dict[str, object] = {"source": "bbs", "source_kind": SourceKind.FORUM}
    moment = START + minutes(at)
    post = Post(
        id=name,
        url="",
        title=title,
        body="",
        published_at=moment,
        **{**given_fields, **fields},  # type: ignore[arg-type]
    )
    return Sighting(post, moment)


def events(sightings: list[Sighting], config: Config = CONFIG) -> list[Event]:
    return list(replay(arrivals(sightings, label), config))


def story(found: list[Event]) -> list[tuple[float, EventKind, Tier]]:
    return [((event.at - START).total_seconds() / 60, event.kind, event.tier) for event in found]


def test_a_small_matter_opens_and_closes_after_two_quiet_days() -> None:
    found = events([sight("1", 0), sight("2", 1), sight("3", 2.5)])
    assert story(found) == [
        (3, EventKind.OPENED, Tier.GENERAL),
        (48 * HOUR + 3, EventKind.CLOSED, Tier.GENERAL),
    ]
    assert found[1].reason is NotifyReason.QUIET


def test_danger_is_one_event_at_the_highest_tier() -> None:
    found = events([sight("1", 0, "fees complaint danger")])
    assert story(found)[0] == (0, EventKind.OPENED, Tier.GRAVE)
    assert story(found)[-1] == (48 * HOUR, EventKind.CLOSED, Tier.GRAVE)


def test_replies_lift_and_their_passing_lowers() -> None:
    first = [sight(str(n), n, source=source) for n, source in enumerate(["a", "b", "c"])]
    more = replace(first[0], post=replace_numbers(first[0].post, 600), seen_at=START + minutes(60))
    found = events([*first, more])
    assert story(found) == [
        (2, EventKind.OPENED, Tier.GENERAL),
        (60, EventKind.RAISED, Tier.MAJOR),
        (31 * HOUR, EventKind.LOWERED, Tier.GENERAL),
        (48 * HOUR + 2, EventKind.CLOSED, Tier.GENERAL),
    ]
    assert found[1].window.replies == 600


def replace_numbers(post: Post, replies: int) -> Post:
    fields = {name: getattr(post, name) for name in post.__struct_fields__}
    return Post(**{**fields, "replies": replies})


def test_a_matter_comes_back_within_thirty_days_as_the_same() -> None:
    again = [sight(f"b{n}", 10 * 24 * HOUR + n) for n in range(3)]
    found = events([*(sight(str(n), n) for n in range(3)), *again])
    kinds = [event.kind for event in found]
    assert kinds == [EventKind.OPENED, EventKind.CLOSED, EventKind.REOPENED, EventKind.CLOSED]
    assert len({event.matter_id for event in found}) == 1
    assert [event.sequence for event in found] == [1, 2, 3, 4]


def test_copies_at_one_time_give_the_highest_numbers_and_greatest_text() -> None:
    posts = [sight(str(n), 0) for n in range(3)]
    low, high = (replace(posts[0], post=replace_numbers(posts[0].post, n)) for n in (10, 60))
    assert events([low, high, *posts]) == events([*posts, high, low])
    assert events([low, high, *posts])[0].window.replies == 60


def test_danger_found_after_the_closing_reopens_whatever_else_is_seen_with_it() -> None:
    opening = [sight(str(n), n) for n in range(3)]
    old = sight("old", 47 * HOUR, "fees complaint danger")
    late = replace(old, seen_at=START + minutes(60 * HOUR + 0.8))
    new = sight("new", 60 * HOUR + 0.2, "fees complaint danger")
    found = story(events([*opening, late, new]))
    assert (60 * HOUR + 1, EventKind.REOPENED, Tier.GRAVE) in found
    assert story(events([*opening, late]))[-2][1] is EventKind.REOPENED


def test_copies_merge_the_same_in_any_order() -> None:
    posts = [sight(str(n), 0) for n in range(3)]
    plain, threaded, told = (
        sight("9", 0),
        sight("9", 0, thread_id="0"),
        sight("9", 0, replies=100),
    )
    results = {tuple(events([*posts, *order])) for order in permutations((plain, threaded, told))}
    assert len(results) == 1


def test_a_long_thread_is_no_burden() -> None:
    """Each reply of a thread used to be compared with each other at each step of time."""
    thread = [sight(str(n), n / 60, thread_id="0", replies=0) for n in range(800)]
    assert story(events(thread))[0][1] is EventKind.OPENED


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00"])
def test_a_time_out_of_reach_is_no_sighting(text: str) -> None:
    post = replace(sight("1", 0)).post
    fields = {name: getattr(post, name) for name in post.__struct_fields__}
    odd = Post(**{**fields, "published_at": datetime.fromisoformat(text)})
    assert sighting(odd) is None


def test_a_key_period_is_noticed_when_it_begins_and_ends() -> None:
    period = {"name": "中考", "start": START + minutes(120), "end": START + minutes(180)}
    config = CONFIG.model_copy(update={"periods": [Period.model_validate(period)]})
    posts = [sight(str(n), n / 60, source=f"s{n % 2}") for n in range(60)]
    found = events(posts, config)
    raised = [event for event in found if event.kind is EventKind.RAISED]
    assert [(e.at, e.reason) for e in raised][-1] == (
        START + minutes(120),
        NotifyReason.KEY_GROWING,
    )


def every_minute(sightings: list[Sighting]) -> list[Event]:
    """The slow way: look at every matter in every minute."""
    at_tick = arrivals(sightings, label)
    levels = Levels(CONFIG.alerts)
    windows = MemoryWindows(WindowRules(levels.rules.opening.concerns, ("praise",)))
    matters: dict[MatterKey, Matter] = {}
    found: list[Event] = []
    at = min(at_tick)
    while at <= max(at_tick) or any(matter.open for matter in matters.values()):
        windows.advance(at)
        for arrival in at_tick.get(at, ()):
            if isinstance(arrival, TaggedPost):
                windows.add(arrival)
            else:
                windows.read(arrival)
        counts = windows.counts(at)
        keys = set(counts) | set(matters)
        moments = [Moment(key, at, counts.get(key, EMPTY), 1.0) for key in keys]
        for change in follow(matters, moments, {}, levels):
            matters[change.matter.key] = change.matter
            if change.event:
                found.append(change.event)
        at += minutes(1)
    return found


def sight_late(name: str, at: float, title: str, late: int, **fields: object) -> Sighting:
    one = sight(name, at, title, **fields)
    return replace(one, seen_at=one.seen_at + minutes(late))


streams = st.lists(
    st.builds(
        sight_late,
        st.sampled_from([str(n) for n in range(40)]),
        st.floats(0, 60 * HOUR).map(lambda at: round(at, 1)),
        st.sampled_from(["fees complaint", "fees mention", "exams question", "exams mention x"]),
        st.sampled_from([0, 0, 0, 30, 1500, 2900]),
        source=st.sampled_from(["a", "b"]),
        source_kind=st.sampled_from(list(SourceKind)),
        replies=st.sampled_from([None, 5, 40, 120, 400]),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=20, deadline=None)
@given(streams)
def test_leaping_over_dead_time_changes_nothing(sightings: list[Sighting]) -> None:
    assert events(sightings) == every_minute(sightings)


@settings(max_examples=30, deadline=None)
@given(streams, st.randoms(use_true_random=False))
def test_the_order_of_the_lines_changes_nothing(
    sightings: list[Sighting], shuffler: random.Random
) -> None:
    shuffled = list(sightings)
    shuffler.shuffle(shuffled)
    assert events(shuffled) == events(sightings)


@settings(max_examples=30, deadline=None)
@given(streams)
def test_every_matter_ends_closed_and_events_are_in_order(sightings: list[Sighting]) -> None:
    found = events(sightings)
    assert [(e.at, e.key) for e in found] == sorted((e.at, e.key) for e in found)
    last = {event.matter_id: event for event in found}
    assert all(event.kind is EventKind.CLOSED for event in last.values())


@pytest.mark.parametrize(("second", "minute"), [(0, 0), (1, 1), (59, 1), (60, 1)])
def test_a_post_counts_at_the_first_tick_at_or_after_its_sighting(second: int, minute: int) -> None:
    at: datetime = START + minutes(second / 60)
    assert tick_of(at) == START + minutes(minute)
