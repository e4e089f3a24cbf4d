"""One thin wrapper over clickhouse-connect: `chdb:///dir` or `http://host:8123` from one setting.

Rows go in and come out as plain values with aware UTC times. What each table means stands in the
modules beside this one, which hold the SQL.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

from runtime.errors import ConfigError, RetryLater

Row = tuple[Any, ...]
Params = Mapping[str, object]

# ClickHouse's codes after which the same statement may go through later: time-outs, too many
# queries or parts, memory, disk space, network.
PASSING = frozenset({159, 202, 209, 210, 241, 243, 252})

ASKING_LIMITS = {
    "max_execution_time": 10,
    "max_memory_usage": 1_000_000_000,
    "max_result_rows": 100_000,
    "result_overflow_mode": "'throw'",
}


class StoreError(Exception):
    """A statement that the database refuses; `code` is ClickHouse's own."""

    def __init__(self, error: ClickHouseError) -> None:
        self.code: int = getattr(error, "code", None) or 0
        super().__init__(_first_lines(str(error)))


class Store:
    """Thread-safe: each thread gets its own handle. Close it before opening another path."""

    def __init__(self, dsn: str) -> None:
        """Raises ConfigError when the folder is in use, RetryLater when no server answers."""
        self.dsn = dsn
        self.embedded = dsn.startswith("chdb:")
        self._local = threading.local()
        self._clients: list[Client] = []
        self._lock = threading.Lock()
        self._client()

    @property
    def place(self) -> str:
        """The address without user and password, for people to read."""
        parts = urlsplit(self.dsn)
        if self.embedded:
            return parts.path
        return f"{parts.scheme}://{parts.hostname}:{parts.port or 8123}{parts.path}"

    def rows(self, sql: str, params: Params | None = None) -> list[Row]:
        """The rows of a SELECT; `params` are bound as {name:Type}."""
        client = self._client()
        try:
            result = client.query(sql, parameters=dict(params or {}), tz_mode="aware")
        except ClickHouseError as error:
            raise self._failure(client, error) from error
        return [tuple(row) for row in result.result_rows]

    def command(self, sql: str, params: Params | None = None) -> None:
        client = self._client()
        try:
            client.command(sql, parameters=dict(params or {}))
        except ClickHouseError as error:
            raise self._failure(client, error) from error

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """All rows or none; returns when they are stored."""
        if not rows:
            return
        client = self._client()
        try:
            client.insert(table, rows, column_names=columns)
        except ClickHouseError as error:
            raise self._failure(client, error) from error

    def ask(self, sql: str, form: str) -> bytes:
        """The answer to a foreign SELECT in one of ClickHouse's formats, read-only and limited.

        `readonly` can't be taken back and a failed query leaves rows behind, so the handle is a
        fresh one and is thrown away. Raises StoreError with ClickHouse's own words.
        """
        client = self._connect()
        try:
            for name, value in ASKING_LIMITS.items():
                client.command(f"SET {name} = {value}")
            # Over HTTP the client sends settings of its own, which only 2 admits.
            client.command(f"SET readonly = {1 if self.embedded else 2}")
            answer: bytes = client.raw_query(sql, fmt=form)
        except ClickHouseError as error:
            raise self._failure(client, error) from error
        finally:
            client.close()
        return answer

    def close(self) -> None:
        with self._lock:
            for client in self._clients:
                client.close()
            self._clients.clear()
        self._local = threading.local()

    def _client(self) -> Client:
        client: Client | None = getattr(self._local, "client", None)
        if client is None:
            client = self._connect()
            self._local.client = client
            with self._lock:
                self._clients.append(client)
        return client

    def _connect(self) -> Client:
        try:
            return clickhouse_connect.get_client(dsn=self.dsn)
        except ClickHouseError as error:
            raise self._refusal(error) from error

    def _refusal(self, error: ClickHouseError) -> Exception:
        text = str(error)
        if "already initialized with path" in text:
            return ConfigError(
                f"{self.place}: this process has another store open; close that first"
            )
        if self.embedded and "EmbeddedServer" in text:
            return ConfigError(
                f"{self.place}: the store can't be opened, most likely because another huisheng "
                "process uses it; stop that one or set another data.dir"
            )
        if isinstance(error, OperationalError):
            return RetryLater(f"{self.place}: ClickHouse does not answer: {_first_lines(text)}")
        return ConfigError(
            f"{self.place}: ClickHouse refuses the connection: {_first_lines(text)}; "
            "check store.dsn, its user and password"
        )

    def _failure(self, client: Client, error: ClickHouseError) -> Exception:
        if self.embedded:
            # chDB hands the rows of a query that failed part-way to the next one: take them off.
            client.raw_query("SELECT 1", fmt="Null")
        if isinstance(error, OperationalError) or getattr(error, "code", None) in PASSING:
            return RetryLater(f"{self.place}: {_first_lines(str(error))}")
        return StoreError(error)


def _first_lines(text: str) -> str:
    """ClickHouse's message without the statement and stack trace that follow it."""
    return " ".join(text.split())[:300]
