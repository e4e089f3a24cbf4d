"""The sample town's three days: town/posts.jsonl in, what stands on a site at a time out.

Called by demo/feeds.py, which renders it, and by monitor/wiring, which starts the town's server.
"""

from collections import defaultdict
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec

CONFIG = Path(__file__).parent / "config"
_TEXTS = Path(__file__).parent / "town"

# Invented authors, one a line. Collectors must drop them: no text of the town holds one.
NICKNAMES = tuple((_TEXTS / "nicknames.txt").read_text("utf-8").split())


class Reading(NamedTuple):
    """The reply and view numbers that a post shows from `minutes` on."""

    minutes: int
    replies: int
    views: int


class TownPost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One invented post. `minutes` counts from 00:00 of day 1.

    `thread` is the id of the opening post that it replies to, `copy_of` of what it repeats.
    `story` names the thread of events (canteen, enrolment, school); None is ordinary chatter.
    """

    source: str
    minutes: int
    id: str
    title: str
    body: str
    replies: tuple[Reading, ...] = ()
    thread: str | None = None
    copy_of: str | None = None
    story: str | None = None

    def reading(self, minute: int) -> Reading:
        return max((r for r in self.replies if r.minutes <= minute), default=Reading(0, 0, 0))


class Town:
    """All posts by source, oldest first."""

    def __init__(self, posts: tuple[TownPost, ...]) -> None:
        self.posts = posts
        self.by_source: dict[str, list[TownPost]] = defaultdict(list)
        for post in sorted(posts, key=lambda post: post.minutes):
            self.by_source[post.source].append(post)

    def visible(self, source: str, minute: int) -> list[TownPost]:
        """What `source` has published by `minute`, newest first."""
        return [post for post in reversed(self.by_source[source]) if post.minutes <= minute]

    def changed(self, source: str, minute: int) -> int:
        """The last minute, up to `minute`, at which a post or a number of `source` was new."""
        times = [post.minutes for post in self.by_source[source]]
        times += [r.minutes for post in self.by_source[source] for r in post.replies]
        return max((time for time in times if time <= minute), default=0)


@cache
def load_town() -> Town:
    lines = (_TEXTS / "posts.jsonl").read_bytes().splitlines()
    return Town(tuple(msgspec.json.decode(line, type=TownPost) for line in lines))


def minute_of(now: datetime, start: datetime) -> int:
    """Whole minutes since the town's start, 00:00 of day 1."""
    return (now - start) // timedelta(minutes=1)
