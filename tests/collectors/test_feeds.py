"""Each feed format and each bad form, through the one public function."""

import json
from dataclasses import replace

import pytest

from collectors.feeds import parse_feed
from schemas.posts import Post
from tests.collectors.documents import ORIGIN, item, published, rss


def posts_of(data: bytes) -> tuple[Post, ...]:
    feed = parse_feed(data, ORIGIN)
    assert feed.warning == ""
    return feed.posts


def atom(entry: str) -> bytes:
    return (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:thr="http://purl.org/syndication/thread/1.0">'
        f'<title>t</title><link href="https://bbs.example.cn/"/>{entry}</feed>'
    ).encode()


def json_feed(*items: object) -> bytes:
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items}).encode()


def test_rss_2() -> None:
    date = published("Sat, 21 Nov 2026 08:30:00 +0800")
    extra = date + "<slash:comments>12</slash:comments><media:statistics views='345'/>"
    (post,) = posts_of(rss(item(1, extra=extra)))
    assert (post.source, post.source_kind) == ("tieba", ORIGIN.kind)
    assert (post.title, post.body) == ("食堂饭菜涨价", "正文1")
    assert post.url == "https://bbs.example.cn/thread-1-1-1.html"
    assert str(post.published_at) == "2026-11-21 00:30:00+00:00"
    assert (post.replies, post.views) == (12, 345)
    assert (post.thread_id, post.updated_at, post.seen_at) == (None, None, None)


@pytest.mark.parametrize("version", ["0.91", "0.92"])
def test_rss_of_old_versions(version: str) -> None:
    doctype = '<!DOCTYPE rss PUBLIC "-//Netscape//DTD RSS 0.91//EN" "http://x.example/rss.dtd">'
    data = f"{doctype}<rss version='{version}'><channel><title>t</title>{item(1)}</channel></rss>"
    assert [post.title for post in posts_of(data.encode())] == ["食堂饭菜涨价"]


def test_rss_1_and_rss_090() -> None:
    for namespace in ("http://purl.org/rss/1.0/", "http://my.netscape.com/rdf/simple/0.9/"):
        data = (
            f'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="{namespace}"'
            ' xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>t</title></channel>'
            "<item><title>校车晚点</title><link>https://bbs.example.cn/1</link>"
            "<dc:date>2026-11-21T08:30:00+08:00</dc:date></item></rdf:RDF>"
        )
        (post,) = posts_of(data.encode())
        assert (post.title, post.url) == ("校车晚点", "https://bbs.example.cn/1")
        assert str(post.published_at) == "2026-11-21 00:30:00+00:00"


def test_atom_with_threads() -> None:
    question = (
        '<entry><id>tag:x,1</id><title type="html">&lt;b&gt;问&lt;/b&gt;题</title>'
        '<link href="/t/1"/><published>2026-11-20T01:00:00Z</published>'
        "<updated>2026-11-21T01:00:00Z</updated><thr:total>3</thr:total>"
        '<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>甲</p><p>乙</p></div>'
        "</content></entry>"
    )
    reply = (
        "<entry><id>tag:x,2</id><title>回复: 问题</title>"
        '<thr:in-reply-to ref="tag:x,1"/><summary>同问 a &lt; b</summary></entry>'
    )
    first, second = posts_of(atom(question + reply))
    assert (first.title, first.body, first.replies) == ("问题", "甲\n乙", 3)
    assert first.url == "https://bbs.example.cn/t/1"
    assert str(first.published_at) == "2026-11-20 01:00:00+00:00"
    assert str(first.updated_at) == "2026-11-21 01:00:00+00:00"
    assert (second.thread_id, second.thread_title) == (first.id, "问题")
    assert (second.title, second.body) == ("回复: 问题", "同问 a < b")


def test_atom_that_tells_only_the_last_change() -> None:
    data = atom("<entry><id>1</id><title>t</title><updated>2026-11-21T01:00:00Z</updated></entry>")
    (post,) = posts_of(data)
    assert post.published_at == post.updated_at is not None


def test_json_feed() -> None:
    first, second, third = posts_of(
        json_feed(
            {"id": 7, "url": "/7", "title": "标题", "content_html": "<p>甲<br>乙</p>"}
            | {"date_published": "2026-11-21T08:30:00+08:00", "date_modified": "2026-11-22"},
            {"id": "8", "external_url": "https://a.example/8", "content_text": "a <b> c"},
            {"id": "9", "summary": "摘要"},
        )
    )
    assert (first.title, first.body, first.url) == ("标题", "甲\n乙", "https://bbs.example.cn/7")
    assert str(first.published_at) == "2026-11-21 00:30:00+00:00"
    assert (second.body, second.url) == ("a <b> c", "https://a.example/8")
    assert third.body == "摘要"


def test_json_feed_with_a_damaged_item() -> None:
    feed = parse_feed(json_feed({"id": 1, "title": "好"}, {"id": 2, "title": ["坏"]}), ORIGIN)
    assert [post.title for post in feed.posts] == ["好"]
    assert feed.warning == "1 items that JSON Feed does not allow were left out"


@pytest.mark.parametrize(
    ("declared", "encoding", "http"),
    [
        ("utf-8", "utf-8", None),
        ("gb2312", "gb18030", None),
        ("GBK", "gb18030", None),
        ("big5", "big5", None),
        ("utf-8", "utf-16", None),
        ("utf-8", "utf-8-sig", None),
        ("", "gb18030", None),
        ("", "gb18030", "gbk"),
        ("utf-8", "utf-8", "iso-8859-1"),
        ("utf-8", "gb18030", None),
        ("no-such-set", "utf-8", "zlib"),
    ],
)
def test_character_sets(declared: str, encoding: str, http: str | None) -> None:
    title = "食堂" if encoding == "big5" else "镕基小学食堂，家长们都在说"
    declaration = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    items = f"<item><title>{title}</title></item>"
    text = f"{declaration}<rss version='2.0'><channel>{items}</channel></rss>"
    feed = parse_feed(text.encode(encoding), replace(ORIGIN, charset=http))
    assert [post.title for post in feed.posts] == [title]


def test_one_bad_byte_costs_one_character() -> None:
    data = rss(item(1, "食堂饭菜")).replace("堂".encode(), b"\xff")
    assert parse_feed(data, ORIGIN).posts[0].title == "食\ufffd饭菜"
    undeclared = data.replace(b' encoding="utf-8"', b"")
    assert parse_feed(undeclared, ORIGIN).posts[0].title == "食\ufffd饭菜"


def test_text_of_html() -> None:
    body = (
        "<style>p{}</style><script>alert(1)</script><p>第一段<b>粗</b>体&amp;nbsp;x</p>\n"
        "<ul><li>一<li>二</ul>a&lt;6<table><tr><td>甲</td><td>乙</td></tr></table>"
    )
    data = rss(f"<item><title>t</title><description><![CDATA[{body}]]></description></item>")
    assert posts_of(data)[0].body == "第一段粗体&nbsp;x\n一\n二\na<6\n甲 乙"


@pytest.mark.parametrize(
    "body",
    [
        "<a href='/u/1'>张三</a>好",
        "<a href='home.php?mod=space&amp;uid=5'>张三</a>好",
        "<a href='/u/1'>张<table><tr><td><a href='/u/2'>李</a></td></tr></table></a>好",
        "<blockquote><cite class='author'>张三<b class='username'>李四</b></cite></blockquote>好",
        "<aside class='quote'><div class='title'>张三:</div></aside>好",
    ],
)
def test_names_that_forums_write_into_bodies_are_left_out(body: str) -> None:
    data = rss(f"<item><description><![CDATA[{body}]]></description></item>")
    assert posts_of(data)[0].body == "好"


def test_html_that_was_escaped_twice_is_text_all_the_same() -> None:
    data = rss("<item><description>甲&amp;lt;br /&amp;gt;乙&amp;amp;丙</description></item>")
    assert posts_of(data)[0].body == "甲\n乙&丙"


def test_links_are_absolute_http_without_authors() -> None:
    links = ["/t/1", "javascript:alert(1)", "https://u:p@bbs.example.cn/t/2?uid=5&amp;p=2#pid9"]
    items = [f"<item><title>{n}</title><link>{link}</link></item>" for n, link in enumerate(links)]
    assert [post.url for post in posts_of(rss(*items))] == [
        "https://bbs.example.cn/t/1",
        "",
        "https://bbs.example.cn/t/2?p=2",
    ]


def test_ids_hold_from_poll_to_poll_and_differ_between_sources() -> None:
    (first,) = posts_of(rss(item(1)))
    (edited,) = posts_of(rss(item(1, "改过的标题")))
    (elsewhere,) = parse_feed(rss(item(1)), replace(ORIGIN, source="other")).posts
    assert first.id == edited.id != elsewhere.id
    no_guid = "<item><title>{}</title><link>/t/{}</link></item>"
    one, two = posts_of(rss(no_guid.format("甲", 1), no_guid.format("甲", 2)))
    assert one.id != two.id
    bare = posts_of(rss("<item><title>甲</title></item>", "<item><title>乙</title></item>"))
    assert len({post.id for post in bare}) == 2


def test_repeated_and_empty_items_are_left_out_and_said() -> None:
    feed = parse_feed(rss(item(1), item(1), "<item></item>"), ORIGIN)
    assert len(feed.posts) == 1
    assert feed.warning == "2 of 3 items left out: empty, or another's id again"


def test_texts_are_masked_before_they_leave() -> None:
    answer = '<thr:in-reply-to ref="t9" title="找13800138000"/>'
    (post,) = posts_of(rss(item(1, "加微信：zhangsan123", answer)))
    assert (post.title, post.thread_title) == ("加微信：[账号]", "找[电话]")


def test_a_damaged_feed_gives_what_can_be_read() -> None:
    feed = parse_feed(rss(item(1), item(2, "a & b"), item(3))[:-60], ORIGIN)
    assert len(feed.posts) == 3
    assert feed.warning.startswith("damaged XML, 3 items could be read: ")


def test_control_characters_and_impossible_references_do_no_harm() -> None:
    (post,) = posts_of(rss(item(1, "食\x0b堂&#0;&#xD800;&#99999999999;饭")))
    assert post.title == "食堂 饭"


def test_entities_do_not_unfold() -> None:
    inner = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 9))
    for first in ("lol", "<b>lol</b>", "]>"):
        bomb = f'<!DOCTYPE r [<!ENTITY a0 "{first}">{inner}]>'
        data = bomb.encode() + rss(item(1, "&a8;")).partition(b"?>")[2]
        posts = parse_feed(data, ORIGIN).posts
        assert all(len(post.title) < 50 for post in posts)


def test_an_empty_feed_is_a_feed() -> None:
    assert posts_of(rss()) == ()
    assert posts_of(json_feed()) == ()
