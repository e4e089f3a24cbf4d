"""One public item on its way from a feed to a stored row. No type here has a field for a person."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec


class SourceKind(StrEnum):
    """Who publishes; only `news` counts as an outlet, `notice` is an office's own site."""

    FORUM = "forum"
    SOCIAL = "social"
    PORTAL = "portal"
    NEWS = "news"
    NOTICE = "notice"


class Owed(StrEnum):
    """The answer that an office owes; every value but `mention` makes the post a concern."""

    QUESTION = "question"
    COMPLAINT = "complaint"
    SUGGESTION = "suggestion"
    CLAIM_TO_VERIFY = "claim_to_verify"
    MENTION = "mention"


# A time with an offset: without one nobody knows which moment is meant.
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
# 2**53: the largest count that every reader of JSON keeps exact.
Number = Annotated[int, msgspec.Meta(ge=0, le=9_007_199_254_740_992)]


class Post(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One public item as a document gives it: the object of `parse`, `tag` and `replay`.

    `thread_id` is the thread the post belongs to (for a reply, the id of its opening post).
    `published_at` is None when the document gives no time that can be read.
    """

    id: str
    source: str
    source_kind: SourceKind
    url: str
    title: str
    body: str
    published_at: Moment | None
    seen_at: Moment | None = None
    updated_at: Moment | None = None
    thread_id: str | None = None
    thread_title: str | None = None
    replies: Number | None = None
    views: Number | None = None


class RawPost(Post, frozen=True, kw_only=True, tag_field="schema", tag="post/1"):
    """A post on the bus. `seen_at` is when a collector first saw it (for what was there long before
    its source was first polled: when it was published).

    `counted_at` (published, but never after `seen_at`; else `seen_at`) is fixed at first sight and
    never changes by an edit, because it is part of the key under which the post is stored.
    """

    seen_at: Moment
    counted_at: Moment


class Engagement(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="engagement/1"):
    """Reply and view numbers of a known post, as read at `at`; None where none are told."""

    source: str
    id: str
    counted_at: Moment
    at: Moment
    replies: Number | None
    views: Number | None


class PollOutcome(StrEnum):
    """How a poll went; only the first two leave the source covered."""

    OK = "ok"
    NOT_MODIFIED = "not_modified"
    HTTP_ERROR = "http_error"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    TOO_LARGE = "too_large"
    NOT_A_FEED = "not_a_feed"


COVERING = (PollOutcome.OK, PollOutcome.NOT_MODIFIED)


class Poll(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="poll/1"):
    """One fetch of one source: what was read and how it went. `message` says finding and remedy."""

    source: str
    at: Moment
    outcome: PollOutcome
    status: int | None
    listed: int
    new: int
    bytes: int
    message: str


class Why(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a tag stands. `by`: `rule` (its words), `thread` (taken over from the thread's title) or
    `model` (the calibrated `score`, 0 to 1; where no rule names words, those that weighed most).
    """

    tag: str
    by: str
    words: tuple[str, ...]
    score: float | None = None


class Tags(msgspec.Struct, frozen=True, kw_only=True):
    """What the analyzers say of a post. `topics`: most central first; `units`: canonical names.

    `rules_version`, `model_version`: what they were made by; no model is "".
    """

    topics: tuple[str, ...]
    units: tuple[str, ...]
    owed: Owed
    danger: bool
    sensitivity: int
    department: str | None
    story_id: str
    why: tuple[Why, ...]
    rules_version: str = ""
    model_version: str = ""

    @property
    def category(self) -> str | None:
        return self.topics[0] if self.topics else None

    @property
    def concern(self) -> bool:
        return self.owed is not Owed.MENTION


class TaggedPost(msgspec.Struct, frozen=True, kw_only=True):
    """A post with its tags and `site` (registrable domain of its URL): one stored row."""

    post: RawPost
    site: str
    tags: Tags
