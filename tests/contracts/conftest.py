"""A migrated store on each engine that the product runs on."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.migrate import migrate
from storage.store import Store
from tests.engines.clickhouse_server import ClickHouseServer


@pytest.fixture(scope="module")
def chdb_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store(f"chdb://{tmp_path_factory.mktemp('chdb')}/store")
    migrate(store)
    yield store
    store.close()


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


@pytest.fixture
def folder_store(tmp_path: Path) -> Iterator[Store]:
    """A chDB store of its own folder; only where no other is open in this process."""
    store = Store(f"chdb://{tmp_path}/store")
    migrate(store)
    yield store
    store.close()
