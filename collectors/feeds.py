"""A document's bytes to posts: RSS, Atom, JSON Feed. Called by the worker and `huisheng parse`.

Pure, and the only file that imports feedparser; of its answer only the fields named here are read.
"""

import io
import re
from typing import Any

import feedparser

from collectors.decoding import decode_document, is_binary
from collectors.html_text import feed_links, page_title
from collectors.items import Item, Markup, NotAFeed, Origin, ParsedFeed, count_of, read_items
from collectors.json_feed import read_json_feed
from collectors.links import absolute
from runtime.mask import mask

_FIRST_ROOT = re.compile(r"<(html|head|body|(?:\w+:)?(?:rss|feed|rdf|channel))\b", re.I)
_PAGE_ROOTS = ("html", "head", "body")
_FEED_ROOT = re.compile(r"<(?:\w+:)?(?:rss|feed|rdf|channel)\b", re.I)
_ROOT = re.compile(r"<([A-Za-z_][\w:.-]{0,40})")
# Taken out before reading: feedparser gives an item without a title that of its writer's picture.
_PERSON = re.compile(
    r"<((?:\w+:)?(?:image|author|contributor|creator|user|owner|textinput))(?:\s[^<>]*[^<>/])?>",
    re.I,
)
_LONGEST_PERSON = 2_000
# One control character or impossible reference makes an XML reader give up on the whole document.
_NO_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_REFERENCE = re.compile(r"&#(?:x([0-9a-f]{1,12})|([0-9]{1,12}));?", re.I)
_AS_XML = {"content-type": "application/xml; charset=utf-8"}
# What feedparser's reader for damaged XML is known to fail with.
_GAVE_UP = (ValueError, TypeError, LookupError, AttributeError, AssertionError, RecursionError)


def parse_feed(data: bytes, origin: Origin) -> ParsedFeed:
    """Raises NotAFeed, and nothing else, for what holds no readable feed."""
    if not data.strip():
        found = "an empty body (0 readable bytes): see in a browser whether the address is right"
        raise NotAFeed(found)
    if is_binary(data):
        found = f"binary data, not text (it starts with {data[:4]!r}): give a feed's address"
        raise NotAFeed(found)
    text = decode_document(data, origin.charset).lstrip()
    if text.startswith(("{", "[")):
        return _json(text, origin)
    if _is_page(text):
        raise NotAFeed(_page(text, origin))
    return _xml(text, origin)


def _is_page(text: str) -> bool:
    """A feed may stand under HTML's document type, so the first real element decides."""
    first = _FIRST_ROOT.search(text)
    return first[1].lower() in _PAGE_ROOTS if first else text[:14].lower() == "<!doctype html"


def _json(text: str, origin: Origin) -> ParsedFeed:
    items, base, damaged = read_json_feed(text)
    posts, warning = read_items(items, origin, absolute(base, origin.url) or origin.url)
    lost = f"{damaged} items that JSON Feed does not allow were left out" if damaged else ""
    return ParsedFeed(posts, "; ".join(filter(None, (lost, warning))))


def _xml(text: str, origin: Origin) -> ParsedFeed:
    if not _FEED_ROOT.search(text):
        raise NotAFeed(_no_feed(text, ""))
    read = _feedparser(_without_people(_without_bombs(text)))
    entries = [entry for entry in read["entries"] if isinstance(entry, dict)]
    problem = _problem(read)
    if not entries and (problem or not read.get("version")):
        raise NotAFeed(_no_feed(text, problem))
    feed = dict(read["feed"])
    base = absolute(_text(feed, "link"), origin.url) or origin.url
    posts, warning = read_items([_item(dict(entry)) for entry in entries], origin, base)
    damaged = f"damaged XML, {len(entries)} items could be read: {problem}" if problem else ""
    return ParsedFeed(posts, "; ".join(filter(None, (damaged, warning))))


def _feedparser(text: str) -> dict[str, Any]:
    body = io.BytesIO(text.encode("utf-8", "replace"))
    try:
        read: dict[str, Any] = feedparser.parse(
            body, response_headers=_AS_XML, sanitize_html=False, resolve_relative_uris=False
        )
    except _GAVE_UP as error:
        raise NotAFeed(_no_feed(text, str(error)[:80])) from error
    return read


def _problem(read: dict[str, Any]) -> str:
    error = read.get("bozo_exception")
    return str(getattr(error, "getMessage", lambda: error)())[:80] if read.get("bozo") else ""


def _without_bombs(text: str) -> str:
    """Without document types, whose entities could unfold to gigabytes, and what no XML allows."""
    start = text.find("<!DOCTYPE")
    root = _ROOT.search(text)
    if root and 0 <= start < root.start():
        inner, end = text.find("[", start), text.find(">", start)
        if 0 <= inner < end:
            end = text.find(">", max(text.find("]", inner), inner))
        text = text[:start] + (text[end + 1 :] if end >= 0 else "")
    # A second one, or one that quotes a bracket, is no type any more but an unknown tag.
    text = text.replace("<!DOCTYPE", "<doctype").replace("<!ENTITY", "<entity")
    return _REFERENCE.sub(_possible, _NO_XML.sub("", text))


def _without_people(text: str) -> str:
    kept: list[str] = []
    last = 0
    for opened in _PERSON.finditer(text):
        closing = f"</{opened[1]}>"
        end = text.find(closing, opened.end(), opened.end() + _LONGEST_PERSON)
        if opened.start() >= last and end >= 0:
            kept.append(text[last : opened.start()])
            last = end + len(closing)
    return "".join([*kept, text[last:]])


def _possible(reference: re.Match[str]) -> str:
    code = int(reference[1], 16) if reference[1] else int(reference[2])
    allowed = code in (9, 10, 13) or 31 < code < 0xD800 or 0xE000 <= code < 0x110000
    return reference[0] if allowed else " "


def _item(entry: dict[str, Any]) -> Item:
    body, kind = _body(entry)
    title_kind = _text(_inner(entry, "title_detail"), "type")
    answers = _inner(entry, "thr_in-reply-to")
    guid = _text(answers, "ref") or _text(answers, "href")
    return Item(
        guid=_text(entry, "id"),
        link=_text(entry, "link"),
        title=Markup(_text(entry, "title"), title_kind != "text/plain"),
        body=Markup(body, kind != "text/plain"),
        published=_text(entry, "published") or _text(entry, "created") or None,
        updated=_text(entry, "updated") or None,
        replies=_replies(entry),
        views=count_of(_inner(entry, "media_statistics").get("views")),
        reply_to=(guid, _text(answers, "title")) if guid else None,
    )


def _body(entry: dict[str, Any]) -> tuple[str, str]:
    """The full content where a feed gives it, else the summary; with its media type."""
    for content in entry.get("content") or ():
        kind = _text(content, "type")
        if _text(content, "value") and kind.startswith(("text/", "application/xhtml")):
            return _text(content, "value"), kind
    return _text(entry, "summary"), _text(_inner(entry, "summary_detail"), "type")


def _replies(entry: dict[str, Any]) -> int | None:
    links = [link for link in entry.get("links") or () if _text(link, "rel") == "replies"]
    told = [entry.get("slash_comments"), entry.get("thr_total")]
    told += [link.get(key) for link in links for key in ("thr:count", "count")]
    return next((count for value in told if (count := count_of(value)) is not None), None)


def _text(fields: dict[str, Any], key: str) -> str:
    # dict.get: feedparser's own answers for a missing key with another key's value.
    value = dict.get(fields, key)
    return value if isinstance(value, str) else ""


def _inner(fields: dict[str, Any], key: str) -> dict[str, Any]:
    value = fields.get(key)
    return value if isinstance(value, dict) else {}


def _no_feed(text: str, problem: str) -> str:
    if not _FEED_ROOT.search(text):
        root = _ROOT.search(text)
        what = f"XML with the root <{root[1]}>" if root else "plain text"
        return f"{what}, which is no feed: give the address of an RSS, Atom or JSON Feed"
    return (
        f"broken XML with nothing readable ({problem or 'no items'}): tell the site, or try later"
    )


def _page(text: str, origin: Origin) -> str:
    links = [link for found in feed_links(text) if (link := absolute(found, origin.url) or found)]
    title = mask(page_title(text))
    page = f"an HTML page titled {title!r}" if title else "an HTML page without a title"
    if links:
        return f"{page}: give the address of its feed, {links[0]}"
    return f"{page}: look for its RSS link, or see whether the site asks for a login or blocks us"
