"""Which posts are one story."""

import pytest

from analyzers.stories import story_of

BODY = "今天中午孩子从学校食堂回来说饭是馊的，问了几个家长都一样，有没有人管一管"


def test_story_is_sixteen_hex_digits() -> None:
    assert len(story_of("题", BODY, "x")) == 16
    assert int(story_of("题", BODY, "x"), 16) >= 0


@pytest.mark.parametrize(
    "copy",
    [
        f"转发：{BODY}",
        f"【转】{BODY}",
        f"[转载] {BODY}",
        f"转发 {BODY}",
        f"{BODY} https://bbs.example/t/12?page=1",
        BODY.replace("，", ", ") + "！！！",
        BODY + "😡",
    ],
)
def test_repost_under_another_title_is_the_same_story(copy: str) -> None:
    assert story_of("食堂", BODY, "a") == story_of("转一个", copy, "b")


def test_short_bodies_need_their_titles() -> None:
    assert story_of("食堂的饭馊了", "求管", "a") != story_of("校车晚点了", "求管", "b")
    assert story_of("食堂的饭馊了", "求管", "a") == story_of("转：食堂的饭馊了", "求管！", "b")


def test_other_words_are_another_story() -> None:
    assert story_of("", BODY, "a") != story_of("", BODY.replace("馊", "凉"), "a")
    assert story_of("", "转学" + BODY, "a") != story_of("", BODY, "a")


def test_posts_without_a_letter_are_stories_of_their_own() -> None:
    assert story_of("", "😡😡", "bbs/1") != story_of("", "😡😡", "bbs/2")
