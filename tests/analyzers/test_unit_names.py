"""How names are built: short forms, numbers, places, areas."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers.unit_names import (
    UnitNames,
    all_spellings,
    places_in,
    related,
    with_digits,
    with_words,
    words_to_know,
)
from runtime.config import Unit


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("青禾区第一小学", {"第一小学", "一小", "青禾一小", "青禾区一小", "青禾第一小学"}),
        ("第十二中学", {"十二中"}),
        ("第12中学", {"十二中"}),
        ("青禾实验小学", {"青禾实小"}),
        ("城南第二实验小学", {"城南实验二小"}),
        ("第一高级中学", set()),
        ("第二高级中学", {"二高"}),
        ("师大附属小学", {"师大附小"}),
        ("附属小学", set()),
        ("第三幼儿园", {"三幼"}),
        ("石桥镇中心小学", {"石桥中心小学"}),
        ("青禾区职业技术学校", {"青禾职业技术学校"}),
        ("青禾区外国语学校", {"外国语学校", "青禾外国语学校"}),
        ("八一中学", set()),
        ("人民广场", set()),
        ("红旗小学", set()),
    ],
)
def test_short_forms(name: str, short: set[str]) -> None:
    assert set(UnitNames(Unit(name=name)).derived) == short


def test_an_area_gives_the_place_that_a_name_lacks() -> None:
    names = UnitNames(Unit(name="第一小学", area="南原市青禾区"))
    assert (names.seat, names.home) == ("青禾区", "青禾区")
    assert set(names.derived) >= {"一小", "青禾一小"}


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("南原市青禾区第一小学", ("南原市", "青禾区")),
        ("广州市第二中学", ("广州市",)),
        ("镇江市实验小学", ("镇江市",)),
        ("市北区第一小学", ("市北区",)),
        ("青禾区石桥镇中心小学", ("青禾区", "石桥镇")),
        ("云岭自治县第一中学", ("云岭自治县",)),
        ("实验小学东校区", ()),
        ("第一小学", ()),
        ("红旗小学", ()),
        ("青禾区", ()),
    ],
)
def test_places_at_the_head_of_a_name(name: str, places: tuple[str, ...]) -> None:
    assert places_in(name) == places


@pytest.mark.parametrize(
    ("area", "other", "same"),
    [
        ("青禾区", "青禾区", True),
        ("青禾区", "南原市青禾区", True),
        ("南原市", "南原市青禾区", True),
        ("青禾", "青禾区", True),
        ("东区", "城东区", False),
        ("青禾区", "柳河县", False),
        ("南原市柳河县", "南原市青禾区", False),
    ],
)
def test_areas_within_each_other(area: str, other: str, same: bool) -> None:
    assert related(area, other) is related(other, area) is same


def test_the_users_names_take_a_spelling_from_the_short_forms() -> None:
    first, second = Unit(name="青禾区第一小学"), Unit(name="育红学校", aliases=("一小", "1小"))
    owners = all_spellings([first, second])
    assert [names.unit for names in owners["一小"]] == [second]
    assert [names.unit for names in owners["第一小学"]] == [first]


def test_the_segmenter_learns_no_word_with_digits() -> None:
    known = words_to_know([Unit(name="青禾区第1小学", aliases=("1小",), area="南原市青禾区")])
    assert {"一小", "第一小学", "南原市", "青禾"} <= set(known)
    assert "1小" not in known


@given(st.integers(1, 99), st.sampled_from(["第{}小学", "{}中", "实验{}小", "第{}幼儿园"]))
def test_numbers_come_back_from_words_and_digits(number: int, form: str) -> None:
    digits = form.format(number)
    words = with_words(digits)
    assert not set("0123456789") & set(words)
    assert with_digits(words) == digits
    assert with_words(words) == words


@given(st.text(max_size=12), st.text(max_size=8))
def test_any_name_can_be_read(name: str, area: str) -> None:
    names = UnitNames(Unit(name=f"校{name}", area=area))
    assert names.name.startswith("校")
    assert names.name not in names.derived
    assert all(form and not set(form) & set(" \n") for form in names.derived)
    assert all(place and place in names.area + names.name for place in names.places)


AREAS = st.lists(st.sampled_from(["南原市", "青禾区", "柳河县", "东区"]), min_size=1, max_size=3)


@given(AREAS, AREAS)
def test_an_area_is_related_to_each_end_of_itself(head: list[str], tail: list[str]) -> None:
    whole = "".join([*head, *tail])
    assert related(whole, "".join(head))
    assert related("".join(tail), whole)
