"""How names of schools and places are built: a unit in, the spellings that stand for it out. Pure.

Called by the unit finder, the suggestions, and the check of the settings' units.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from analyzers.segment import fold
from runtime.config import Unit

NUMERALS = "一二三四五六七八九十"
# A place ends in one of these; 旗 only after two characters, because 红旗 and 国旗 are no places.
_PLACE = re.compile(
    r"[^学校园院第](?:[^省市区县旗州镇乡学校园院第]{0,8}?(?:自治[区州县]|[省市区县州镇乡])"
    r"|[^省市区县旗州镇乡学校园院第]{1,8}旗)[市县区]?"
)
_LEVEL = re.compile(r"(?:自治[区州县]|[省市区县旗州镇乡])$")
# Every town has one of these: they name a school only together with the town.
_ANYWHERE = re.compile(
    r"(?:中心|初级|高级|完全|九年(?:一贯)?制|职业(?:技术)?|特殊教育)?"
    r"(?:小学|中学|学校|幼儿园|完小|初中|高中|学院|校|园)"
)
# What people say for a whole name: only forms that hardly mean anything else. Not 外国语 (a foreign
# language), 实中 (in 现实中) or 附小 alone (each has several): those are for the user's aliases.
_SHORTER = (
    (re.compile(rf"第([{NUMERALS}]+)小学$"), r"\1小"),
    (re.compile(rf"第([{NUMERALS}]+)中学$"), r"\1中"),
    (re.compile(rf"第([{NUMERALS}]+)幼儿园$"), r"\1幼"),
    (re.compile(rf"第([{NUMERALS}]+)完全小学$"), r"\1完小"),
    (re.compile(rf"第([{NUMERALS}]+)实验小学$"), r"实验\1小"),
    (re.compile(rf"第((?!一)[{NUMERALS}]+)(?:高级中学|高中)$"), r"\1高"),
    (re.compile(r"(?<!第.)(?<!第..)实验小学$"), "实小"),
    (re.compile(r"(?<=.)附属小学$"), "附小"),
    (re.compile(r"(?<=.)附属中学$"), "附中"),
    (re.compile(r"(?<=.)附属幼儿园$"), "附幼"),
    (re.compile(r"职业(?:技术)?教育中心$"), "职教中心"),
)
_NUMBER = re.compile(rf"(?<=第)(?:[{NUMERALS}]+|\d+)|(?:[{NUMERALS}]+|\d+)(?=[小中幼高完初职实])")

ONE_NUMBER = rf"[{NUMERALS}\d]+"
_KINDS = {
    "小": r"小学|完小|实小|附小|小",
    "中": r"中学|附中|高中|初中|中|高",
    "幼": r"幼儿园|附幼|幼",
    "职": r"职教中心|教育中心|职高|职中",
    "校": r"中心校|学校|学院",
}
_MARKS = re.compile(rf"实验|中心|附属|外国语|机关|第|{ONE_NUMBER}|高级|初级|完全|职业|技术|教育")
_COUNT = re.compile(rf"({ONE_NUMBER})(?=完?小|中|幼|高|实验)")


def _written(number: int) -> str:
    tens, ones = divmod(number, 10)
    ten = ("" if tens == 1 else NUMERALS[tens - 1]) + "十" if tens else ""
    return ten + (NUMERALS[ones - 1] if ones else "")


_WRITTEN = {str(number): _written(number) for number in range(1, 100)}
_DIGITS = {word: digits for digits, word in _WRITTEN.items()}


def plain(name: str) -> str:
    """A name as it is looked for: folded, without spaces."""
    return "".join(fold(name).split())


def with_words(name: str) -> str:
    """第12中学 as 第十二中学: a folded name in the form in which two spellings are compared."""
    return _NUMBER.sub(lambda found: _WRITTEN.get(found[0], found[0]), name)


def with_digits(name: str) -> str:
    return _NUMBER.sub(lambda found: _DIGITS.get(found[0], found[0]), name)


def places_in(name: str) -> tuple[str, ...]:
    """The places at the head of a folded name, widest first: 南原市青禾区第一小学 has two."""
    found, at = [], 0
    while (place := _PLACE.match(name, at)) and place.end() < len(name):
        found.append(place[0])
        at = place.end()
    return tuple(found)


def place_forms(place: str) -> tuple[str, ...]:
    """青禾区, and 青禾 as people say; not a single character."""
    short = _LEVEL.sub("", place)
    return (place, short) if 1 < len(short) < len(place) else (place,)


def related(area: str, other: str) -> bool:
    """Equal, or one within the other: 青禾区 and 南原市 to 南原市青禾区."""
    short, long = sorted((area, other), key=len)
    if short == long:
        return True
    if long.endswith(short):
        return bool(_LEVEL.search(long.removesuffix(short)))
    return long.startswith(short) and bool(
        _LEVEL.search(short) or _LEVEL.fullmatch(long, len(short))
    )


def kind_of(name: str) -> str:
    kinds = (kind for kind, endings in _KINDS.items() if re.search(rf"(?:{endings})$", name))
    return next(kinds, "")


def number_of(name: str) -> str:
    found = _COUNT.search(name)
    return found[1] if found else ""


def distinctive(name: str) -> str:
    """柳湾 of 青禾区柳湾小学: without places, kind, number and what many schools are called."""
    core = name.removeprefix("".join(places_in(name)))
    endings = "|".join(_KINDS.values())
    return _MARKS.sub("", re.sub(rf"(?:{endings})$", "", core)).lstrip("省市区县镇乡村")


@dataclass(frozen=True)
class UnitNames:
    """One unit's names and places, folded. `aliases` are the user's, `derived` are ours."""

    unit: Unit

    @cached_property
    def name(self) -> str:
        return with_words(plain(self.unit.name))

    @cached_property
    def area(self) -> str:
        return plain(self.unit.area)

    @cached_property
    def places(self) -> tuple[str, ...]:
        """All that it lies in, widest first."""
        return tuple(dict.fromkeys((*_parts(self.area), *places_in(self.name))))

    @cached_property
    def seat(self) -> str:
        """The place that stands right before its name: a city's own 一中 in a district has 市."""
        return next(reversed(places_in(self.name) or _parts(self.area)), "")

    @cached_property
    def home(self) -> str:
        """The place whose people mean it by a short name."""
        return next(reversed(_parts(self.area) or places_in(self.name)), "")

    @cached_property
    def place_forms(self) -> tuple[str, ...]:
        return tuple(form for place in self.places for form in place_forms(place))

    @cached_property
    def seat_forms(self) -> tuple[str, ...]:
        return place_forms(self.seat) if self.seat else ()

    @cached_property
    def home_forms(self) -> tuple[str, ...]:
        return place_forms(self.home) if self.home else ()

    @cached_property
    def region(self) -> str:
        """Its area as the user wrote it, else the places of its name; as `Source.area`."""
        return self.area or "".join(places_in(self.name))

    @cached_property
    def aliases(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(with_words(plain(alias)) for alias in self.unit.aliases))

    @cached_property
    def derived(self) -> tuple[str, ...]:
        """Short forms of its full name, none if it is turned off; see docs/units.md."""
        if not self.unit.short_names:
            return ()
        head = "".join(places_in(self.name))
        core = self.name.removeprefix(head)
        short = [core, *(by.sub(form, core) for by, form in _SHORTER if by.search(core))]
        free = [] if _ANYWHERE.fullmatch(core) else short
        placed = [place + each for place in self.seat_forms for each in short]
        given = {self.name, *self.aliases}
        return tuple(each for each in dict.fromkeys((*free, *placed)) if each not in given)


def _parts(area: str) -> tuple[str, ...]:
    """南原市青禾区 as its places; what is no such name is one place."""
    if not area:
        return ()
    found = places_in(area + "第")
    return found if "".join(found) == area else (area,)


def all_spellings(units: Sequence[Unit]) -> dict[str, list[UnitNames]]:
    """Each spelling with the units that it may mean. A derived one never joins the users' own."""
    given: dict[str, list[UnitNames]] = defaultdict(list)
    derived: dict[str, list[UnitNames]] = defaultdict(list)
    for names in map(UnitNames, units):
        for spelling in dict.fromkeys((names.name, *names.aliases)):
            given[spelling].append(names)
        for spelling in names.derived:
            derived[spelling].append(names)
    return {spelling: owners for spelling, owners in (derived | given).items() if spelling}


def words_to_know(units: Iterable[Unit]) -> list[str]:
    """What the segmenter should keep whole: spellings and places, not those with digits.

    1中 as a word would tear 1中午 apart.
    """
    known: set[str] = set()
    for names in map(UnitNames, units):
        known |= {names.name, *names.aliases, *names.derived}
        known |= set(names.place_forms)
    return sorted(known - {""})
