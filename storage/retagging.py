"""Stored posts read to be tagged again, and written back beside whatever analyzers write.

A row that is written back keeps its inserted_at but for one millisecond: the copy of an edit that
arrived since it was read is newer, and stands. `retagged_at` tells the alerter to count the hour.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from schemas.posts import Moment, Owed, RawPost, SourceKind, TaggedPost, Tags, Why
from storage.counts import NOW, OVERLAP, mark
from storage.posts import POST_COLUMNS, post_row
from storage.store import Params, Row, Store

SLICE_POSTS = 2_000
JUST_AFTER = timedelta(milliseconds=1)

HOURS = """
SELECT toUnixTimestamp(toStartOfHour(counted_at)) AS hour, count() FROM posts
WHERE counted_at >= {since:DateTime64(3)} AND counted_at < {until:DateTime64(3)}
GROUP BY hour
ORDER BY hour
"""
POSTS = """
SELECT counted_at, source, id, source_kind, site, url, title, body, published_at, seen_at,
    updated_at, thread, thread_title, topics, category, units, owed, danger, sensitivity,
    department, story_id, why, rules_version, model_version, inserted_at
FROM posts FINAL
WHERE toStartOfHour(counted_at) >= toDateTime({first:Int64}, 'UTC')
    AND toStartOfHour(counted_at) <= toDateTime({last:Int64}, 'UTC')
    AND counted_at >= {since:DateTime64(3)} AND counted_at < {until:DateTime64(3)}
    AND cityHash64(source, id) % {parts:UInt32} = {part:UInt32}
"""


class RetagRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The posts counted from `since` on, and before `until` if it is given."""

    since: Moment
    until: Moment | None = None
    operator: str = ""
    dry_run: bool = False


class RetagReport(msgspec.Struct, frozen=True, kw_only=True):
    """How far it has come. `written`: rows whose tags or versions differ; `changed`: other labels.

    `before`, `after`: how many of the `posts` looked at have a tag (`topic fees`, `owed question`,
    `danger`). `since`: from which on posts were there to be looked at.
    """

    since: Moment
    total: int = 0
    posts: int = 0
    written: int = 0
    changed: int = 0
    before: dict[str, int] = {}
    after: dict[str, int] = {}
    rules_version: str = ""
    model_version: str = ""
    state: Literal["running", "done", "stopped", "failed"] = "running"
    problem: str = ""


@dataclass(frozen=True)
class Slice:
    """The posts of some whole hours, or `part` of `parts` of one; `rows` is about how many."""

    span: tuple[datetime, datetime]
    first: int
    last: int
    rows: int
    part: int = 0
    parts: int = 1


@dataclass(frozen=True)
class StoredPost:
    tagged: TaggedPost
    inserted_at: datetime


def slices(store: Store, since: datetime, until: datetime) -> list[Slice]:
    """All posts counted from `since` until before `until`, in the order of time."""
    params: Params = {"since": since, "until": until}
    hours = [(int(hour), int(rows)) for hour, rows in store.rows(HOURS, params)]
    return [
        Slice((since, until), group[0][0], group[-1][0], -(-rows // parts), part, parts)
        for group in _grouped(hours)
        for rows in [sum(rows for _, rows in group)]
        for parts in [-(-rows // SLICE_POSTS)]
        for part in range(parts)
    ]


def read_slice(store: Store, found: Slice) -> list[StoredPost]:
    """As they stand now; what is frozen since is left out, for its texts are about to go."""
    since, until = found.span
    params: Params = {
        "since": max(since, mark(store, "frozen")),
        "until": until,
        "first": found.first,
        "last": found.last,
        "part": found.part,
        "parts": found.parts,
    }
    return [_stored(row) for row in store.rows(POSTS, params)]


def write_back(store: Store, posts: Sequence[StoredPost]) -> None:
    """Store them with their new tags, unless a newer copy is there or on its way."""
    columns = (*POST_COLUMNS, "inserted_at", "retagged_at")
    frozen = mark(store, "frozen")
    # A text that was deleted since it was read must not come back.
    posts = [post for post in posts if post.tagged.post.counted_at >= frozen]
    while posts:
        ((now,),) = store.rows(NOW)
        rows = [(*post_row(post.tagged), post.inserted_at + JUST_AFTER, now) for post in posts]
        store.insert("posts", columns, rows)
        ((done,),) = store.rows(NOW)
        # The alerter looks back as far for what was on its way; after a longer pause, once more.
        if done - now < OVERLAP / 2:
            return


def _grouped(hours: Sequence[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    group: list[tuple[int, int]] = []
    for hour, rows in hours:
        if group and sum(rows for _, rows in group) + rows > SLICE_POSTS:
            yield group
            group = []
        group.append((hour, rows))
    if group:
        yield group


def _stored(row: Row) -> StoredPost:
    found = dict(zip((*POST_COLUMNS, "inserted_at"), row, strict=True))
    own_thread = found["thread"] == found["id"]
    post = RawPost(
        id=found["id"],
        source=found["source"],
        source_kind=SourceKind(found["source_kind"]),
        url=found["url"],
        title=found["title"],
        body=found["body"],
        published_at=found["published_at"],
        seen_at=found["seen_at"],
        counted_at=found["counted_at"],
        updated_at=found["updated_at"],
        thread_id=None if own_thread else found["thread"],
        thread_title=found["thread_title"] or None,
    )
    tags = Tags(
        topics=tuple(found["topics"]),
        units=tuple(found["units"]),
        owed=Owed(found["owed"]),
        danger=found["danger"],
        sensitivity=found["sensitivity"],
        department=found["department"] or None,
        story_id=found["story_id"],
        why=msgspec.json.decode(found["why"] or "[]", type=tuple[Why, ...]),
        rules_version=found["rules_version"],
        model_version=found["model_version"],
    )
    return StoredPost(TaggedPost(post=post, site=found["site"], tags=tags), found["inserted_at"])
