"""Posts, engagement and polls: what the analyzers store."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from schemas.posts import Engagement, Poll, TaggedPost
from storage.cluster import on_cluster
from storage.store import Row, Store

POST_COLUMNS = (
    "counted_at",
    "source",
    "id",
    "source_kind",
    "site",
    "url",
    "title",
    "body",
    "published_at",
    "seen_at",
    "updated_at",
    "thread",
    "thread_title",
    "topics",
    "category",
    "units",
    "owed",
    "danger",
    "sensitivity",
    "department",
    "story_id",
    "why",
    "rules_version",
    "model_version",
)
ENGAGEMENT_COLUMNS = ("source", "id", "counted_at", "at", "replies", "views")
POLL_COLUMNS = ("source", "at", "outcome", "status", "listed", "new", "bytes", "message")

# A mutation, not a lightweight delete: the texts must leave the disk. Waits until it is done.
DROP_POSTS = """
ALTER TABLE posts DELETE WHERE counted_at < {before:DateTime64(3)} SETTINGS mutations_sync = 2
"""
DROP_ENGAGEMENT = """
ALTER TABLE engagement DELETE WHERE counted_at < {before:DateTime64(3)} SETTINGS mutations_sync = 2
"""
DROP_POLLS = """
ALTER TABLE polls DELETE WHERE at < {before:DateTime64(3)} SETTINGS mutations_sync = 2
"""
# A note may quote its post; the labels stay, as counts do.
CLEAR_NOTES = """
ALTER TABLE corrections UPDATE note = '' WHERE counted_at < {before:DateTime64(3)} AND note != ''
SETTINGS mutations_sync = 2
"""
OLDER = """
SELECT (SELECT count() FROM posts WHERE counted_at < {before:DateTime64(3)}),
    (SELECT count() FROM engagement WHERE counted_at < {before:DateTime64(3)}),
    (SELECT count() FROM polls WHERE at < {before:DateTime64(3)}),
    (SELECT count() FROM corrections WHERE counted_at < {before:DateTime64(3)} AND note != '')
"""
DROPS = (DROP_POSTS, DROP_ENGAGEMENT, DROP_POLLS, CLEAR_NOTES)
# Whole months go without reading them; the month that is left is rewritten.
OLD_MONTHS = """
SELECT DISTINCT partition FROM system.parts
WHERE database = currentDatabase() AND table = 'posts' AND active
    AND partition < toString(toYYYYMM({before:DateTime64(3)}))
"""
DROP_MONTH = "ALTER TABLE posts DROP PARTITION {month}"


def insert_posts(store: Store, posts: Sequence[TaggedPost]) -> None:
    """Storing a post again under its key replaces it; `seen_at` of the last stored copy stands."""
    store.insert("posts", POST_COLUMNS, [post_row(tagged) for tagged in posts])


def insert_engagement(store: Store, readings: Sequence[Engagement]) -> None:
    rows = [(r.source, r.id, r.counted_at, r.at, r.replies, r.views) for r in readings]
    store.insert("engagement", ENGAGEMENT_COLUMNS, rows)


def insert_polls(store: Store, polls: Sequence[Poll]) -> None:
    rows = [
        (p.source, p.at, p.outcome.value, p.status, p.listed, p.new, p.bytes, p.message)
        for p in polls
    ]
    store.insert("polls", POLL_COLUMNS, rows)


def drop_before(store: Store, before: datetime) -> int:
    """Delete the texts that have passed the retention; returns how many posts went."""
    params = {"before": before}
    ((posts, *others),) = store.rows(OLDER, params)
    if posts and not store.cluster:
        for (month,) in store.rows(OLD_MONTHS, params):
            store.command(DROP_MONTH.replace("{month}", f"{int(month):d}"))
    for older, statement in zip((posts, *others), DROPS, strict=True):
        for each in on_cluster(statement, store.cluster) if older else ():
            store.command(each, params)
    return int(posts)


def post_row(tagged: TaggedPost) -> Row:
    """The values of POST_COLUMNS."""
    post, tags = tagged.post, tagged.tags
    return (
        post.counted_at,
        post.source,
        post.id,
        post.source_kind.value,
        tagged.site,
        post.url,
        post.title,
        post.body,
        post.published_at,
        post.seen_at,
        post.updated_at,
        post.thread_id or post.id,
        post.thread_title or "",
        list(tags.topics),
        tags.category or "",
        list(tags.units),
        tags.owed.value,
        tags.danger,
        tags.sensitivity,
        tags.department or "",
        tags.story_id,
        msgspec.json.encode(tags.why).decode(),
        tags.rules_version,
        tags.model_version,
    )
