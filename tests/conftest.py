"""Real engines as session fixtures; a test that takes one is marked and kept on one worker."""

import gc
import os
from collections.abc import Iterator

import pytest

from tests.engines.clickhouse_server import ClickHouseServer, running_clickhouse
from tests.engines.downloads import EngineMissing
from tests.engines.kafka_server import KafkaServer, running_kafka

# kafka-python drops sockets of connections that fail, or are made while it closes.
DROPPED_SOCKETS = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
_ENGINES = {"kafka_server": "kafka", "clickhouse_server": "clickhouse"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for fixture, mark in _ENGINES.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(mark)
                item.add_marker(pytest.mark.xdist_group(mark))
        if item.get_closest_marker("kafka"):
            item.add_marker(DROPPED_SOCKETS)


@pytest.fixture(autouse=True)
def _dropped_sockets_end_here(request: pytest.FixtureRequest) -> Iterator[None]:
    """In the test that dropped them, not in whichever comes when they are collected."""
    yield
    if request.node.get_closest_marker("kafka"):
        gc.collect()


def _go_without(engine: str, error: EngineMissing) -> None:
    message = f"{engine} IS NOT TESTED: {error}"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    try:
        with running_kafka(tmp_path_factory.mktemp("kafka")) as server:
            yield server
    except EngineMissing as error:
        _go_without("KAFKA", error)


@pytest.fixture(scope="session")
def clickhouse_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseServer]:
    try:
        with running_clickhouse(tmp_path_factory.mktemp("clickhouse")) as server:
            yield server
    except EngineMissing as error:
        _go_without("CLICKHOUSE", error)
