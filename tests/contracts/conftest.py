"""A migrated store on each engine that the product runs on."""

import uuid
from collections.abc import Iterator

import pytest

from storage.migrate import migrate
from storage.store import Store
from tests.engines.clickhouse_server import ClickHouseServer
from tests.stores import TABLES
from tests.stores import chdb_store as chdb_store_in


@pytest.fixture(scope="module")
def chdb_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with chdb_store_in(tmp_path_factory.mktemp("chdb")) as store:
        yield store


@pytest.fixture(scope="module")
def server_store(clickhouse_server: ClickHouseServer) -> Iterator[Store]:
    name = f"test_{uuid.uuid4().hex}"
    outside = Store(clickhouse_server.url)
    outside.command(f"CREATE DATABASE {name}")
    outside.close()
    store = Store(f"{clickhouse_server.url}/{name}")
    migrate(store)
    yield store
    store.close()


@pytest.fixture(
    params=[
        "chdb",
        pytest.param(
            "clickhouse", marks=[pytest.mark.clickhouse, pytest.mark.xdist_group("clickhouse")]
        ),
    ]
)
def store(request: pytest.FixtureRequest) -> Store:
    """Emptied, on one engine after the other."""
    name = "chdb_store" if request.param == "chdb" else "server_store"
    found: Store = request.getfixturevalue(name)
    for table in TABLES:
        found.command(f"TRUNCATE TABLE {table}")
    return found
