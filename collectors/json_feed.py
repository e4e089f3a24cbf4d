"""JSON Feed 1.x text to items. Called by feeds.py for documents that start as JSON does."""

import msgspec

from collectors.items import Item, Markup, NotAFeed

_ELSE = "give the address of an RSS, Atom or JSON Feed instead (forums often have one: latest.rss)"


class _Feed(msgspec.Struct):
    version: str
    items: list[msgspec.Raw]
    home_page_url: str | None = None


class _Item(msgspec.Struct):
    """Only what is taken: `author`, `authors`, avatars and their links are not named here."""

    id: str | int | float | None = None
    url: str | None = None
    external_url: str | None = None
    title: str | None = None
    content_html: str | None = None
    content_text: str | None = None
    summary: str | None = None
    date_published: str | None = None
    date_modified: str | None = None


def read_json_feed(text: str) -> tuple[list[Item], str, int]:
    """Items, the address that relative links are seen from, and how many items can't be read."""
    data = text.encode("utf-8", "replace")
    try:
        feed = msgspec.json.decode(data, type=_Feed)
    except (msgspec.DecodeError, RecursionError) as error:
        reason = f"{_what_it_is(data, error)}: {_ELSE}"
        raise NotAFeed(reason) from error
    if "jsonfeed.org" not in feed.version:
        reason = f"JSON of version {feed.version[:40]!r}, which is no JSON Feed: {_ELSE}"
        raise NotAFeed(reason)
    items = [item for raw in feed.items if (item := _item(raw))]
    return items, feed.home_page_url or "", len(feed.items) - len(items)


def _item(raw: msgspec.Raw) -> Item | None:
    try:
        item = msgspec.json.decode(raw, type=_Item)
    except (msgspec.DecodeError, RecursionError):
        return None
    html = item.content_html
    return Item(
        guid="" if item.id is None else str(item.id),
        link=item.url or item.external_url or "",
        title=Markup(item.title or "", is_html=False),
        body=Markup(html or item.content_text or item.summary or "", is_html=bool(html)),
        published=item.date_published,
        updated=item.date_modified,
    )


def _what_it_is(data: bytes, error: Exception) -> str:
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return f"damaged JSON ({str(error)[:80]})"
    # Keys only: a value may be a person's name.
    keys = ", ".join(list(found)[:5])[:80] if isinstance(found, dict) else "a list"
    return f"JSON that is no JSON Feed (it holds {keys})"
