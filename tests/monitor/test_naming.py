"""`huisheng units`: names that are new and names that are known, as a user sees them."""

import json
import tomllib
from pathlib import Path

import pytest

from monitor.naming import as_toml
from runtime.clock import SystemClock
from runtime.config import Unit, UnitsFile
from runtime.settings import load_config
from storage.posts import insert_posts
from tests.made import raw_post, tagged
from tests.monitor.test_cli import huisheng
from tests.stores import chdb_store

UNITS = """
[[unit]]
name = "青禾区第一小学"
aliases = ["一小"]
area = "青禾区"
[[unit]]
name = "青禾区柳湾小学"
short_names = false
[[unit]]
name = "柳河县第一小学"
aliases = ["一小"]
area = "柳河县"
"""
SOURCES = """
[[source]]
id = "bbs"
name = "论坛"
kind = "forum"
url = "http://bbs.example/feed"
area = "青禾区"
"""
BODIES = ("张老师说清河中学放假", "清河中学和柳湾完小", "一小放假，清河中学不放")


@pytest.fixture
def where(tmp_path: Path) -> Path:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "units.toml").write_text(UNITS, "utf-8")
    (tmp_path / "config" / "sources.toml").write_text(SOURCES, "utf-8")
    lines = [json.dumps({"source": "bbs", "body": body, "author": "某家长"}) for body in BODIES]
    (tmp_path / "posts.jsonl").write_text("\n".join(lines), "utf-8")
    return tmp_path


def test_new_names_of_a_file_with_posts_areas_and_likely_unit(where: Path) -> None:
    done = huisheng("units", "suggest", "--recent", "posts.jsonl", "--least", "1", where=where)
    assert (done.exit_code, done.stderr) == (0, "2 个新名称 / new names\n")
    rows = [line.split("│")[1:-1] for line in done.stdout.splitlines() if "│" in line]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["清河中学", "3", "青禾区", ""],
        ["柳湾完小", "1", "青禾区", "青禾区柳湾小学"],
    ]
    assert "张" not in done.stdout
    assert "放假" not in done.stdout


def test_few_posts_are_not_enough(where: Path) -> None:
    done = huisheng("units", "suggest", "--recent", "posts.jsonl", where=where)
    assert "清河中学" in done.stdout
    assert "柳湾" not in done.stdout
    done = huisheng("units", "suggest", "--recent", "posts.jsonl", "--least", "4", where=where)
    assert (done.stdout, done.stderr) == ("", "0 个新名称 / new names\n")


def test_what_toml_prints_can_be_pasted(where: Path) -> None:
    arguments = ("units", "suggest", "--recent", "posts.jsonl", "--least", "1", "--toml")
    done = huisheng(*arguments, where=where)
    (known, new) = UnitsFile(**tomllib.loads(done.stdout)).unit
    assert known == Unit(name="青禾区柳湾小学", aliases=("柳湾完小",), short_names=False)
    assert new == Unit(name="清河中学", area="青禾区")
    others = [unit for unit in load_config(where / "config").units if unit.name != known.name]
    pasted = (
        as_toml([], [])
        + done.stdout
        + "".join(
            f'[[unit]]\nname = "{unit.name}"\narea = "{unit.area}"\naliases = ["一小"]\n'
            for unit in others
        )
    )
    (where / "config" / "units.toml").write_text(pasted, "utf-8")
    again = huisheng(*arguments, where=where)
    assert (again.stdout, again.stderr) == ("", "0 个新名称 / new names\n")


def test_posts_of_a_table(where: Path) -> None:
    (where / "posts.csv").write_text("\ufefftitle,body\n清河中学,放假\n,清河2小\n", "utf-8")
    done = huisheng("units", "suggest", "--recent", "posts.csv", "--least", "1", where=where)
    assert done.exit_code == 0
    assert "清河中学" in done.stdout
    assert "清河二小" in done.stdout


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("posts.csv", b"text\nx\n", "posts.csv:1: has no column title or body, but text; name"),
        ("posts.csv", "title\n名".encode("gb18030"), "posts.csv: can't be read"),
        ("none.jsonl", b"", "none.jsonl: can't be read"),
    ],
)
def test_a_file_that_can_not_be_read(where: Path, name: str, text: bytes, told: str) -> None:
    if text:
        (where / name).write_bytes(text)
    done = huisheng("units", "suggest", "--recent", name, where=where)
    assert done.exit_code == 2
    assert done.stderr.startswith(told)


def test_bad_lines_are_told_and_the_others_read(where: Path) -> None:
    (where / "posts.jsonl").write_text('no\n{"body": "清河中学"}\n', "utf-8")
    done = huisheng(
        *("units", "suggest", "--recent", "posts.jsonl", "--least", "1", "--toml"), where=where
    )
    assert done.exit_code == 1
    assert done.stderr.startswith("posts.jsonl:1: not JSON")
    assert 'name = "清河中学"' in done.stdout


def test_new_names_of_the_store(where: Path) -> None:
    (where / "data").mkdir()
    now = SystemClock().now()
    with chdb_store(where / "data") as store:
        posts = [raw_post(str(at), now, body=body) for at, body in enumerate(BODIES)]
        insert_posts(store, [tagged(post) for post in posts])
    done = huisheng("units", "suggest", "--toml", where=where)
    assert done.exit_code == 0
    assert [unit.name for unit in UnitsFile(**tomllib.loads(done.stdout)).unit] == ["清河中学"]


def test_without_a_store_it_says_how_to_get_one(where: Path) -> None:
    done = huisheng("units", "suggest", where=where)
    assert done.exit_code == 2
    assert "holds no store yet" in done.stderr


def test_the_units_with_all_that_they_are_found_by(where: Path) -> None:
    done = huisheng("units", "list", where=where)
    assert done.exit_code == 0
    (first,) = (line for line in done.stdout.splitlines() if "青禾区第一小学" in line)
    _, name, area, aliases, forms, _ = (cell.strip() for cell in first.split("│"))
    assert (name, area, aliases) == ("青禾区第一小学", "青禾区", "一小*")
    assert set(forms.split()) == {"第一小学*", "青禾第一小学", "青禾一小", "青禾区一小"}


def test_an_area_of_a_source_that_no_unit_has_is_told(where: Path) -> None:
    path = where / "config" / "sources.toml"
    path.write_text(
        SOURCES + SOURCES.replace('"bbs"', '"far"').replace("青禾区", "东山县"), "utf-8"
    )
    done = huisheng("units", "list", where=where)
    assert done.stderr == (
        "source 'far': no unit is in its area '东山县'; short names mean nobody there: "
        "write the area as in units.toml, or take it out\n"
    )


def test_units_without_a_place_are_told(where: Path) -> None:
    (where / "config" / "units.toml").write_text('[[unit]]\nname = "第一小学"\n', "utf-8")
    done = huisheng("units", "list", where=where)
    assert done.stderr.startswith("1 units have neither a place in their name nor an area")
