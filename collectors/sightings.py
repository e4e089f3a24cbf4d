"""A parsed feed against what is known of its posts: new, changed, or only still listed. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from urllib.parse import urljoin

from collectors.state import Sighting
from schemas.posts import Engagement, Post, RawPost

_HISTORY = timedelta(hours=24)


@dataclass(frozen=True)
class View:
    """When and how a list was read; `oldest`: what counts before it is past its retention."""

    url: str
    at: datetime
    oldest: datetime
    first_poll_done: bool


@dataclass(frozen=True)
class Found:
    """`first` is to be noted before `changed` is published, `listed` to be saved after.

    `new`: how many of `changed` were never published before.
    """

    first: tuple[Sighting, ...]
    changed: tuple[RawPost, ...]
    engagement: tuple[Engagement, ...]
    listed: tuple[Sighting, ...]
    new: int


def match_posts(posts: Sequence[Post], known: Mapping[str, Sighting], view: View) -> Found:
    first: list[Sighting] = []
    changed: list[RawPost] = []
    engagement: list[Engagement] = []
    listed: list[Sighting] = []
    new = 0
    for post in posts:
        seen = known.get(post.id)
        if seen is None:
            seen = _first_sight(post, view)
            if seen.counted_at < view.oldest:
                continue
            first.append(seen)
        now = replace(seen, content=_content(post), replies=post.replies, views=post.views)
        listed.append(now)
        if seen.counted_at < view.oldest:
            # Listed for longer than posts are kept: its row is gone and must not come back.
            continue
        if now.content != seen.content:
            changed.append(_raw(post, seen, view))
            new += seen.content is None
        told = (now.replies, now.views)
        if told not in ((None, None), (seen.replies, seen.views)):
            read_at = seen.seen_at if post.id not in known else view.at
            engagement.append(_engagement(post, seen, read_at))
    return Found(tuple(first), tuple(changed), tuple(engagement), tuple(listed), new)


def _first_sight(post: Post, view: View) -> Sighting:
    """What a source's first list holds from before the last day is history: it counts, and is
    taken as seen when it was published, so that neither it nor its replies warn of anything now.

    An undated post on a first list may be years old: it is put a day back.
    """
    counted_at = min(post.published_at or view.at, view.at)
    if view.first_poll_done:
        return Sighting(post.id, counted_at, view.at)
    if not post.published_at:
        counted_at = view.at - _HISTORY
    is_history = counted_at <= view.at - _HISTORY
    return Sighting(post.id, counted_at, counted_at if is_history else view.at)


def _raw(post: Post, seen: Sighting, view: View) -> RawPost:
    return RawPost(
        id=post.id,
        source=post.source,
        source_kind=post.source_kind,
        # A post without an address of its own belongs to its source's site.
        url=post.url or urljoin(view.url, "/"),
        title=post.title,
        body=post.body,
        published_at=post.published_at,
        seen_at=seen.seen_at,
        counted_at=seen.counted_at,
        updated_at=post.updated_at,
        thread_id=post.thread_id,
        thread_title=post.thread_title,
        replies=post.replies,
        views=post.views,
    )


def _engagement(post: Post, seen: Sighting, at: datetime) -> Engagement:
    return Engagement(
        source=post.source,
        id=post.id,
        counted_at=seen.counted_at,
        at=at,
        replies=post.replies,
        views=post.views,
    )


def _content(post: Post) -> str:
    """Title and body only: a changed date or thread title is no edit of what was said."""
    text = f"{post.title}\n{post.body}".encode()
    return blake2b(text, digest_size=16).hexdigest()
