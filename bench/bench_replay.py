"""Replay of 20,000 posts, from post objects to events: leaping, against looking at every minute."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from alerting.pipeline import follow
from alerting.tiers import Levels, Moment
from alerting.windows import MemoryWindows
from analyzers.tag import Tagger
from bench.town_posts import town_posts
from demo.town import CONFIG
from monitor.replay import arrivals, replay, sighting
from runtime.settings import load_config
from schemas.matters import Event, Matter, MatterKey
from schemas.posts import Post, TaggedPost
from schemas.windows import EMPTY, WindowRules

COUNT = 20_000


@pytest.fixture(scope="module")
def posts() -> list[Post]:
    return town_posts(COUNT)


def leaping(posts: list[Post], tagger: Tagger) -> list[Event]:
    seen = [found for post in posts if (found := sighting(post))]
    return list(replay(arrivals(seen, tagger.tagged), load_config(CONFIG)))


def every_minute(posts: list[Post], tagger: Tagger) -> Iterator[Event]:
    """The plain way, for the ratio: each matter in each minute."""
    config = load_config(CONFIG)
    levels = Levels(config.alerts)
    windows = MemoryWindows(WindowRules(3, ("praise", "not_education")))
    at_tick = arrivals([found for post in posts if (found := sighting(post))], tagger.tagged)
    matters: dict[MatterKey, Matter] = {}
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
                yield change.event
        at += timedelta(minutes=1)


@pytest.mark.benchmark(group="replay of 20,000 posts")
def test_leaping_over_dead_time(benchmark: BenchmarkFixture, posts: list[Post]) -> None:
    tagger = Tagger(load_config(CONFIG))
    events = benchmark.pedantic(leaping, args=(posts, tagger), rounds=3)
    assert events


@pytest.mark.benchmark(group="replay of 20,000 posts")
def test_baseline_looking_at_every_minute(benchmark: BenchmarkFixture, posts: list[Post]) -> None:
    tagger = Tagger(load_config(CONFIG))
    events = benchmark.pedantic(lambda: list(every_minute(posts, tagger)), rounds=1)
    assert events
