"""One contract for all that count windows: memory, chDB and a real ClickHouse server.

Each case is stated once, as what a matter's counts must be; a random stream then shows that memory
and SQL agree on everything else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerting.windows import MemoryWindows
from schemas.matters import MatterKey
from schemas.posts import Engagement, Owed, RawPost, SourceKind, TaggedPost
from schemas.windows import EMPTY, WindowCounts, WindowRules
from storage.counts import store_time
from storage.posts import insert_engagement, insert_posts
from storage.store import Store
from storage.windows import SqlWindows
from tests.made import START, minutes, raw_post, reading, tagged

RULES = WindowRules(openers=3, silent_topics=("praise",))
FOOD = MatterKey("food_safety", "")
HOUR = 60


@dataclass(frozen=True)
class Stream:
    posts: Sequence[TaggedPost]
    readings: Sequence[Engagement] = ()


class Memory:
    def counts(self, stream: Stream, at: datetime) -> Mapping[MatterKey, WindowCounts]:
        """Adds what was seen by each minute in turn, as replay does."""
        windows = MemoryWindows(RULES)
        seen: list[tuple[datetime, int, TaggedPost | Engagement]] = [
            *((each.post.seen_at, 0, each) for each in stream.posts),
            *((each.at, 1, each) for each in stream.readings),
        ]
        windows.advance(START - minutes(10_000))
        for moment, _, each in sorted(seen, key=lambda item: item[:2]):
            if moment > at:
                break
            windows.advance(moment)
            if isinstance(each, TaggedPost):
                windows.add(each)
            else:
                windows.read(each)
        return windows.counts(at)


class Sql:
    def __init__(self, store: Store) -> None:
        self.store = store

    def counts(self, stream: Stream, at: datetime) -> Mapping[MatterKey, WindowCounts]:
        self.store.command("TRUNCATE TABLE posts")
        self.store.command("TRUNCATE TABLE engagement")
        insert_posts(self.store, stream.posts)
        insert_engagement(self.store, stream.readings)
        return SqlWindows(self.store, RULES).counts(at)


STORES = [
    pytest.param("chdb"),
    pytest.param(
        "clickhouse", marks=[pytest.mark.clickhouse, pytest.mark.xdist_group("clickhouse")]
    ),
]


@pytest.fixture(params=["memory", *STORES])
def provider(request: pytest.FixtureRequest) -> Memory | Sql:
    if request.param == "memory":
        return Memory()
    name = "chdb_store" if request.param == "chdb" else "server_store"
    return Sql(request.getfixturevalue(name))


Provider = Memory | Sql


def food(provider: Provider, stream: Stream, at: datetime) -> WindowCounts:
    return provider.counts(stream, at)[FOOD]


def test_a_window_holds_what_is_younger_than_its_length(provider: Provider) -> None:
    stream = Stream([tagged(raw_post("1"))])
    assert food(provider, stream, START).day.posts == 1
    last = food(provider, stream, START + minutes(24 * HOUR - 1))
    assert (last.day.posts, last.recent.posts, last.before.posts) == (1, 0, 0)
    gone = food(provider, stream, START + minutes(24 * HOUR))
    assert (gone.day.posts, gone.active) == (0, True)
    assert FOOD not in provider.counts(stream, START + minutes(48 * HOUR))


def test_the_recent_six_hours_become_the_six_before(provider: Provider) -> None:
    stream = Stream([tagged(raw_post("1"))])
    early = food(provider, stream, START + minutes(6 * HOUR - 1))
    assert (early.recent.posts, early.before.posts) == (1, 0)
    later = food(provider, stream, START + minutes(6 * HOUR))
    assert (later.recent.posts, later.before.posts) == (0, 1)
    assert food(provider, stream, START + minutes(12 * HOUR)).before.posts == 0


def test_what_is_seen_later_does_not_count_yet(provider: Provider) -> None:
    late = raw_post("1", seen_at=START + minutes(90))
    assert FOOD not in provider.counts(Stream([tagged(late)]), START + minutes(89))
    assert food(provider, Stream([tagged(late)]), START + minutes(90)).day.posts == 1


def test_mentions_count_up_to_the_number_of_concerns(provider: Provider) -> None:
    posts = [tagged(raw_post(str(n)), owed=Owed.MENTION) for n in range(5)]
    posts += [tagged(raw_post(f"c{n}")) for n in range(2)]
    counted = food(provider, Stream(posts), START)
    assert (counted.day.posts, counted.day.concerns, counted.volume) == (7, 2, 4)


def test_replies_gain_from_zero_when_first_seen_inside_the_window(provider: Provider) -> None:
    post = raw_post("1")
    readings = [reading(post, START, 40, 100), reading(post, START + minutes(60), 90, 300)]
    counted = food(provider, Stream([tagged(post)], readings), START + minutes(60))
    assert (counted.day.replies, counted.views, counted.volume) == (90, 300, 91)


def test_replies_gain_from_the_number_known_at_the_windows_start(provider: Provider) -> None:
    post = raw_post("1")
    at = START + minutes(25 * HOUR)
    readings = [reading(post, START, 40), reading(post, at, 55)]
    counted = food(provider, Stream([tagged(post)], readings), at)
    assert (counted.day.posts, counted.day.replies, counted.volume) == (0, 15, 15)


def test_removed_replies_are_no_negative_gain(provider: Provider) -> None:
    post = raw_post("1")
    readings = [reading(post, START, 40), reading(post, START + minutes(25 * HOUR), 5)]
    counted = food(provider, Stream([tagged(post)], readings), START + minutes(25 * HOUR))
    assert counted.day.replies == 0


def test_replies_stored_as_posts_are_not_counted_again(provider: Provider) -> None:
    opening = raw_post("1", thread_id="1")
    answers = [raw_post(f"r{n}", START + minutes(n + 1), thread_id="1") for n in range(3)]
    stream = Stream(
        [tagged(post) for post in (opening, *answers)], [reading(opening, START + minutes(9), 10)]
    )
    counted = food(provider, stream, START + minutes(10))
    assert (counted.day.posts, counted.day.replies, counted.volume) == (4, 7, 11)


def test_notices_count_nowhere(provider: Provider) -> None:
    notice = tagged(raw_post("1", source_kind=SourceKind.NOTICE), danger=True)
    assert not provider.counts(Stream([notice]), START)


def test_only_the_first_topic_opens_and_lifts(provider: Provider) -> None:
    both = tagged(
        raw_post("1", source_kind=SourceKind.NEWS), topics=("fees", "food_safety"), danger=True
    )
    second = food(provider, Stream([both]), START)
    assert (second.openers, second.news, second.danger) == ((), None, None)
    assert second.volume == 1
    first = provider.counts(Stream([both]), START)[MatterKey("fees", "")]
    assert first.openers == (START,)
    assert first.news == first.news_concern == first.danger is not None


def test_a_post_counts_for_each_unit_it_names_and_then_not_for_the_area(provider: Provider) -> None:
    named = tagged(raw_post("1"), units=("一小", "二小"))
    keys = set(provider.counts(Stream([named]), START))
    assert keys == {MatterKey("food_safety", "一小"), MatterKey("food_safety", "二小")}


def test_silent_topics_form_no_matter(provider: Provider) -> None:
    assert not provider.counts(Stream([tagged(raw_post("1"), topics=("praise",))]), START)


def test_sites_sources_and_stories_are_told_apart(provider: Provider) -> None:
    posts = [
        tagged(raw_post("1", source="board1"), site="bbs.example", story_id="a"),
        tagged(raw_post("2", source="board2"), site="bbs.example", story_id="a"),
        tagged(raw_post("3", source="tv"), site="tv.example", story_id="b"),
    ]
    counted = food(provider, Stream(posts), START)
    assert (counted.sites, counted.sources, counted.stories) == (2, 3, 2)


def test_an_ordinary_report_is_news_but_no_news_concern(provider: Provider) -> None:
    report = tagged(raw_post("1", source_kind=SourceKind.NEWS), owed=Owed.MENTION)
    counted = food(provider, Stream([report]), START)
    assert counted.news is not None
    assert (counted.news_concern, counted.active) == (None, True)


def test_danger_that_is_found_late_still_opens_for_a_day(provider: Provider) -> None:
    late = START + minutes(47 * HOUR)
    found = tagged(raw_post("1", seen_at=late), danger=True)
    counted = food(provider, Stream([found]), late)
    assert (counted.danger, counted.day.posts, counted.active) == (late, 0, True)
    last = food(provider, Stream([found]), late + minutes(24 * HOUR - 1))
    assert (last.danger, last.active) == (late, True)
    assert FOOD not in provider.counts(Stream([found]), late + minutes(24 * HOUR))


def test_danger_that_is_found_after_two_days_is_history(provider: Provider) -> None:
    found = tagged(raw_post("1", seen_at=START + minutes(48 * HOUR)), danger=True)
    assert FOOD not in provider.counts(Stream([found]), START + minutes(48 * HOUR))


@pytest.mark.parametrize("provider", STORES, indirect=True)
def test_danger_that_was_stored_since_the_last_decision_counts(provider: Sql) -> None:
    provider.counts(Stream([]), START)
    seen = START + minutes(1)
    dated = tagged(raw_post("1", seen_at=seen), danger=True)
    report = raw_post("2", seen_at=seen, source_kind=SourceKind.NEWS)
    article = raw_post("4", seen_at=seen, source_kind=SourceKind.NEWS)
    ahead = raw_post("5", seen, seen_at=seen, published_at=seen + minutes(2))
    history = tagged(raw_post("3", START + minutes(2)), danger=True, topics=("fees",))
    others = [
        tagged(article, topics=("exams",), owed=Owed.MENTION),
        tagged(ahead, topics=("transport",), danger=True),
    ]
    insert_posts(provider.store, [dated, tagged(report), history, *others])
    windows, before = SqlWindows(provider.store, RULES), store_time(provider.store)
    for days, found in ((2, seen), (7, seen), (8, None)):
        late = windows.counts(START + minutes(days * 24 * HOUR), before - minutes(1))
        assert late.get(FOOD, EMPTY).danger == late.get(FOOD, EMPTY).news_concern == found
        assert late.get(MatterKey("transport", ""), EMPTY).danger == found
        assert late.get(MatterKey("fees", ""), EMPTY).danger is None
        assert late.get(MatterKey("exams", ""), EMPTY).news is None
    assert FOOD not in windows.counts(START + minutes(2 * 24 * HOUR), before + minutes(1))


def test_a_post_stored_twice_is_stored_once(chdb_store: Store) -> None:
    post = tagged(raw_post("1"))
    assert food(Sql(chdb_store), Stream([post, post]), START).day.posts == 1


NAMES = [str(number) for number in range(12)]
OFFSETS = st.integers(0, 60 * HOUR)


@st.composite
def posts(draw: st.DrawFn, name: str) -> RawPost:
    at = START + minutes(draw(OFFSETS))
    return raw_post(
        name,
        at,
        source=draw(st.sampled_from(["a", "b"])),
        source_kind=draw(st.sampled_from(list(SourceKind))),
        seen_at=at + minutes(draw(st.sampled_from([0, 0, 1, 400, 2000, 2879, 2881]))),
        thread_id=draw(st.sampled_from([None, *NAMES])),
    )


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    raw = [draw(posts(name)) for name in NAMES[: draw(st.integers(1, len(NAMES)))]]
    chosen = st.lists(st.sampled_from(["fees", "exams", "praise"]), max_size=2, unique=True)
    stored = [
        tagged(
            post,
            site=draw(st.sampled_from(["x", "y"])),
            topics=tuple(draw(chosen)),
            units=tuple(draw(st.sampled_from([(), ("u",), ("u", "v")]))),
            owed=draw(st.sampled_from(list(Owed))),
            danger=draw(st.sampled_from([False, False, True])),
            story_id=draw(st.sampled_from("abc")),
        )
        for post in raw
    ]
    readings = []
    for post in raw:
        at = post.seen_at
        for step in draw(st.lists(st.integers(1, 900), max_size=3)):
            numbers = st.one_of(st.none(), st.integers(0, 50))
            readings.append(reading(post, at, draw(numbers), draw(numbers)))
            at += minutes(step)
    return Stream(stored, readings)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(stream=streams(), at=st.lists(st.integers(0, 110 * HOUR), min_size=1, max_size=4))
def test_memory_and_sql_agree(chdb_store: Store, stream: Stream, at: list[int]) -> None:
    for offset in at:
        moment = START + minutes(offset)
        in_sql = Sql(chdb_store).counts(stream, moment)
        assert Memory().counts(stream, moment) == in_sql
