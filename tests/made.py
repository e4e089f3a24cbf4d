"""Posts, tags and matters for tests, with everything that a test does not care about."""

from datetime import UTC, datetime, timedelta

from schemas.matters import Matter, MatterKey, Tier
from schemas.posts import Engagement, Owed, RawPost, SourceKind, TaggedPost, Tags
from schemas.windows import EMPTY, Span, WindowCounts

# 08:00 in Shanghai.
START = datetime(2026, 11, 2, 0, 0, tzinfo=UTC)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def raw_post(
    name: str = "1", at: datetime = START, *, source: str = "bbs", **fields: object
) -> RawPost:
    given: dict[str, object] = {
        "source_kind": SourceKind.FORUM,
        "url": f"http://{source}.example/{name}",
        "title": "食堂饭菜不新鲜",
        "body": "",
        "published_at": at,
        "seen_at": at,
        "counted_at": at,
    }
    return RawPost(id=name, source=source, **{**given, **fields})  # type: ignore[arg-type]


def tags(**fields: object) -> Tags:
    given: dict[str, object] = {
        "topics": ("food_safety",),
        "units": (),
        "owed": Owed.COMPLAINT,
        "danger": False,
        "sensitivity": 2,
        "department": None,
        "story_id": "story",
        "why": (),
    }
    return Tags(**{**given, **fields})  # type: ignore[arg-type]


def tagged(post: RawPost, site: str = "", **fields: object) -> TaggedPost:
    return TaggedPost(post=post, site=site or f"{post.source}.example", tags=tags(**fields))


def reading(
    post: RawPost, at: datetime, replies: int | None, views: int | None = None
) -> Engagement:
    return Engagement(
        source=post.source,
        id=post.id,
        counted_at=post.counted_at,
        at=at,
        replies=replies,
        views=views,
    )


def counts(volume: int = 0, **fields: object) -> WindowCounts:
    """A matter of `volume` concerns, not growing, on one site, with three openers if there are."""
    given: dict[str, object] = {
        **{name: getattr(EMPTY, name) for name in EMPTY.__dataclass_fields__},
        "day": Span(volume, volume, 0),
        "sites": 1 if volume else 0,
        "openers": (START,) * min(volume, 3),
        "active": volume > 0,
    }
    return WindowCounts(**{**given, **fields})  # type: ignore[arg-type]


def mark(at: datetime = START) -> datetime:
    """When a post was seen that alone can open or lift."""
    return at


def matter(tier: Tier = Tier.GENERAL, at: datetime = START, **fields: object) -> Matter:
    given: dict[str, object] = {
        "id": "food_safety-1",
        "key": MatterKey("food_safety", ""),
        "tier": tier,
        "sequence": 1,
        "opened_at": at,
        "changed_at": at,
        "clock_since": at,
    }
    return Matter(**{**given, **fields})  # type: ignore[arg-type]
