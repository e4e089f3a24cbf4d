"""The town's feed documents, read with nothing but the standard library."""

import json
import re
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from xml.etree import ElementTree

import pytest

from demo.feeds import FEEDS, author, edition, render
from demo.town import load_town
from runtime.clock import SHANGHAI

TOWN = load_town()
START = datetime(2026, 11, 21, tzinfo=SHANGHAI)
END = 3 * 1440
SLASH = "{http://purl.org/rss/1.0/modules/slash/}comments"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}encoded"
CREATOR = "{http://purl.org/dc/elements/1.1/}creator"
VIEWS = "{http://search.yahoo.com/mrss/}community/{http://search.yahoo.com/mrss/}statistics"
THREAD = "{http://purl.org/syndication/thread/1.0}"
ATOM = "{http://www.w3.org/2005/Atom}"


def sources(form: str) -> list[str]:
    return [source for source, feed in FEEDS.items() if feed.form == form]


def xml(source: str, minute: int = END) -> ElementTree.Element:
    data = render(TOWN, source, START, minute).data
    feed = FEEDS[source]
    decoded = data.decode(feed.encoding).replace(f'encoding="{feed.declared}"', "", 1)
    return ElementTree.fromstring(decoded)


@pytest.mark.parametrize("source", sources("rss"))
def test_rss_gives_every_post_with_author_and_body(source: str) -> None:
    items = xml(source).findall("channel/item")
    posts = TOWN.visible(source, END)
    assert [item.findtext("guid") for item in items] == [post.id for post in posts]
    for item, post in zip(items, posts, strict=True):
        body = re.sub("<[^>]+>", "\n", item.findtext(CONTENT) or "").strip()
        assert re.sub("\n+", "\n", body) == post.body
        assert item.findtext("title") == post.title
        assert item.findtext(CREATOR) == author(post)
        assert author(post) in str(item.findtext("author"))
        assert (item.findtext("link") or "").startswith(FEEDS[source].site)


@pytest.mark.parametrize("source", sources("atom"))
def test_atom_gives_every_post_with_author_and_time(source: str) -> None:
    entries = xml(source).findall(f"{ATOM}entry")
    posts = TOWN.visible(source, END)
    assert [entry.findtext(f"{ATOM}id") for entry in entries] == [post.id for post in posts]
    for entry, post in zip(entries, posts, strict=True):
        published = datetime.fromisoformat(str(entry.findtext(f"{ATOM}published")))
        assert published == START + timedelta(minutes=post.minutes)
        assert entry.findtext(f"{ATOM}author/{ATOM}name") == author(post)
        assert "/user/" in str(entry.findtext(f"{ATOM}author/{ATOM}uri"))


@pytest.mark.parametrize("source", sources("json"))
def test_json_feed_gives_every_post_with_authors(source: str) -> None:
    document = json.loads(render(TOWN, source, START, END).data)
    assert document["version"] == "https://jsonfeed.org/version/1.1"
    posts = TOWN.visible(source, END)
    assert [item["id"] for item in document["items"]] == [post.id for post in posts]
    for item, post in zip(document["items"], posts, strict=True):
        assert item.get("title", "") == post.title
        assert item["authors"][0]["name"] == author(post)
        assert item["authors"][0]["avatar"].endswith("avatar.png")


@pytest.mark.parametrize("source", FEEDS)
def test_a_feed_lists_what_is_published_so_far_and_nothing_later(source: str) -> None:
    for minute in (0, 360, 780, 1440, END):
        data = render(TOWN, source, START, minute).data.decode(FEEDS[source].encoding)
        for post in TOWN.by_source[source]:
            assert (f"{post.id}<" in data or f'"{post.id}"' in data) == (post.minutes <= minute)


def test_reply_and_view_numbers_grow() -> None:
    opening = next(p for p in TOWN.posts if p.title == "区医院急诊全是一小的孩子")
    seen = []
    for minute in (opening.minutes, 1080, 1440, END):
        items = xml(opening.source, minute).findall("channel/item")
        item = next(item for item in items if item.findtext("guid") == opening.id)
        views = item.find(VIEWS)
        assert views is not None
        seen.append((int(item.findtext(SLASH) or -1), int(views.attrib["views"])))
    assert seen[0] == (0, 0)
    assert seen == sorted(set(seen))
    assert seen[-1][0] >= 100


def test_atom_tells_the_number_of_replies() -> None:
    totals = [int(total.text or -1) for total in xml("qhmama").iter(f"{THREAD}total")]
    assert len(totals) == len(TOWN.visible("qhmama", END))
    assert max(totals) >= 20


def test_replies_name_their_opening_post() -> None:
    for source in ("bbs-jiazhang", "qhmama"):
        refs = [found.attrib["ref"] for found in xml(source).iter(f"{THREAD}in-reply-to")]
        assert refs == [post.thread for post in TOWN.visible(source, END) if post.thread]
        assert refs


def test_one_site_says_gb2312_and_means_gb18030() -> None:
    data = render(TOWN, "qingheba", START, END).data
    assert data.startswith(b'<?xml version="1.0" encoding="gb2312"?>')
    assert "青禾吧" in data.decode("gb18030")
    with pytest.raises(UnicodeDecodeError):
        data.decode("gb2312")


def test_one_site_writes_dates_for_people_or_none() -> None:
    items = xml("chengdong").findall("channel/item")
    dates = [item.findtext("pubDate") for item in items]
    assert any(date and re.fullmatch(r"2026年11月2\d日 \d\d:\d\d", date) for date in dates)
    assert any(date and re.fullmatch(r"(昨天|前天) \d\d:\d\d", date) for date in dates)
    assert None in dates
    for date in filter(None, dates):
        with pytest.raises(ValueError, match="Invalid date"):
            parsedate_to_datetime(date)


def test_yesterday_comes_with_midnight() -> None:
    evening, night = (render(TOWN, "chengdong", START, minute) for minute in (1439, 1440))
    assert edition(TOWN, "chengdong", 1440) == 1440
    assert "<pubDate>今天" in evening.data.decode()
    assert "<pubDate>昨天" not in evening.data.decode()
    assert "<pubDate>昨天" in night.data.decode()


def test_other_dates_are_the_town_s_own() -> None:
    for item in xml("tv").findall("channel/item"):
        published = parsedate_to_datetime(str(item.findtext("pubDate")))
        post = next(p for p in TOWN.posts if p.id == item.findtext("guid"))
        assert published == START + timedelta(minutes=post.minutes)


def test_a_document_depends_on_its_edition_alone() -> None:
    for source in FEEDS:
        for minute in range(360, END, 97):
            since = edition(TOWN, source, minute)
            assert since <= minute
            assert edition(TOWN, source, since) == since
