"""The public views: what analysts may rely on, and that they need to be let at nothing else."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runtime.clock import SystemClock
from storage.migrate import migrate, shipped_views
from storage.readonly import check_select
from storage.store import Store, StoreError
from tests.engines.clickhouse_server import running_clickhouse
from tests.storage.sample import POSTS, fill_sample

DOCUMENT = Path(__file__).parents[2] / "docs" / "columns.md"
QUESTION = re.compile(r"^\*\*(\d+)\. .*?^```sql\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LOGIN = ("reader", "r")


@pytest.fixture
def sample(empty_store: Store) -> Store:
    migrate(empty_store)
    fill_sample(empty_store, SystemClock().now())
    return empty_store


def test_the_worked_questions_have_answers(sample: Store) -> None:
    found = QUESTION.findall(DOCUMENT.read_text("utf-8"))
    assert [number for number, _ in found] == [str(n) for n in range(1, 13)]
    for number, statement in found:
        assert sample.ask(check_select(statement), "JSONEachRow"), f"question {number}: no rows"


def test_a_view_holds_each_thing_once(sample: Store) -> None:
    fill_sample(sample, datetime(2026, 1, 1, tzinfo=UTC))
    fill_sample(sample, datetime(2026, 1, 1, tzinfo=UTC))
    assert sample.rows("SELECT count() FROM v_posts") == [(2 * POSTS,)]
    hours = "SELECT sum(posts) FROM v_trend_hourly WHERE unit = '*'"
    assert sample.rows(hours) == sample.rows(hours.replace("hourly", "daily")) == [(2 * POSTS,)]
    assert sample.rows("SELECT count(), sum(changes) FROM v_matters") == [(1, 2)]
    assert sample.rows("SELECT sum(polls) FROM v_sources") == [(360,)]
    assert sample.rows("SELECT count() FROM v_corrections") == [(2,)]
    assert sample.rows("SELECT count() FROM v_tag_changes") == [(2,)]


def test_no_view_names_an_operator_or_holds_a_note(sample: Store) -> None:
    for view in shipped_views():
        answer = sample.ask(f"SELECT * FROM {view.name}", "JSONEachRow").decode()  # noqa: S608
        assert answer
        assert "王" not in answer
        assert "只供内部看" not in answer


def test_a_view_that_changed_is_made_again(sample: Store) -> None:
    sample.command("CREATE OR REPLACE VIEW v_posts AS SELECT 1 AS one")
    migrate(sample)
    assert sample.rows("SELECT count() FROM v_posts") == [(POSTS,)]
    assert migrate(sample) == []


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[str]:
    """A server of its own, with a user who may read the views and nothing else."""
    grants = "".join(
        f"<query>GRANT SELECT ON default.{view.name}</query>" for view in shipped_views()
    )
    with running_clickhouse(tmp_path, LOGIN) as server:
        users = tmp_path / "users.xml"
        text = users.read_text("utf-8")
        users.write_text(text.replace("</reader>", f"<grants>{grants}</grants></reader>"), "utf-8")
        server.restart()
        yield server.url


@pytest.mark.clickhouse
@pytest.mark.xdist_group("clickhouse")
def test_who_may_read_the_views_needs_no_table(guarded: str) -> None:
    owner = Store(guarded)
    migrate(owner)
    fill_sample(owner, SystemClock().now())
    owner.close()
    reader = Store(guarded, *LOGIN)
    for view in shipped_views():
        assert reader.rows(f"SELECT count() > 0 FROM {view.name}") == [(True,)]  # noqa: S608
    with pytest.raises(StoreError, match="Not enough privileges"):
        reader.rows("SELECT count() FROM posts")
    reader.close()
