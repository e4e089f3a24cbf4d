"""Stores for the tests of this folder: an empty place on each engine, not migrated yet."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from storage.store import Store
from tests.engines.clickhouse_server import ClickHouseServer

# Opens the same empty place each time that it is called.
Open = Callable[[], Store]
ENGINES = [
    pytest.param("chdb", marks=pytest.mark.xdist_group("chdb places")),
    pytest.param(
        "clickhouse", marks=[pytest.mark.clickhouse, pytest.mark.xdist_group("clickhouse")]
    ),
]


@contextmanager
def new_database(server: ClickHouseServer) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    outside = Store(server.url)
    outside.command(f"CREATE DATABASE {name}")
    yield f"{server.url}/{name}"
    outside.command(f"DROP DATABASE {name}")
    outside.close()


@pytest.fixture(params=ENGINES)
def dsn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty store on either engine."""
    if request.param == "chdb":
        yield f"chdb://{tmp_path}/store"
        return
    with new_database(request.getfixturevalue("clickhouse_server")) as found:
        yield found


@pytest.fixture
def server_dsn(clickhouse_server: ClickHouseServer) -> Iterator[str]:
    """A new database on the server."""
    with new_database(clickhouse_server) as found:
        yield found


@pytest.fixture
def empty_store(dsn: str) -> Iterator[Store]:
    store = Store(dsn)
    yield store
    store.close()
