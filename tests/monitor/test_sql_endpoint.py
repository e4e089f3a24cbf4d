"""The endpoint as the process opens it: its port, its token, and when there is none."""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from monitor.sql_endpoint import USUAL_PORT, SqlEndpoint, open_sql
from runtime.config import SqlSettings
from runtime.errors import ConfigError
from storage.store import Store
from tests.stores import chdb_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with chdb_store(tmp_path) as opened:
        yield opened


def opened(settings: SqlSettings, store: Store) -> SqlEndpoint:
    found = open_sql(settings, store)
    assert found is not None
    return found


def test_it_answers_to_its_token_made_anew_at_each_start(store: Store) -> None:
    first, second = (opened(SqlSettings(port=0), store) for _ in range(2))
    assert first.token != second.token
    assert len(first.token) >= 32
    first.server.start()
    for token, status in ((first.token, 200), (second.token, 401)):
        headers = {"X-ClickHouse-Key": token}
        answer = httpx.post(first.url, content=b"SELECT 1", headers=headers, trust_env=False)
        assert answer.status_code == status
    first.server.close()
    second.server.close()


def test_a_token_of_the_settings_or_of_a_file(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("in a file\n")
    for settings in (
        SqlSettings(port=0, token=SecretStr("in a file")),
        SqlSettings(port=0, token_file=file),
    ):
        endpoint = opened(settings, store)
        assert endpoint.token == "in a file"
        endpoint.server.close()


def test_a_port_that_is_named_must_be_free(store: Store) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"^sql\.port: 127\.0\.0\.1:{port} is in use"):
            open_sql(SqlSettings(port=port), store)


def test_the_usual_port_is_taken_while_it_is_free(store: Store) -> None:
    """Another program may hold it while this runs: then any free one will do."""
    first = opened(SqlSettings(), store)
    second = opened(SqlSettings(), store)
    assert second.server.port != USUAL_PORT
    assert second.server.port != first.server.port
    first.server.close()
    second.server.close()


def test_none_when_it_is_not_wanted(store: Store) -> None:
    assert open_sql(SqlSettings(enabled=False), store) is None
