"""Stored posts tagged again by the present rules and model, slice by slice; a report comes out.

Cut off at any moment, the same call goes on: what is tagged as it would be now is left alone.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from analyzers.tag import load_tagger
from runtime.clock import Clock
from runtime.config import Config
from schemas.corrections import TagChange
from schemas.posts import RawPost, Tags
from storage.corrections import insert_tag_change
from storage.counts import mark
from storage.posts import post_row
from storage.retagging import (
    RetagReport,
    RetagRequest,
    StoredPost,
    read_slice,
    slices,
    write_back,
)
from storage.store import Store

# Beyond all posts, and within what the database takes for a time.
END = datetime(2200, 1, 1, tzinfo=UTC)
LABELS = ("topics", "units", "owed", "danger", "sensitivity", "department")

Tell = Callable[[RetagReport], None]


# Posts in, the tags of each out.
TagMany = Callable[[Sequence[RawPost]], Sequence[Tags]]


@dataclass(frozen=True)
class RetagDesk:
    store: Store
    tag_many: TagMany
    clock: Clock


def tagging(config: Config) -> TagMany:
    """By the rules and the model of a configuration."""
    return load_tagger(config).tag_many


def retag(desk: RetagDesk, request: RetagRequest, tell: Tell, stop: threading.Event) -> RetagReport:
    """Blocks; `tell` is called after each slice. Raises what the store raises."""
    at, since = desk.clock.now(), max(request.since, mark(desk.store, "frozen"))
    work = slices(desk.store, since, request.until or END)
    report = RetagReport(since=since, total=sum(each.rows for each in work))
    for each in work:
        if stop.is_set():
            return msgspec.structs.replace(report, state="stopped")
        stored = read_slice(desk.store, each)
        tags = desk.tag_many([post.tagged.post for post in stored])
        pairs = list(zip(stored, tags, strict=True))
        fresh = [new for new in map(_tagged_again, pairs) if new]
        report = _added(report, [(old.tagged.tags, new) for old, new in pairs], len(fresh))
        if fresh and not request.dry_run:
            # First the mark: no row may change without one, wherever this is cut off.
            insert_tag_change(desk.store, _change(report, at, request.operator))
            write_back(desk.store, fresh)
        tell(report)
    if report.written and not request.dry_run:
        insert_tag_change(desk.store, _change(report, at, request.operator))
    return msgspec.structs.replace(report, total=report.posts, state="done")


def _tagged_again(pair: tuple[StoredPost, Tags]) -> StoredPost | None:
    """None where the row stays the same: what is empty in one and missing in the other is."""
    stored, tags = pair
    new = msgspec.structs.replace(stored.tagged, tags=tags)
    same = post_row(new) == post_row(stored.tagged)
    return None if same else StoredPost(new, stored.inserted_at)


def _added(report: RetagReport, pairs: list[tuple[Tags, Tags]], written: int) -> RetagReport:
    before, after = Counter(report.before), Counter(report.after)
    for old, new in pairs:
        before.update(_names(old))
        after.update(_names(new))
    last = pairs[-1][1] if pairs else report
    return msgspec.structs.replace(
        report,
        posts=report.posts + len(pairs),
        written=report.written + written,
        changed=report.changed + sum(_labels(old) != _labels(new) for old, new in pairs),
        before=dict(before),
        after=dict(after),
        rules_version=last.rules_version,
        model_version=last.model_version,
    )


def _names(tags: Tags) -> Iterator[str]:
    for topic in tags.topics or ("–",):
        yield f"topic {topic}"
    yield f"owed {tags.owed.value}"
    if tags.danger:
        yield "danger"


def _labels(tags: Tags) -> tuple[object, ...]:
    return tuple(getattr(tags, name) for name in LABELS)


def _change(report: RetagReport, at: datetime, operator: str) -> TagChange:
    return TagChange(
        at=at,
        since=report.since,
        rules_version=report.rules_version,
        model_version=report.model_version,
        posts=report.posts,
        changed=report.changed,
        operator=operator,
    )
