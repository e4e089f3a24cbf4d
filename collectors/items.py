"""One feed item's named fields to a Post: ids hashed, links cleaned, texts masked.

feeds.py and json_feed.py take only these fields from a document, so nobody's name can come along.
"""

from dataclasses import dataclass
from hashlib import blake2b

from collectors.dates import read_time
from collectors.html_text import tidy, to_text
from collectors.links import absolute, clean_in_text, without_author
from runtime.mask import mask
from runtime.text import squeeze
from schemas.codec import BadMessage
from schemas.posts import Post, SourceKind

_ID_BYTES = 16
# A post is one message on the bus, which takes a megabyte; nobody reads more than this anyway.
_MOST_ITEMS = 2_000
_LONGEST_TITLE, _LONGEST_BODY, _LONGEST_URL = 500, 20_000, 4_000


@dataclass(frozen=True)
class Origin:
    """Where a document comes from: `charset` as the HTTP header tells, `url` for relative links."""

    source: str
    kind: SourceKind
    url: str = ""
    charset: str | None = None


@dataclass(frozen=True)
class ParsedFeed:
    """`warning`: what was wrong with a document that could be read all the same."""

    posts: tuple[Post, ...]
    warning: str = ""


class NotAFeed(BadMessage):
    """The document holds no feed; the message says what it is and what to do."""


@dataclass(frozen=True)
class Markup:
    text: str
    is_html: bool

    def plain(self) -> str:
        return to_text(self.text) if self.is_html else tidy(self.text)


@dataclass(frozen=True)
class Item:
    """`reply_to`: guid and title of the post this one answers, as far as the document tells."""

    guid: str
    link: str
    title: Markup
    body: Markup
    published: str | None
    updated: str | None
    replies: int | None = None
    views: int | None = None
    reply_to: tuple[str, str] | None = None


def count_of(value: object) -> int | None:
    """A number of replies or views as feeds write it, or None."""
    digits = str(value).strip() if isinstance(value, (str, int)) else ""
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else None


def read_items(items: list[Item], origin: Origin, base: str) -> tuple[tuple[Post, ...], str]:
    """Posts in the document's order, each id once, and a warning about what was left out."""
    titles = {item.guid: item.title for item in items if item.guid}
    posts: dict[str, Post] = {}
    for item in items[:_MOST_ITEMS]:
        post = _post(item, origin, base, titles)
        if post.title or post.body or post.url or item.guid:
            posts.setdefault(post.id, post)
    left_out = len(items) - len(posts)
    found = f"{left_out} of {len(items)} items left out: empty, or another's id again"
    found += f", or past the first {_MOST_ITEMS}" * (len(items) > _MOST_ITEMS)
    return tuple(posts.values()), found if left_out else ""


def _post(item: Item, origin: Origin, base: str, titles: dict[str, Markup]) -> Post:
    url = absolute(item.link, base)
    title, body = squeeze(item.title.plain()), item.body.plain()
    # Where a document gives only the last change, that is the best word on the publication.
    published, updated = item.published or item.updated, read_time(item.updated)
    thread, thread_title = item.reply_to or ("", "")
    answered = titles.get(thread)
    return Post(
        id=_id(origin.source, item.guid or url or "\n".join((title, body, published or ""))),
        source=origin.source,
        source_kind=origin.kind,
        url=_stored_url(url),
        title=_safe(title, _LONGEST_TITLE),
        body=_safe(body, _LONGEST_BODY),
        published_at=read_time(published) or updated,
        updated_at=updated,
        thread_id=_id(origin.source, thread) if thread else None,
        thread_title=_safe(squeeze(answered.plain() if answered else thread_title), _LONGEST_TITLE)
        or None,
        replies=item.replies,
        views=item.views,
    )


def _id(source: str, name: str) -> str:
    """A guid may be a profile's address, so only its hash is kept."""
    digest = blake2b(digest_size=_ID_BYTES)
    digest.update(f"{source}\n{name}".encode("utf-8", "replace"))
    return digest.hexdigest()


def _stored_url(url: str) -> str:
    stored = squeeze(without_author(url))
    return stored if len(stored) <= _LONGEST_URL else ""


def _safe(text: str, longest: int) -> str:
    # Cut again after masking: the first cut may have left half a number at the end.
    return mask(clean_in_text(text[: 2 * longest]))[:longest]
