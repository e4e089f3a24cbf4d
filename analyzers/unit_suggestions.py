"""Recent posts in, names of schools that no unit has yet out, with the unit that each may mean.

Only names leave: no text, no post, no person. Called by `huisheng units suggest`. Pure.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from analyzers.reading import Reading, read
from analyzers.segment import Segmenter
from analyzers.unit_context import LEVELS, Surroundings, stands_as_name
from analyzers.unit_names import (
    ONE_NUMBER,
    UnitNames,
    distinctive,
    kind_of,
    number_of,
    places_in,
    plain,
    related,
    with_words,
)
from analyzers.units import UnitFinder
from runtime.config import Source, Unit

LONGEST = 14
_ENDING = re.compile(
    rf"第?{ONE_NUMBER}(?:小学|中学|幼儿园|完小|[小中幼高])|小学|中学|幼儿园|学校|学院|中心校|职高|职中|职教中心"
    r"|附[小中幼]|实小|完小"
)
# Words of a name that are not tagged as parts of one.
_JOINING = re.compile(
    rf"实验|中心|第{ONE_NUMBER}|{ONE_NUMBER}|机关|附属|高级|初级|完全|职业|技术|教育|民族|九年|一贯制|希望|双语|国际"
)
# What only says what sort of school it is.
_SORT = re.compile(
    r"(?:公办|民办|私立|公立|重点|普通|一般|培训|辅导|寄宿制?|走读|乡镇|乡村|农村|城镇|城市|城区|村级|全日制"
    r"|普惠[性制型]?|非?营利[性型]?|性质?|高等|职业|技术|技工|专科|高级|初级|中等|九年|一贯制|完全|义务|教育"
    r"|阶段|特殊|示范|优质|附属|附近|子弟|民族|农民工|国际|双语|驾驶|语言|艺术|体育|音乐|舞蹈|美术|英语|外语"
    r"|军事|电子|商务|成人|社区|小区|片区|配套|业主|家长|老年|新建|规划|建议|建设|利用|临路|原|各|下|所|个|时"
    rf"|问|{ONE_NUMBER}[所个班]|[全各]?[省市区县镇乡][属直管办立]?|大|小|中|新|老|贵|好|建|园|学校|小学|中学|幼儿园|初中|高中"
    r"|学院|大学|职高|职中|中小学|大?中专|名校|网|省|村|校)*"
)
# A person's name before a school's must not be printed: it is left out with what is before it.
_SURNAMES = frozenset(
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎"
    "余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
)


class SeenPost(msgspec.Struct, frozen=True):
    source: str = ""
    id: str = ""
    title: str = ""
    body: str = ""


@dataclass(frozen=True)
class Suggestion:
    """`posts`: how many name it; `areas`: of their sources; `unit`: which it may be an alias of."""

    name: str
    posts: int
    areas: tuple[str, ...]
    unit: str


class Suggester:
    """Posts are read one by one and forgotten; what is kept is names and how many named them."""

    def __init__(
        self, units: Sequence[Unit], sources: Sequence[Source], segmenter: Segmenter
    ) -> None:
        self._units = [UnitNames(unit) for unit in units]
        self._areas = {source.id: source.area for source in sources}
        self._segmenter = segmenter
        self._finder = UnitFinder(units, sources, segmenter)
        self._named: dict[str, set[tuple[str, str]]] = defaultdict(set)

    def read(self, posts: Iterable[SeenPost]) -> None:
        for post in posts:
            for name in names_in(read(post.title, post.body, self._segmenter), self._segmenter):
                if not self._finder.knows(name, post.source):
                    self._named[name].add((post.source, post.id))

    def suggestions(self, least: int) -> list[Suggestion]:
        """Those that `least` posts name, the most named first."""
        named = merged(self._named)
        found = [self._suggestion(name, by) for name, by in named.items() if len(by) >= least]
        return sorted(found, key=lambda each: (-each.posts, each.name))

    def _suggestion(self, name: str, by: set[tuple[str, str]]) -> Suggestion:
        areas = Counter(self._areas.get(source, "") for source, _ in by)
        told = tuple(area for area, _ in areas.most_common() if area)
        return Suggestion(name, len(by), told, likely_unit(name, told, self._units))


def names_in(reading: Reading, segmenter: Segmenter) -> set[str]:
    """Names that look like a school's, cut at word borders, numbers written in words."""
    text = reading.text.replace(" ", "")
    around = Surroundings(text, reading.words, segmenter)
    names = set()
    for found in _ENDING.finditer(text):
        start, end = found.span()
        counted = number_of(found[0])
        if not around.is_border(end) or (counted and not stands_as_name(around, start, end)):
            continue
        name = _trimmed(with_words(text[_beginning(around, start) : end]))
        if 1 < len(name) <= LONGEST and not _SORT.fullmatch(name):
            names.add(name)
    return names


def _trimmed(name: str) -> str:
    """区金鹰小学 is 金鹰小学, but 区一小 stays; a rest of one character (湖中学) is no name."""
    core = distinctive(name)
    if len(core) == 1 and not number_of(name):
        return ""
    return name[1:] if core and name[0] in LEVELS else name


def _beginning(around: Surroundings, start: int) -> int:
    """Where the name that ends in a kind of school begins, going left word by word."""
    while word := around.word_before(start):
        bare = word in LEVELS
        joins = _JOINING.fullmatch(word) or bare or _is_part(around, word)
        if not joins or _is_person(around, word) or word[0].isdigit():
            break
        start -= len(word)
    return start


def _is_part(around: Surroundings, word: str) -> bool:
    """Also a place that the segmenter was taught, which has no part of speech."""
    return around.is_name(word) or (word[-1] in LEVELS and not around.kind(word))


def _is_person(around: Surroundings, word: str) -> bool:
    named = around.kind(word).startswith("nr") and word[0] in _SURNAMES
    return named and 1 < len(word) < 4 and word[-1] not in LEVELS


def merged(named: dict[str, set[tuple[str, str]]]) -> dict[str, set[tuple[str, str]]]:
    """青禾柳湾二小 is 柳湾二小 with its place, if that is named as often by itself."""
    kept: dict[str, set[tuple[str, str]]] = {}
    for name in sorted(named, key=len):
        short = next(_tails(name, named), None)
        if short and len(named[short]) >= len(named[name]):
            kept[short if short in kept else name] = kept.get(short, set()) | named[name]
        else:
            kept[name] = set(named[name])
    return kept


def _tails(name: str, named: dict[str, set[tuple[str, str]]]) -> Iterator[str]:
    tails = (name[at:] for at in range(1, len(name) - 2))
    return (tail for tail in tails if tail in named and distinctive(tail))


def likely_unit(name: str, areas: Sequence[str], units: Iterable[UnitNames]) -> str:
    """The one unit with the same number and kind of school whose own part is alike, or ""."""
    alike = [unit for unit in units if _alike(name, unit)]
    near = [unit for unit in alike if _serves(unit, areas)]
    return near[0].unit.name if len(near) == 1 else ""


def _serves(unit: UnitNames, areas: Sequence[str]) -> bool:
    return not (areas and unit.region) or any(related(plain(area), unit.region) for area in areas)


def _alike(name: str, unit: UnitNames) -> bool:
    if number_of(name) != number_of(unit.name) or not _same_kind(name, unit.name):
        return False
    own, other = distinctive(name), distinctive(unit.name)
    if own and other:
        short, long = sorted((own, other), key=len)
        return own == other or (len(short) > 1 and long.endswith(short))
    return own == other and _same_marks(name, unit.name) and _same_place(name, unit)


def _same_kind(name: str, other: str) -> bool:
    kinds = {kind_of(name), kind_of(other)}
    return len(kinds) == 1 or "校" in kinds


def _same_marks(name: str, other: str) -> bool:
    return all((mark in name) == (mark in other) for mark in ("实", "附", "中心", "外国语", "职"))


def _same_place(name: str, unit: UnitNames) -> bool:
    places = places_in(name)
    if places:
        return places[-1] in unit.seat_forms
    return name[0] not in LEVELS or name[0] == unit.seat[-1:]
