"""Grafana can't be started here: its files are checked for form, and each query in them is run."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.corrections import TagChange
from schemas.posts import PollOutcome
from storage.corrections import insert_tag_change
from storage.counts import recount
from storage.matters import save_matters
from storage.posts import insert_polls, insert_posts
from storage.store import Store
from tests.dashboard.town import poll
from tests.made import START, matter, raw_post, tagged
from tests.stores import chdb_store

GRAFANA = Path(__file__).parents[2] / "deploy" / "grafana"
BOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))
WIDTH = 24
CHANGE = TagChange(
    at=START + timedelta(hours=2),
    since=START,
    rules_version="3f9c21ab07",
    model_version="",
    posts=120,
    changed=8,
)
FILTER = re.compile(r"\$__timeFilter\(((?:[^()]|\([^()]*\))*)\)")


def board(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in BOARDS:
        for panel in board(path)["panels"]:
            yield f"{path.stem} {panel['id']}", panel


def statement(sql: str) -> str:
    """What the data source's plugin makes of it: the span that the page shows, a chosen unit."""
    span = f"BETWEEN toDateTime('{START:%F} 00:00:00') - INTERVAL 7 DAY AND now()"
    return FILTER.sub(rf"\1 {span}", sql).replace("${unit}", "一中")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with chdb_store(tmp_path_factory.mktemp("grafana")) as opened:
        posts = [raw_post(str(n), START + timedelta(minutes=n)) for n in range(5)]
        insert_posts(opened, [tagged(post, units=("一中",), danger=True) for post in posts])
        insert_polls(opened, [poll("bbs", START, PollOutcome.OK)])
        save_matters(opened, [matter()])
        recount(opened)
        yield opened


def test_the_data_source_and_the_folder_of_boards_are_named_alike() -> None:
    sources = yaml.safe_load((GRAFANA / "provisioning/datasources/huisheng.yml").read_text("utf-8"))
    [source] = sources["datasources"]
    used = {panel["datasource"]["uid"] for _, panel in panels()}
    used |= {target["datasource"]["uid"] for _, panel in panels() for target in panel["targets"]}
    assert used == {source["uid"]}
    assert "password" not in source["jsonData"]
    assert source["secureJsonData"]["password"].startswith("$")


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_the_form_of_a_board(path: Path) -> None:
    found = board(path)
    assert {"uid", "title", "schemaVersion", "panels", "time", "templating"} <= found.keys()
    ids = [panel["id"] for panel in found["panels"]]
    assert len(ids) == len(set(ids))
    for panel in found["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= WIDTH
        assert panel["type"] in ("timeseries", "table", "stat")


@pytest.mark.parametrize(("name", "panel"), list(panels()), ids=[name for name, _ in panels()])
def test_each_query_runs_and_a_curve_has_a_time(
    store: Store, name: str, panel: dict[str, Any]
) -> None:
    for target in panel["targets"]:
        sql = statement(target["rawSql"])
        assert "$" not in sql, name
        store.rows(sql)
        if panel["type"] == "timeseries":
            assert " AS time" in sql
            described = store.rows(f"DESCRIBE ({sql})")
            [kind] = [row[1] for row in described if row[0] == "time"]
            assert kind.startswith("DateTime")


def test_the_trends_are_marked_where_tags_changed(store: Store) -> None:
    insert_tag_change(store, CHANGE)
    [marks] = board(GRAFANA / "dashboards" / "trends.json")["annotations"]["list"]
    [panel] = {panel["datasource"]["uid"] for _, panel in panels()}
    assert (marks["enable"], marks["datasource"]["uid"]) == (True, panel)
    sql = statement(marks["target"]["rawSql"])
    described = {row[0]: row[1] for row in store.rows(f"DESCRIBE ({sql})")}
    assert described["time"].startswith("DateTime")
    [(time, text)] = store.rows(sql)
    assert time == CHANGE.since
    assert "120 posts tagged again, 8 otherwise" in text


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_what_can_be_chosen_can_be_asked(store: Store, path: Path) -> None:
    for variable in board(path)["templating"]["list"]:
        assert store.rows(statement(variable["query"]))
