"""Feed documents that the tests share."""

from datetime import UTC, datetime

from collectors.items import Origin
from schemas.posts import SourceKind

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
ORIGIN = Origin("tieba", SourceKind.FORUM, "https://bbs.example.cn/feed.xml")


def item(number: int, title: str = "食堂饭菜涨价", extra: str = "") -> str:
    return (
        f"<item><title>{title}</title><link>https://bbs.example.cn/thread-{number}-1-1.html</link>"
        f"<guid isPermaLink='false'>t{number}</guid>"
        f"<description>&lt;p&gt;正文{number}&lt;/p&gt;</description>{extra}</item>"
    )


def rss(*items: str, head: str = "") -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8"?><rss version="2.0"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:slash="http://purl.org/rss/1.0/modules/slash/"'
        ' xmlns:thr="http://purl.org/syndication/thread/1.0"'
        ' xmlns:media="http://search.yahoo.com/mrss/"'
        ' xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"'
        ' xmlns:atom="http://www.w3.org/2005/Atom">'
        f"<channel><title>论坛</title><link>https://bbs.example.cn/</link>{head}{''.join(items)}"
        "</channel></rss>"
    ).encode()


def published(text: str) -> str:
    return f"<pubDate>{text}</pubDate>"
