"""Which units a text speaks of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers.segment import Segmenter, fold
from analyzers.units import UnitFinder
from runtime.config import Unit

UNITS = (
    Unit(name="江城市第一中学", aliases=("江城一中", "一中")),
    Unit(name="江城市实验小学", aliases=("实验小学", "实小")),
    Unit(name="江城市实验小学东校区", aliases=("实小东校区",)),
    Unit(name="育才幼儿园"),
)


def finder(units: tuple[Unit, ...] = UNITS) -> UnitFinder:
    names = [name for unit in units for name in (unit.name, *unit.aliases)]
    return UnitFinder(units, Segmenter(words=names))


FINDER = finder()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("实小门口堵车，一中不堵", ["江城市实验小学", "江城市第一中学"]),
        ("江城市第一中学的食堂", ["江城市第一中学"]),
        ("实小东校区停电", ["江城市实验小学东校区"]),
        ("江城市实验小学东校区停电", ["江城市实验小学东校区"]),
        ("一中一中一中", ["江城市第一中学"]),
        ("育才幼儿园和实验小学", ["育才幼儿园", "江城市实验小学"]),
        ("等了一中午", []),
        ("其实小孩子都知道", []),
        ("十一中的操场", []),
        ("三中全会", []),
        ("", []),
    ],
)
def test_find(text: str, names: list[str]) -> None:
    assert FINDER.find(fold(text)) == tuple(names)


def test_full_width_names_are_found() -> None:
    units = (Unit(name="ABC国际学校"),)
    assert finder(units).find(fold("ＡＢＣ国际学校")) == ("ABC国际学校",)


def test_without_units_there_is_nothing_to_find() -> None:
    assert finder(()).find("实小门口") == ()


# One dictionary for all examples: loading it takes a quarter of a second.
SEGMENTER = Segmenter(words=[name for unit in UNITS for name in (unit.name, *unit.aliases)])
LETTERS = "江城市第一中实验小学东校区午其育才园在"


@given(st.permutations(UNITS), st.text(alphabet=LETTERS, max_size=30))
def test_order_of_the_unit_list_does_not_matter(units: list[Unit], text: str) -> None:
    assert UnitFinder(units, SEGMENTER).find(text) == UnitFinder(UNITS, SEGMENTER).find(text)
