"""The schema for a cluster: parsed by a real engine, never run on a cluster."""

from contextlib import closing
from pathlib import Path

import pytest

from runtime.errors import ConfigError
from storage.cluster import SHARDED, on_cluster
from storage.migrate import CREATE, WIDEN, migrate, shipped, shipped_views
from storage.posts import DROPS
from storage.store import Store
from tests.engines.clickhouse_server import ClickHouseServer
from tests.stores import chdb_store

pytestmark = pytest.mark.xdist_group("chdb places")


def statements() -> list[str]:
    numbered = [text for migration in shipped() for text in migration.statements]
    views = [view.statement for view in shipped_views()]
    given = [CREATE, WIDEN, *numbered, *views, *DROPS]
    return [text for statement in given for text in on_cluster(statement, "town")]


def test_every_statement_for_a_cluster_parses(tmp_path: Path) -> None:
    with chdb_store(tmp_path) as store:
        for statement in statements():
            (found,) = store.rows("SELECT formatQuery({sql:String})", {"sql": parsed(statement)})
            assert "ON CLUSTER town" in found[0]


def parsed(statement: str) -> str:
    """Deletions hold parameters; what stands for one does not matter here."""
    return statement.replace("{before:DateTime64(3)}", "now64(3)")


def test_posts_are_dealt_to_shards_and_all_else_is_everywhere() -> None:
    made = "\n\n".join(statements())
    for name in SHARDED:
        assert f"CREATE TABLE IF NOT EXISTS {name}_local ON CLUSTER town" in made
        assert f"Distributed(town, currentDatabase(), {name}_local, cityHash64(source))" in made
        assert f"'/clickhouse/tables/{{shard}}/{{database}}/{name}', '{{replica}}'" in made
    for name in ("matters", "matter_events", "hourly_counts", "marks", "schema_migrations"):
        assert f"CREATE TABLE IF NOT EXISTS {name} ON CLUSTER town" in made
        assert f"'/clickhouse/tables/all/{{database}}/{name}', '{{shard}}-{{replica}}'" in made
    assert "MergeTree(" in made
    assert "ENGINE = ReplacingMergeTree" not in made
    assert "ENGINE = MergeTree" not in made


def test_rows_are_deleted_where_they_lie() -> None:
    (deletion,) = on_cluster("ALTER TABLE posts DELETE WHERE 1", "town")
    assert deletion == "ALTER TABLE posts_local ON CLUSTER town DELETE WHERE 1"


def test_a_new_column_stands_in_both_tables() -> None:
    found = on_cluster("ALTER TABLE posts ADD COLUMN IF NOT EXISTS a String", "town")
    assert [text.split()[2] for text in found] == ["posts_local", "posts"]


def test_one_server_gets_the_statement_itself() -> None:
    assert on_cluster("-- why\nSELECT 1", "") == ["SELECT 1"]


def test_a_store_that_is_one_process_is_no_cluster(tmp_path: Path) -> None:
    store = Store(f"chdb://{tmp_path}/store", cluster="town")
    assert store.cluster == ""
    store.close()


def test_a_cluster_that_the_server_does_not_know_is_told(
    clickhouse_server: ClickHouseServer,
) -> None:
    told = "has no cluster nowhere; take one that stands"
    with (
        closing(Store(clickhouse_server.url, cluster="nowhere")) as store,
        pytest.raises(ConfigError, match=told),
    ):
        migrate(store)
