"""A post made ready and its source in, the canonical names of the units it speaks of out.

Called by the tagger. A wrong unit is worse than none: what stays open is left to the area.
"""

from collections.abc import Sequence
from typing import NamedTuple

from ahocorasick_rs import AhoCorasick, Implementation

from analyzers.reading import Reading, read
from analyzers.segment import Segmenter
from analyzers.unit_context import (
    PART_OF_SCHOOL,
    Surroundings,
    after_place,
    of_other_school,
    stands_as_name,
    stands_in,
)
from analyzers.unit_names import (
    UnitNames,
    all_spellings,
    plain,
    related,
    with_digits,
    with_words,
)
from runtime.config import Source, Unit


class Mention(NamedTuple):
    """A spelling that stands in a post, and the units that it may mean there.

    `certain`: the spelling, or a place right before it, says where the unit is. `another`: a place
    makes it a school that is none of these.
    """

    units: list[UnitNames]
    certain: bool = False
    another: bool = False


class UnitFinder:
    """`find` costs a search for all names at once; words are cut only where one was found."""

    def __init__(
        self, units: Sequence[Unit], sources: Sequence[Source], segmenter: Segmenter
    ) -> None:
        self._segmenter = segmenter
        self._areas = {source.id: plain(source.area) for source in sources}
        spellings = all_spellings(units)
        everyone = list({id(one): one for owners in spellings.values() for one in owners}.values())
        self._places = {form for one in everyone for form in one.place_forms}
        self._place_ends = tuple(self._places)
        self._owners = {
            form: owners
            for spelling, owners in spellings.items()
            for form in (with_digits(spelling), spelling)
        }
        self._patterns = [*sorted(self._owners), *sorted(self._places - self._owners.keys())]
        # The dense automaton: some 4 MB for 200 units, and twice as fast.
        self._search = AhoCorasick(self._patterns, implementation=Implementation.DFA)

    def find(self, reading: Reading, source: str) -> tuple[str, ...]:
        """Canonical names, in order of first appearance; () without units."""
        if not self._owners:
            return ()
        text = reading.text.replace(" ", "") if " " in reading.text else reading.text
        found = self._search.find_matches_as_indexes(text, overlapping=True)
        # Names come first. Places alone name no unit: the words need not be cut.
        if not found or min(found)[0] >= len(self._owners):
            return ()
        around = Surroundings(text, reading.words, self._segmenter)
        mentions, places = self._read(found, around)
        return _settled(mentions, places, self._areas.get(source, ""))

    def knows(self, name: str, source: str) -> bool:
        """A spelling, also one that several units share, or one that stands for a unit."""
        form = with_words(plain(name))
        return form in self._owners or bool(self.find(read("", form, self._segmenter), source))

    def _read(
        self, found: Sequence[tuple[int, int, int]], around: Surroundings
    ) -> tuple[list[Mention], set[str]]:
        """The names that stand in the text, longer ones first, and the places."""
        mentions: list[Mention] = []
        places: set[str] = set()
        taken = 0
        for index, start, end in sorted(found, key=lambda hit: (hit[1], -hit[2])):
            spelling = self._patterns[index]
            if spelling in self._places and (end - start > 2 or around.is_word(start, end)):
                places.add(spelling)
            if start < taken or spelling not in self._owners:
                continue
            if stands_as_name(around, start, end):
                # Another school's name takes its place as well: no shorter one inside it.
                taken = end
                mentions.append(self._mention(spelling, around, start, end))
        return mentions, places

    def _mention(self, spelling: str, around: Surroundings, start: int, end: int) -> Mention:
        owners, text = self._owners[spelling], around.text
        placed = [
            unit
            for unit in owners
            if stands_in(text, start, spelling, unit) or spelling.startswith(unit.place_forms)
        ]
        if text.startswith(PART_OF_SCHOOL, end):
            return Mention([])
        if placed:
            return Mention(placed, certain=True)
        if text.endswith(self._place_ends, 0, start):
            return Mention(owners, another=True)
        free = [unit for unit in owners if not of_other_school(around, start, unit)]
        if free or not after_place(around, start):
            return Mention(free)
        return Mention(owners, another=True)


def _settled(mentions: Sequence[Mention], places: set[str], area: str) -> tuple[str, ...]:
    """What each mention means, by the area of the source and by all else that the post names.

    After 柳河县一中, which is none of ours, 一中 is that one.
    """
    others = {unit.name for mention in mentions if mention.another for unit in mention.units}
    mentions = [each for each in mentions if each.certain or not _among(each.units, others)]
    alone = [_meant(mention, area, places) for mention in mentions if len(mention.units) == 1]
    named = places.union(*(units[0].home_forms for units in alone if units))
    meant = [_meant(mention, area, named) for mention in mentions]
    return tuple(dict.fromkeys(units[0].unit.name for units in meant if len(units) == 1))


def _among(units: Sequence[UnitNames], names: set[str]) -> bool:
    return any(unit.name in names for unit in units)


def _meant(mention: Mention, area: str, named: set[str]) -> list[UnitNames]:
    """Where the source and the post say different things, nobody is meant."""
    units = mention.units
    if mention.certain and len(units) == 1:
        return units
    near = [unit for unit in units if area and unit.region == area] or [
        unit for unit in units if not (area and unit.region) or related(unit.region, area)
    ]
    told = [unit for unit in units if not named.isdisjoint(unit.home_forms)]
    if near and told:
        return [unit for unit in near if unit in told]
    return near or told
