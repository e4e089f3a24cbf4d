"""Addresses without people."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.links import absolute, clean_in_text, is_profile, without_author

SITE = "https://b.example"


@pytest.mark.parametrize(
    ("path", "stored"),
    [
        ("/home.php?mod=space&uid=12", "/home.php?mod=space"),
        (
            "/forum.php?mod=viewthread&tid=1&authorid=5&page=2",
            "/forum.php?mod=viewthread&tid=1&page=2",
        ),
        ("/t/1?from_uid=3&user_name=x&Author=y&p=2", "/t/1?p=2"),
        ("/index.php?topic=1.0;u=1", "/index.php?topic=1.0"),
        ("/t?guid=5&uuid=6", "/t?guid=5&uuid=6"),
        ("/thread-1-1-1.html#pid5", "/thread-1-1-1.html"),
        ("/space-uid-123.html", "/"),
        ("/u/123456/status/9", "/u/status/9"),
        ("/user/zhang", "/user/"),
        ("/@zhang/111", "/111"),
        ("/%40zhang/111", "/111"),
        ("/~zhang/notes.html", "/notes.html"),
        ("/people/zhang/answers/3", "/people/answers/3"),
        ("/2026/11/21/a.html", "/2026/11/21/a.html"),
    ],
)
def test_author_ids_are_cut(path: str, stored: str) -> None:
    assert without_author(SITE + path) == SITE + stored


def test_user_info_and_numbers_of_writers_are_cut() -> None:
    assert without_author("https://zhang:pw@b.example:8443/t") == "https://b.example:8443/t"
    assert without_author("https://weibo.com/1234567890/Nab") == "https://weibo.com/Nab"
    assert without_author("http://[bad") == ""
    text = clean_in_text("见 https://b.example/t?uid=5&p=1，谢谢")
    assert text == "见 https://b.example/t?p=1，谢谢"


def test_absolute_keeps_only_web_addresses() -> None:
    assert absolute("/x", "https://b.example/f/") == "https://b.example/x"
    for link in ("", " ", "javascript:x", "mailto:a@b.cn", "http://[", "tag:x,1"):
        assert absolute(link, SITE) == ""
    assert absolute("/x", "") == ""


@pytest.mark.parametrize(
    ("link", "profile"),
    [
        ("/u/zhang", True),
        ("/space-uid-1.html", True),
        ("memberlist.php?mode=viewprofile&u=2", True),
        ("home.php?mod=space&uid=1", True),
        ("/@zhang", True),
        ("/u/zhang/status/1", False),
        ("/thread-1-1-1.html", False),
        ("http://[", False),
    ],
)
def test_profiles(link: str, profile: bool) -> None:
    assert is_profile(link) is profile


@settings(deadline=None)
@given(st.text(), st.text())
def test_any_text_is_an_address_or_nothing(link: str, base: str) -> None:
    url = absolute(link, base)
    assert without_author(url) == without_author(without_author(url))
