"""What is no feed, and any bytes at all."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from collectors.feeds import parse_feed
from collectors.items import NotAFeed
from tests.collectors.documents import ORIGIN

PAGE = "<!doctype html><html><head><title>论坛首页</title>{}</head><body>x</body></html>"
FEED_LINK = '<link rel="alternate" type="application/rss+xml" href="/rss.xml">'


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", ["empty body", "browser"]),
        (b" \n", ["empty body"]),
        (PAGE.format("").encode(), ["HTML page titled '论坛首页'", "look for its RSS link"]),
        (PAGE.format(FEED_LINK).encode(), ["论坛首页", "https://bbs.example.cn/rss.xml"]),
        (b"<html><script>location='/x'</script></html>", ["HTML page without a title"]),
        (b'<rss version="2.0"><channel><title', ["broken XML with nothing readable"]),
        (b"<sitemap><url/></sitemap>", ["XML with the root <sitemap>", "RSS, Atom or JSON"]),
        (b"hello", ["plain text"]),
        (b'{"users": [{"name": "zhangsan"}]}', ["JSON that is no JSON Feed", "users", "RSS"]),
        (b"[1]", ["JSON that is no JSON Feed (it holds a list)"]),
        (b'{"version": "2", "items": []}', ["JSON of version '2'"]),
        (b'{"version": "https://jsonfeed.org/version/1", "items": [', ["damaged JSON"]),
        (b"\x89PNG\r\n\x1a\n\x00\x00", ["binary data"]),
        (b"%PDF-1.7", ["binary data"]),
    ],
)
def test_what_is_no_feed_says_what_it_is_and_what_to_do(data: bytes, words: list[str]) -> None:
    with pytest.raises(NotAFeed) as failure:
        parse_feed(data, ORIGIN)
    for word in words:
        assert word in str(failure.value)
    assert "zhangsan" not in str(failure.value)


FRAGMENTS = st.sampled_from(
    [
        "<rss version='2.0'>",
        "<channel>",
        "<item>",
        "<title>",
        "</title>",
        "<link>",
        "<![CDATA[",
        "]]>",
        "&",
        "&#99999999999999;",
        "&#xD800;",
        "<!DOCTYPE x [",
        "<!ENTITY a 'b'>",
        "]>",
        "<![if",
        "http://[",
        "<entry>",
        "<content type='xhtml'>",
        "<div>",
        "<thr:in-reply-to ref='",
        "'>",
        "{",
        '{"version":"https://jsonfeed.org/1","items":[',
        "<feed xmlns='http://www.w3.org/2005/Atom'>",
        "<image>",
        "<source url='x'>",
        "<itunes:author>",
        "<pubDate>",
        "Sat, 99",
        "\x00",
        "食堂",
        "<?xml",
        "?>",
    ]
)


@settings(deadline=None)
@given(st.binary() | st.lists(FRAGMENTS, max_size=30).map(lambda parts: "".join(parts).encode()))
@example(b"<rss><channel><item><link>http://[</link><title>x</title></item></channel></rss>")
@example(b'{"version":"https://jsonfeed.org/1","items":[{"id":1e999,"title":"\\ud800"}]}')
def test_any_bytes_are_posts_or_no_feed(data: bytes) -> None:
    try:
        feed = parse_feed(data, ORIGIN)
    except NotAFeed:
        return
    assert all(post.id for post in feed.posts)
