"""What the town's sites publish: the posts visible at a minute in, feed documents out. Pure.

Each feed has the quirks of its kind: reply counts, authors, an old encoding, dates nobody can read.
Called by demo/server.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from html import escape
from zlib import crc32

import msgspec

from demo.town import NICKNAMES, Reading, Town, TownPost

_DAY = 1440


@dataclass(frozen=True)
class Feed:
    """One source's site: where its posts live and how its document is written."""

    title: str
    site: str
    path: str
    form: str
    encoding: str = "utf-8"
    declared: str = "utf-8"
    counts: bool = True
    readable_dates: bool = True

    def link(self, post: TownPost) -> str:
        opening = _number(post.thread or post.id)
        link = self.site + self.path.format(opening)
        return f"{link}?pid={_number(post.id)}" if post.thread else link

    def profile(self, post: TownPost) -> str:
        return f"{self.site}/user/{crc32(post.id.encode()) % 900_000 + 100_000}"


FEEDS = {
    "bbs-jiazhang": Feed("青禾论坛·家长圈", "http://bbs.qinghe.example", "/thread/{}", "rss"),
    "bbs-guanshui": Feed("青禾论坛·灌水专区", "http://bbs.qinghe.example", "/thread/{}", "rss"),
    "qhmama": Feed("青禾妈妈网", "http://www.qhmama.example", "/topic/{}.html", "atom"),
    "qingheba": Feed(
        "青禾吧",
        "http://www.qingheba.example",
        "/p/{}",
        "rss",
        encoding="gb18030",
        declared="gb2312",
    ),
    "chengdong": Feed(
        "城东业主论坛", "http://bbs.chengdong.example", "/t/{}", "rss", readable_dates=False
    ),
    "shengxuebang": Feed("升学帮论坛", "http://bbs.shengxuebang.example", "/tie/{}", "rss"),
    "suishou": Feed("随手圈·青禾", "http://www.suishou.example", "/status/{}", "atom"),
    "weihua": Feed("同城微话", "http://weihua.example", "/m/{}", "json"),
    "online": Feed("青禾在线", "http://www.qinghe-online.example", "/article/{}.html", "rss"),
    "sulan": Feed("青禾速览", "http://sulan.example", "/a/{}", "json"),
    "tv": Feed("青禾电视台新闻网", "http://tv.qinghe-news.example", "/n/{}", "rss", counts=False),
    "wanbao": Feed(
        "青禾晚报网", "http://www.qinghe-wanbao.example", "/html/{}.htm", "atom", counts=False
    ),
    "jiaoyuju": Feed(
        "青禾区教育局·通知公告",
        "http://jyj.qinghe-edu.example",
        "/tzgg/{}.html",
        "rss",
        counts=False,
    ),
}


@dataclass(frozen=True)
class Document:
    content_type: str
    data: bytes


@dataclass(frozen=True)
class Page:
    """A feed as it stands `minute` minutes after `start`, which is 00:00 of day 1."""

    feed: Feed
    posts: tuple[TownPost, ...]
    start: datetime
    minute: int

    def time(self, minutes: int) -> datetime:
        return self.start + timedelta(minutes=minutes)


def edition(town: Town, source: str, minute: int) -> int:
    """The minute since which the document of `source` is as it is."""
    changed = town.changed(source, minute)
    # "Yesterday" is another day after midnight.
    return changed if FEEDS[source].readable_dates else max(changed, minute // _DAY * _DAY)


def render(town: Town, source: str, start: datetime, minute: int) -> Document:
    feed = FEEDS[source]
    at = edition(town, source, minute)
    return _FORMS[feed.form](Page(feed, tuple(town.visible(source, at)), start, at))


def author(post: TownPost) -> str:
    return NICKNAMES[crc32(post.id.encode()) % len(NICKNAMES)]


def _number(post_id: str) -> str:
    return post_id.rpartition("-")[2]


def _html(post: TownPost) -> str:
    return "".join(f"<p>{escape(line, quote=False)}</p>" for line in post.body.split("\n"))


def _rss(page: Page) -> Document:
    feed = page.feed
    text = (
        f'<?xml version="1.0" encoding="{feed.declared}"?>\n'
        '<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:media="http://search.yahoo.com/mrss/"'
        ' xmlns:slash="http://purl.org/rss/1.0/modules/slash/"'
        ' xmlns:thr="http://purl.org/syndication/thread/1.0">\n'
        f"<channel><title>{feed.title}</title><link>{feed.site}/</link>"
        f"<description>{feed.title}</description>\n"
        f"{''.join(_rss_item(page, post) for post in page.posts)}</channel></rss>\n"
    )
    # Without a charset here, as old boards answer: only the document itself names its encoding.
    return Document("text/xml", text.encode(feed.encoding))


def _rss_item(page: Page, post: TownPost) -> str:
    feed, name = page.feed, author(post)
    parts = [
        f"<title>{escape(post.title)}</title>",
        f"<link>{escape(feed.link(post))}</link>",
        f'<guid isPermaLink="false">{post.id}</guid>',
        _rss_date(page, post),
        f"<author>{crc32(post.id.encode()) % 900_000}@users.example ({name})</author>",
        f"<dc:creator>{name}</dc:creator>",
        f"<description>{escape(post.body[:60])}</description>",
        f"<content:encoded><![CDATA[{_html(post)}]]></content:encoded>",
        _in_reply_to(feed, post),
    ]
    if feed.counts:
        parts.append(_rss_counts(post.reading(page.minute)))
    return f"<item>{''.join(parts)}</item>\n"


def _rss_counts(reading: Reading) -> str:
    views = f'<media:statistics views="{reading.views}"/>'
    comments = f"<slash:comments>{reading.replies}</slash:comments>"
    return f"{comments}<media:community>{views}</media:community>"


def _rss_date(page: Page, post: TownPost) -> str:
    at = page.time(post.minutes)
    if page.feed.readable_dates:
        return f"<pubDate>{format_datetime(at)}</pubDate>"
    shown = _loose_date(at, page.minute // _DAY - post.minutes // _DAY, int(_number(post.id)))
    return f"<pubDate>{shown}</pubDate>" if shown else ""


def _loose_date(at: datetime, days_ago: int, number: int) -> str:
    """What hand-made board software prints: for people, for people in a hurry, or nothing."""
    if number % 3 == 0:
        return f"{at.year}年{at.month}月{at.day}日 {at:%H:%M}"
    if number % 3 == 1:
        return f"{('今天', '昨天', '前天')[days_ago]} {at:%H:%M}" if days_ago < 3 else ""
    return ""


def _in_reply_to(feed: Feed, post: TownPost) -> str:
    if post.thread is None:
        return ""
    href = feed.site + feed.path.format(_number(post.thread))
    return f'<thr:in-reply-to ref="{post.thread}" href="{href}"/>'


def _atom(page: Page) -> Document:
    feed = page.feed
    text = (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<feed xmlns="http://www.w3.org/2005/Atom"'
        ' xmlns:thr="http://purl.org/syndication/thread/1.0" xml:lang="zh-CN">\n'
        f'<title>{feed.title}</title><link href="{feed.site}/"/><id>{feed.site}/</id>'
        f"<updated>{page.time(page.minute).isoformat()}</updated>\n"
        f"{''.join(_atom_entry(page, post) for post in page.posts)}</feed>\n"
    )
    return Document("application/atom+xml; charset=utf-8", text.encode())


def _atom_entry(page: Page, post: TownPost) -> str:
    feed, at = page.feed, page.time(post.minutes).isoformat()
    parts = [
        f"<title>{escape(post.title)}</title>",
        f'<link rel="alternate" href="{escape(feed.link(post))}"/>',
        f"<id>{post.id}</id><published>{at}</published><updated>{at}</updated>",
        f"<author><name>{author(post)}</name><uri>{feed.profile(post)}</uri></author>",
        f'<content type="html">{escape(_html(post))}</content>',
        _in_reply_to(feed, post),
    ]
    if feed.counts:
        parts.append(f"<thr:total>{post.reading(page.minute).replies}</thr:total>")
    return f"<entry>{''.join(parts)}</entry>\n"


def _json(page: Page) -> Document:
    feed = page.feed
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": f"{feed.site}/",
        "language": "zh-CN",
        "items": [_json_item(page, post) for post in page.posts],
    }
    return Document("application/feed+json; charset=utf-8", msgspec.json.encode(document))


def _json_item(page: Page, post: TownPost) -> dict[str, object]:
    feed = page.feed
    profile = feed.profile(post)
    item: dict[str, object] = {
        "id": post.id,
        "url": feed.link(post),
        "content_html": _html(post),
        "date_published": page.time(post.minutes).isoformat(),
        "authors": [{"name": author(post), "url": profile, "avatar": f"{profile}/avatar.png"}],
    }
    return item | ({"title": post.title} if post.title else {})


_FORMS: dict[str, Callable[[Page], Document]] = {"rss": _rss, "atom": _atom, "json": _json}
