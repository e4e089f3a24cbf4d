"""Posts with times through the real analyzers and alerting under a simulated clock. Pure.

Time leaps from one minute in which anything can change to the next; what comes out is the same as
if every minute had been looked at.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from alerting.pipeline import follow
from alerting.tiers import NEVER, Levels, Moment
from alerting.windows import MemoryWindows
from runtime.config import Config
from schemas.matters import TIER_NAMES, Event, Matter, MatterKey
from schemas.posts import Engagement, Post, RawPost, TaggedPost
from schemas.windows import WindowRules

MINUTE = timedelta(minutes=1)
EVERYTHING_WATCHED = 1.0
YEARS = range(1971, 2200)
Arrival = TaggedPost | Engagement


@dataclass(frozen=True)
class Sighting:
    """A post as it was seen once."""

    post: Post
    seen_at: datetime


def sighting(post: Post) -> Sighting | None:
    """None when the post has no time at all, or one that no calendar of ours can reach."""
    seen = post.seen_at or post.published_at
    times = [at for at in (seen, post.published_at) if at]
    if not seen or any(at.year not in YEARS for at in times):
        return None
    return Sighting(post, seen.astimezone(UTC))


def arrivals(
    sightings: Iterable[Sighting], tag: Callable[[RawPost], TaggedPost]
) -> dict[datetime, list[Arrival]]:
    """What arrives at which tick: posts at first sight, numbers at each; in any order of input."""
    of_post: dict[tuple[str, str], list[Sighting]] = defaultdict(list)
    for seen in sightings:
        of_post[seen.post.source, seen.post.id].append(seen)
    posts: list[tuple[datetime, Arrival]] = []
    for copies in of_post.values():
        merged = _merge(copies)
        raw = _raw(merged[0])
        posts.append((raw.seen_at, tag(raw)))
        posts += [(one.seen_at, _reading(one, raw)) for one in merged if _has_numbers(one.post)]
    posts.sort(key=lambda pair: _order(pair[1]))
    at_tick: dict[datetime, list[Arrival]] = defaultdict(list)
    for seen_at, arrival in posts:
        at_tick[tick_of(seen_at)].append(arrival)
    return at_tick


def replay(at_tick: Mapping[datetime, Sequence[Arrival]], config: Config) -> Iterator[Event]:
    """The events, by time, topic and unit, until every matter is closed."""
    levels = Levels(config.alerts, config.periods)
    silent = [topic.key for topic in config.topics if not topic.forms_matter]
    windows = MemoryWindows(WindowRules(levels.rules.opening.concerns, silent))
    follower = _Follower(levels, windows)
    coming = sorted(at_tick, reverse=True)
    borders = sorted(tick_of(at) for period in config.periods for at in (period.start, period.end))
    while True:
        nexts = [coming[-1]] if coming else []
        nexts += [tick_of(at) for at in (windows.next_step(), follower.next_timer()) if at]
        if not nexts:
            return
        at = min(nexts + [border for border in borders if follower.now < border][:1])
        windows.advance(at)
        if coming and coming[-1] == at:
            _arrive(windows, at_tick[coming.pop()])
        follower.crossed = any(follower.now < border <= at for border in borders)
        yield from follower.tick(at)


def _arrive(windows: MemoryWindows, arriving: Sequence[Arrival]) -> None:
    for arrival in arriving:
        if isinstance(arrival, TaggedPost):
            windows.add(arrival)
        else:
            windows.read(arrival)


class _Follower:
    """Holds the matters, and looks only at those whose counts or timers changed."""

    def __init__(self, levels: Levels, windows: MemoryWindows) -> None:
        self.levels, self.windows = levels, windows
        self.matters: dict[MatterKey, Matter] = {}
        self.timers: dict[MatterKey, datetime] = {}
        self.now = NEVER
        self.crossed = False

    def next_timer(self) -> datetime | None:
        return min(self.timers.values(), default=None)

    def tick(self, at: datetime) -> Iterator[Event]:
        self.now = at
        keys = self.windows.take_changed() | {k for k, due in self.timers.items() if due <= at}
        if self.crossed:
            keys |= {key for key, matter in self.matters.items() if matter.open}
        moments = [Moment(key, at, self.windows.counts_of(key), EVERYTHING_WATCHED) for key in keys]
        for key in keys:
            self.timers.pop(key, None)
        for change in follow(self.matters, moments, {}, self.levels):
            self.matters[change.matter.key] = change.matter
            if change.event:
                # The minute after is looked at as well: it may decide otherwise on the same counts.
                self.timers[change.matter.key] = at + MINUTE
                yield change.event
        for key in keys:
            self._set_timer(key, at)

    def _set_timer(self, key: MatterKey, at: datetime) -> None:
        matter = self.matters.get(key)
        if matter and matter.open and matter.below_since:
            due = matter.below_since + timedelta(hours=self.levels.rules.leaving.hours)
            if due > at:
                self.timers[key] = min(due, self.timers.get(key, due))


def tick_of(at: datetime) -> datetime:
    """The first whole minute at or after `at`."""
    floor = at.replace(second=0, microsecond=0)
    return floor if floor == at else floor + MINUTE


def event_line(event: Event) -> dict[str, object]:
    """The object that `replay` prints."""
    return {
        "at": event.at,
        "matter": {
            "id": event.matter_id,
            "topic": event.key.topic,
            "unit": event.key.unit,
        },
        "kind": event.kind,
        "tier": event.tier,
        "tier_name": TIER_NAMES[event.tier],
        "reason": event.reason,
        "window": event.window,
        "report_by": event.report_by,
    }


def _merge(copies: Sequence[Sighting]) -> list[Sighting]:
    """One sighting a moment, by time: highest numbers, greatest text."""
    of_time: dict[datetime, Sighting] = {}
    for copy in copies:
        other = of_time.get(copy.seen_at)
        of_time[copy.seen_at] = _greater(copy, other) if other else copy
    return [of_time[seen_at] for seen_at in sorted(of_time)]


def _greater(one: Sighting, other: Sighting) -> Sighting:
    text, _ = sorted((one.post, other.post), key=_sort_key, reverse=True)
    post = msgspec.structs.replace(
        text,
        replies=_highest(one.post.replies, other.post.replies),
        views=_highest(one.post.views, other.post.views),
    )
    return Sighting(post, one.seen_at)


def _sort_key(post: Post) -> tuple[str, str, bytes]:
    """Without the numbers, which are merged apart: so the order of merging does not matter."""
    rest = msgspec.structs.replace(post, replies=None, views=None)
    return post.title, post.body, msgspec.json.encode(rest)


def _highest(*numbers: int | None) -> int | None:
    return max((number for number in numbers if number is not None), default=None)


def _raw(first: Sighting) -> RawPost:
    fields = msgspec.structs.asdict(first.post)
    published = first.post.published_at
    counted = min(published.astimezone(UTC), first.seen_at) if published else first.seen_at
    return RawPost(**{**fields, "seen_at": first.seen_at, "counted_at": counted})


def _has_numbers(post: Post) -> bool:
    return post.replies is not None or post.views is not None


def _reading(seen: Sighting, raw: RawPost) -> Engagement:
    return Engagement(
        source=raw.source,
        id=raw.id,
        counted_at=raw.counted_at,
        at=seen.seen_at,
        replies=seen.post.replies,
        views=seen.post.views,
    )


def _order(arrival: Arrival) -> tuple[datetime, bool, datetime, str, str]:
    """By time seen; a post before its numbers."""
    if isinstance(arrival, TaggedPost):
        post = arrival.post
        return post.seen_at, False, post.counted_at, post.source, post.id
    return arrival.at, True, arrival.counted_at, arrival.source, arrival.id
