"""Which units a post speaks of: each trap in a line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers.reading import read
from analyzers.segment import Segmenter
from analyzers.unit_names import words_to_know
from analyzers.units import UnitFinder
from runtime.config import Source, Unit
from schemas.posts import SourceKind

UNITS = (
    Unit(name="江城市第一中学", aliases=("江城一中", "一中")),
    Unit(name="江城市实验小学", aliases=("实验小学", "实小")),
    Unit(name="江城市实验小学东校区", aliases=("实小东校区",)),
    Unit(name="江城市第一小学"),
    Unit(name="江城市第十二小学"),
    Unit(name="江城市职教中心"),
    Unit(name="江城外国语学校", aliases=("外国语",)),
    Unit(name="育才幼儿园"),
)
FIRST, TRIAL = "江城市第一中学", "江城市实验小学"


class Town:
    """Units and sources, each source named by its area."""

    def __init__(self, units: tuple[Unit, ...], *areas: str) -> None:
        self.segmenter = Segmenter(words=words_to_know(units))
        url = "http://bbs.example/feed"
        sources = [
            Source(id=f"s{at}", name="论坛", kind=SourceKind.FORUM, url=url, area=area)
            for at, area in enumerate(areas)
        ]
        self._ids = {source.area: source.id for source in sources}
        self._finder = UnitFinder(units, sources, self.segmenter)

    def find(self, body: str, area: str = "", title: str = "") -> list[str]:
        found = self._finder.find(read(title, body, self.segmenter), self._ids.get(area, ""))
        return list(found)


TOWN = Town(UNITS)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("实小门口堵车，一中不堵", [TRIAL, FIRST]),
        ("江城市第一中学的食堂", [FIRST]),
        ("实小东校区停电", ["江城市实验小学东校区"]),
        ("江城市实验小学东校区停电", ["江城市实验小学东校区"]),
        ("一中一中一中", [FIRST]),
        ("育才幼儿园和实验小学", ["育才幼儿园", TRIAL]),
        ("职教中心招生吗", ["江城市职教中心"]),
        ("外国语的校服", ["江城外国语学校"]),
        ("", []),
    ],
)
def test_names_and_aliases(text: str, names: list[str]) -> None:
    assert TOWN.find(text) == names


@pytest.mark.parametrize(
    "text",
    [
        "等了一中午",
        "等了1中午",
        "等了1 中午",
        "其实小孩子都知道",
        "十一中的操场",
        "21中的操场",
        "三中全会",
        "万一中了大奖",
        "高一中考成绩",
        "统一中考",
        "等了一小时",
        "每天一小时",
        "只剩一小部分",
        "喝了一小碗粥",
        "喝了1小碗粥",
        "一大一小两个娃",
        "一老一小的政策",
        "高一小明",
        "第一中了",
        "唯一小毛病",
    ],
)
def test_short_names_count_only_as_words(text: str) -> None:
    assert TOWN.find(text) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("第1小学门口", "江城市第一小学"),
        ("第１小学门口", "江城市第一小学"),
        ("第 1 小学门口", "江城市第一小学"),
        ("第一 小学门口", "江城市第一小学"),
        ("实验　小学门口", TRIAL),
        ("去1中上学", FIRST),
        ("去 1 中 上学", FIRST),
        ("第12小学的操场", "江城市第十二小学"),
        ("12小的操场", "江城市第十二小学"),
        ("十二小的操场", "江城市第十二小学"),
        ("江城市第1中学", FIRST),
    ],
)
def test_digits_and_gaps(text: str, name: str) -> None:
    assert TOWN.find(text) == [name]


def test_a_name_does_not_go_on_from_the_title_into_the_text() -> None:
    assert TOWN.find("小学门口堵车", title="第一") == []


def test_full_width_names_are_found() -> None:
    assert Town((Unit(name="ABC国际学校"),)).find("ＡＢＣ国际学校") == ["ABC国际学校"]
    assert Town((Unit(name="第12中学"),)).find("第十二中学的操场") == ["第12中学"]


def test_without_units_there_is_nothing_to_find() -> None:
    assert Town(()).find("实小门口") == []


DISTRICT = Town((Unit(name="青禾区第一中学", aliases=("一中",)), Unit(name="青禾区实验小学")))


@pytest.mark.parametrize(
    "text",
    [
        "市一中的食堂",
        "省实验小学的食堂",
        "柳河县一中的食堂",
        "柳河县 一中的食堂",
        "长沙 一中的食堂",
        "江南区一中的食堂",
        "江南区第一中学",
        "长沙一中的食堂",
        "县一中的食堂",
        "我县一中",
        "育才一中",
        "城南实验小学",
        "师大附属实验小学",
        "第三实验小学",
        "石桥镇实验小学",
        "一中附小的食堂",
        "实验小学附属幼儿园",
    ],
)
def test_what_stands_before_or_after_makes_it_another_school(text: str) -> None:
    assert DISTRICT.find(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "区一中的食堂",
        "昨天区一中的食堂",
        "我们区一中的食堂",
        "我区一中的食堂",
        "青禾一中的食堂",
        "青禾区一中的食堂",
        "青禾区 一中的食堂",
        "小区一中对口吗",
        "孩子一中毕业",
        "今年一中招生",
        "读一中",
        "说说一中",
        "#一中#",
        "育才 一中放假",
        "晚报讯 一中放假",
        "投诉一中食堂",
    ],
)
def test_what_may_stand_before_its_name(text: str) -> None:
    assert DISTRICT.find(text) == ["青禾区第一中学"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("柳河县一中放假，一中食堂也关了", []),
        ("一中食堂关了，就是柳河县第一中学", []),
        ("育才一中和青禾一中，哪个一中好", ["青禾区第一中学"]),
        ("县一中不放假，一中呢", []),
        ("清风一中的消息，一中放假", ["青禾区第一中学"]),
        ("柳河县一中放假，实验小学不放", ["青禾区实验小学"]),
        ("一中附小和一中", ["青禾区第一中学"]),
        ("青禾区第一中学附属小学", []),
    ],
)
def test_another_school_of_the_name_takes_the_bare_name_too(text: str, names: list[str]) -> None:
    assert DISTRICT.find(text) == names


def test_a_city_s_own_school_is_not_the_district_s() -> None:
    town = Town((Unit(name="南原市青禾区第一中学"), Unit(name="南原市第一中学")))
    assert town.find("市一中放假") == ["南原市第一中学"]
    assert town.find("区一中放假") == ["南原市青禾区第一中学"]
    assert town.find("南原一中放假") == ["南原市第一中学"]
    assert town.find("青禾一中放假") == ["南原市青禾区第一中学"]
    assert town.find("一中放假") == []
    alone = Town((Unit(name="南原市青禾区第一中学"), Unit(name="南原市青禾区柳湾小学")))
    assert alone.find("南原市柳湾小学放假") == ["南原市青禾区柳湾小学"]
    assert alone.find("南原市一中放假") == alone.find("南原一中放假") == []


def test_without_a_place_only_what_is_written_is_found() -> None:
    town = Town((Unit(name="第一中学", aliases=("一中", "市一中")),))
    for text in ("市一中放假", "我们市一中放假", "一中放假", "第1中学放假"):
        assert town.find(text) == ["第一中学"]
    for text in ("县一中放假", "青禾区一中放假", "南原市一中放假"):
        assert town.find(text) == []


def test_an_area_stands_for_the_place_that_a_name_lacks() -> None:
    town = Town((Unit(name="第一中学", area="南原市青禾区"),), "南原市青禾区", "柳河县")
    for text in ("区一中放假", "青禾区一中放假", "青禾一中放假", "一中放假"):
        assert town.find(text, "南原市青禾区") == ["第一中学"]
    assert town.find("市一中放假", "南原市青禾区") == town.find("一中放假", "柳河县") == []


QINGHE, LIUHE = "青禾区第一中学", "柳河县第一中学"
AREAS = Town(
    (
        Unit(name=QINGHE, aliases=("一中",), area="南原市青禾区"),
        Unit(name="育红小学", area="南原市青禾区"),
        Unit(name=LIUHE, aliases=("一中",), area="南原市柳河县"),
    ),
    *("南原市青禾区", "柳河县", "南原市", "东山县"),
)


@pytest.mark.parametrize(
    ("text", "area", "names"),
    [
        ("一中食堂", "南原市青禾区", [QINGHE]),
        ("一中食堂", "柳河县", [LIUHE]),
        ("一中食堂", "南原市", []),
        ("一中食堂", "东山县", []),
        ("一中食堂", "", []),
        ("柳河的一中食堂", "", [LIUHE]),
        ("柳河县一中食堂", "南原市青禾区", [LIUHE]),
        ("县一中食堂", "", [LIUHE]),
        ("育红小学对面的一中", "", ["育红小学", QINGHE]),
        ("育红小学对面的一中", "南原市", ["育红小学", QINGHE]),
        ("从柳河县搬来，一中怎么样", "南原市青禾区", []),
        ("青禾和柳河，哪个一中好", "", []),
        ("柳河县第一中学和青禾区第一中学", "东山县", [LIUHE, QINGHE]),
        ("育红小学", "东山县", []),
        ("青禾区的育红小学", "东山县", ["育红小学"]),
    ],
)
def test_an_alias_of_two_areas(text: str, area: str, names: list[str]) -> None:
    assert AREAS.find(text, area) == names


def test_the_users_alias_comes_before_a_short_form() -> None:
    named = Unit(name="红星学校", aliases=("一小",))
    assert Town((named, Unit(name="青禾区第一小学"))).find("一小食堂") == ["红星学校"]


def test_a_short_form_of_two_units_is_nobody_s() -> None:
    town = Town((Unit(name="青禾区第一小学"), Unit(name="柳河县第一小学")))
    assert town.find("一小食堂") == town.find("第一小学食堂") == []
    assert town.find("柳河一小食堂") == ["柳河县第一小学"]


def test_short_forms_can_be_turned_off() -> None:
    town = Town((Unit(name="青禾区第一小学", short_names=False),))
    assert town.find("一小食堂，第一小学食堂，青禾一小食堂") == []
    assert town.find("青禾区第1小学食堂") == ["青禾区第一小学"]


LETTERS = "江城市第一中实验小学东校区午其育才园在12 "


@given(st.permutations(UNITS), st.text(alphabet=LETTERS, max_size=30))
def test_order_of_the_unit_list_does_not_matter(units: list[Unit], text: str) -> None:
    reading = read("", text, TOWN.segmenter)
    finder = UnitFinder(units, (), TOWN.segmenter)
    assert list(finder.find(reading, "")) == TOWN.find(text)


@given(st.text(alphabet=LETTERS, max_size=20), st.sampled_from(UNITS))
def test_a_full_name_is_found_whatever_follows_the_comma(text: str, unit: Unit) -> None:
    assert TOWN.find(f"{unit.name}，{text}")[0] == unit.name


@given(st.text(max_size=60))
def test_any_text_can_be_read(text: str) -> None:
    known = {unit.name for unit in UNITS}
    assert set(TOWN.find(text, title=text)) <= known
