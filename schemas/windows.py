"""What alerting decides on: the counts of one matter at one moment, whoever counted them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.matters import Window

DAY = timedelta(hours=24)
RECENT = timedelta(hours=6)
BEFORE = timedelta(hours=12)
QUIET = timedelta(hours=48)
# What is stored later than this after it was seen is history.
LATEST = timedelta(days=7)


@dataclass(frozen=True)
class Span:
    """What one stretch of time holds. `replies` are gains within it."""

    posts: int = 0
    concerns: int = 0
    replies: int = 0

    @property
    def volume(self) -> int:
        """Posts and replies, where mentions count up to the number of concerns (DOMAIN: Terms)."""
        return self.concerns + min(self.posts - self.concerns, self.concerns) + self.replies


@dataclass(frozen=True)
class WindowCounts:
    """One matter at t. `day`: (t-24h, t]; `recent`: (t-6h, t]; `before`: (t-12h, t-6h].

    `openers`: when the latest concerns counted whose first topic this is, newest first. `news`,
    `news_concern`, `danger`: when a post of that sort was last seen in (t-24h, t], no later than
    48 h after it counts, whose first topic this is; the running alerter also takes those that were
    stored since its last decision, up to LATEST after they were seen. `active`: one of these, or a
    concern, news or danger post in (t-48h, t]. Notices count nowhere.
    """

    day: Span
    recent: Span
    before: Span
    stories: int
    sites: int
    sources: int
    views: int
    openers: tuple[datetime, ...]
    news: datetime | None
    news_concern: datetime | None
    danger: datetime | None
    active: bool

    @property
    def volume(self) -> int:
        return self.day.volume

    @property
    def growing(self) -> bool:
        return self.recent.volume > self.before.volume

    def window(self, coverage: float) -> Window:
        return Window(
            posts=self.day.posts,
            concerns=self.day.concerns,
            stories=self.stories,
            sites=self.sites,
            sources=self.sources,
            replies=self.day.replies,
            views=self.views,
            coverage=coverage,
        )


EMPTY = WindowCounts(
    day=Span(),
    recent=Span(),
    before=Span(),
    stories=0,
    sites=0,
    sources=0,
    views=0,
    openers=(),
    news=None,
    news_concern=None,
    danger=None,
    active=False,
)


@dataclass(frozen=True)
class WindowRules:
    """What counting must know: how many openers to tell, and which topics form no matter."""

    openers: int
    silent_topics: Collection[str]
