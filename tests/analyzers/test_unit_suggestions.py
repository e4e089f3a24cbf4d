"""Names that no unit has yet: what is found, what is not, and which unit is likely meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers.reading import read
from analyzers.segment import Segmenter
from analyzers.unit_names import UnitNames, words_to_know
from analyzers.unit_suggestions import (
    SeenPost,
    Suggester,
    Suggestion,
    likely_unit,
    merged,
    names_in,
)
from runtime.config import Source, Unit
from schemas.posts import SourceKind

UNITS = (
    Unit(name="青禾区第一小学", aliases=("一小",)),
    Unit(name="青禾区柳湾小学", short_names=False),
    Unit(name="青禾区望湖学校"),
    Unit(name="青禾区第一中学"),
)
URL = "http://bbs.example/feed"
SOURCES = (Source(id="bbs", name="论坛", kind=SourceKind.FORUM, url=URL, area="青禾区"),)
SEGMENTER = Segmenter(words=words_to_know(UNITS))


def names(text: str) -> set[str]:
    return names_in(read("", text, SEGMENTER), SEGMENTER)


def suggestions(*bodies: str, source: str = "bbs", least: int = 1) -> list[Suggestion]:
    suggester = Suggester(UNITS, SOURCES, SEGMENTER)
    suggester.read(SeenPost(source, str(at), "", body) for at, body in enumerate(bodies))
    return suggester.suggestions(least)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("孩子在清河中学读书", {"清河中学"}),
        ("昨天清河二小门口堵车", {"清河二小"}),
        ("昨天清河2小门口堵车", {"清河二小"}),
        ("去第 5 小学报名", {"第五小学"}),
        ("县一中的食堂", {"县一中"}),
        ("石桥镇中心小学和阳光幼儿园", {"石桥镇中心小学", "阳光幼儿园"}),
        ("报考青禾区职高", {"青禾区职高"}),
        ("我们学校门口，小学生很多", set()),
        ("公办幼儿园和民办学校，培训学校", set()),
        ("重点中学，普惠性幼儿园，双语学校", set()),
        ("全区中小学，各学校，三所学校", set()),
        ("等了一中午，一小时，一小碗", set()),
        ("读了3小时", set()),
        ("家长投诉学校", set()),
        ("", set()),
    ],
)
def test_names_that_look_like_a_school_s(text: str, found: set[str]) -> None:
    assert names(text) == found


def test_a_person_s_name_is_cut_off() -> None:
    assert all("李明" not in name and "王晓红" not in name for name in names("李明实验小学"))
    assert all("王晓红" not in name for name in names("王晓红清河中学"))


def test_nothing_but_the_name_leaves_a_text() -> None:
    text = "联系电话13800000000，张老师说清河中学的食堂有人打架"
    assert names(text) == {"清河中学"}


def test_names_are_counted_by_posts_and_known_ones_left_out() -> None:
    found = suggestions("清河中学，清河中学，一小", "清河中学和青禾区第1小学", "青禾一中", least=2)
    assert found == [Suggestion("清河中学", 2, ("青禾区",), "")]


def test_a_post_that_is_read_twice_counts_once() -> None:
    suggester = Suggester(UNITS, SOURCES, SEGMENTER)
    suggester.read([SeenPost("bbs", "1", "清河中学", "")] * 3)
    assert [each.posts for each in suggester.suggestions(1)] == [1]


def test_a_name_with_its_place_is_counted_with_the_name() -> None:
    a, b, c = ("s", "1"), ("s", "2"), ("s", "3")
    found = merged({"柳湾二小": {a, b}, "青禾柳湾二小": {c}, "二小": {a}})
    assert found == {"柳湾二小": {a, b, c}, "二小": {a}}


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("柳湾完小", "青禾区柳湾小学"),
        ("柳湾小学", "青禾区柳湾小学"),
        ("青禾柳湾小学", "青禾区柳湾小学"),
        ("望湖小学", "青禾区望湖学校"),
        ("区一小", "青禾区第一小学"),
        ("县一小", ""),
        ("柳湾中学", ""),
        ("柳湾二小", ""),
        ("二小", ""),
        ("第一实验小学", ""),
        ("湾小学", ""),
    ],
)
def test_the_unit_that_is_likely_meant(name: str, unit: str) -> None:
    assert likely_unit(name, ("青禾区",), [UnitNames(each) for each in UNITS]) == unit


def test_a_unit_of_another_area_is_not_meant() -> None:
    units = [UnitNames(each) for each in UNITS]
    assert likely_unit("柳湾完小", ("柳河县",), units) == ""
    assert likely_unit("柳湾完小", (), units) == "青禾区柳湾小学"


@given(st.text(alphabet="青禾区清河第一二12小中学幼儿园，在的 实验校生时午", max_size=40))
def test_each_name_stands_in_the_text_and_ends_like_a_school(text: str) -> None:
    plain = text.replace(" ", "")
    for name in names(text):
        assert any(name.endswith(end) for end in ("小", "中", "幼", "学", "校", "园", "高"))

        assert name in plain or set("12") & set(plain)
