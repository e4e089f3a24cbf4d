"""The site of a URL."""

import pytest

from analyzers.sites import site_of


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://bbs.city.com.cn/thread-1.html", "city.com.cn"),
        ("https://edu.city.com.cn/", "city.com.cn"),
        ("http://x.y.example/1", "y.example"),
        ("https://BBS.Example.COM:8443/a?b=http://other.org", "example.com"),
        ("https://www.county.gov.cn/", "county.gov.cn"),
        ("https://gov.cn/", "gov.cn"),
        ("http://127.0.0.1:8000/feed", "127.0.0.1"),
        ("http://[::1]:8000/feed", "::1"),
        ("http://localhost:8000/feed", "localhost"),
        ("https://论坛.中国/1", "论坛.中国"),
        ("https://bbs.xn--kfsr23j.xn--fiqs8s/1", "论坛.中国"),
        ("http://forum.example./1", "forum.example"),
        ("", "city-bbs"),
        ("/thread/1", "city-bbs"),
        ("http://[broken/1", "city-bbs"),
        ("http://./", "city-bbs"),
    ],
)
def test_site(url: str, site: str) -> None:
    assert site_of(url, "city-bbs") == site
